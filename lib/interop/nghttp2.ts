/** nghttp2: an nghttp2_mem. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const NGHTTP2 = contract(
  Library.NGHTTP2,
  'nghttp2',
  'mem_user_data',
  'malloc',
  'free',
  'calloc',
  'realloc',
)

/**
 * What nghttp2 wants, over an allocator: pass `address` as the nghttp2_mem of
 * nghttp2_session_client_new3, nghttp2_session_server_new3, nghttp2_hd_deflate_new2 and the like.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function nghttp2Adapter(
  allocator: Allocator,
): Adapter<'mem_user_data' | 'malloc' | 'free' | 'calloc' | 'realloc'> {
  return new Adapter(allocator, NGHTTP2)
}
