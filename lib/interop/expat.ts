/** Expat: an XML_Memory_Handling_Suite. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const EXPAT = contract(Library.EXPAT, 'expat', 'malloc_fcn', 'realloc_fcn', 'free_fcn')

/**
 * What Expat wants, over an allocator: pass `address` as the suite of XML_ParserCreate_MM. Its functions get no
 * context, so there are 8 sets of them, for all adapters of Expat and SQLite in all threads
 * together; each has one until it is released.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory and when all 8 are taken. A microsecond or two.
 */
export function expatAdapter(
  allocator: Allocator,
): Adapter<'malloc_fcn' | 'realloc_fcn' | 'free_fcn'> {
  return new Adapter(allocator, EXPAT)
}
