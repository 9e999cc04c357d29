/** yyjson: a yyjson_alc. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const YYJSON = contract(Library.YYJSON, 'yyjson', 'malloc', 'realloc', 'free', 'ctx')

/**
 * What yyjson wants, over an allocator: pass `address` as the yyjson_alc of yyjson_read_opts,
 * yyjson_mut_doc_new, yyjson_write_opts and the like.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function yyjsonAdapter(
  allocator: Allocator,
): Adapter<'malloc' | 'realloc' | 'free' | 'ctx'> {
  return new Adapter(allocator, YYJSON)
}
