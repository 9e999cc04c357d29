/** zstd: a ZSTD_customMem. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const ZSTD = contract(Library.ZSTD, 'zstd', 'customAlloc', 'customFree', 'opaque')

/**
 * What zstd wants, over an allocator: a ZSTD_customMem. Its functions with `_advanced` in their names
 * (ZSTD_createCCtx_advanced, ZSTD_createDCtx_advanced) take it by value: pass `fields`. Those are for
 * static linking only, says its header; Debian's libzstd1 exports them nevertheless.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function zstdAdapter(
  allocator: Allocator,
): Adapter<'customAlloc' | 'customFree' | 'opaque'> {
  return new Adapter(allocator, ZSTD)
}
