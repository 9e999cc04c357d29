/** Lua: the two arguments of lua_newstate. */
import type { Allocator } from '../core/allocator.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const LUA = contract(Library.LUA, 'lua', 'f', 'ud')

/**
 * What Lua wants, over an allocator: pass `fields.f` and `fields.ud` to lua_newstate. Lua tells
 * sizes, so no block has a header and `bytes` are what Lua asked for. A block never fails to shrink.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function luaAdapter(allocator: Allocator): Adapter<'f' | 'ud'> {
  return new Adapter(allocator, LUA)
}
