/** FreeType: an FT_MemoryRec_. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const FREETYPE = contract(Library.FREETYPE, 'freetype', 'user', 'alloc', 'free', 'realloc')

/**
 * What FreeType wants, over an allocator: pass `address` as the FT_Memory of FT_New_Library, then call
 * FT_Add_Default_Modules. FT_Done_Library frees all.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function freetypeAdapter(
  allocator: Allocator,
): Adapter<'user' | 'alloc' | 'free' | 'realloc'> {
  return new Adapter(allocator, FREETYPE)
}
