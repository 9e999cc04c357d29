// Lua in a heap of its own: a script builds a large table, JavaScript reads what the heap holds and
// has held, and a limit on the heap is an error inside of Lua that it survives.
// Run it: npm run build, then node examples/lua-heap/main.mjs
//
// Needs liblua5.4.so.0 and koffi, which calls it.

import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { SlabAllocator } from 'offheap'
import { luaAdapter } from 'offheap/interop'

const lua = koffi.load('liblua5.4.so.0')
const newstate = lua.func('void *lua_newstate(void *f, void *ud)')
const openlibs = lua.func('void luaL_openlibs(void *)')
const loadbuffer = lua.func(
  'int luaL_loadbufferx(void *, void *text, size_t size, const char *name, const char *mode)',
)
const pcall = lua.func('int lua_pcallk(void *, int, int, int, intptr_t, void *)')
const tonumber = lua.func('double lua_tonumberx(void *, int, void *)')

const STATUS = ['OK', 'YIELD', 'ERRRUN', 'ERRSYNTAX', 'ERRMEM']
const script = readFileSync(new URL('table.lua', import.meta.url))
const MiB = 2 ** 20

/** Runs the script in a heap of so many bytes, which one reset empties: there is no lua_close. */
function run(reserve) {
  const heap = new SlabAllocator({ reserve })
  const adapter = luaAdapter(heap)
  const state = newstate(adapter.fields.f, adapter.fields.ud)
  openlibs(state)
  loadbuffer(state, script, script.length, 'table.lua', 't')
  const status = STATUS[pcall(state, 0, 1, 0, 0, null)]
  const result = status === 'OK' ? tonumber(state, -1, null) : null

  const { used, peak } = heap.stats()
  const { bytes, failures } = adapter.stats()
  heap.reset()
  adapter.forget()
  const after = heap.stats().used
  adapter.release()
  heap.dispose()
  return { status, result, used, peak, counted: bytes, failures, after }
}

const whole = run(64 * MiB)
console.log(`${whole.status}: ${whole.result} rows are left`)
console.log(`the heap holds what Lua asked for: ${whole.used === whole.counted}`)
console.log(
  `it holds ${Math.round(whole.used / MiB)} MiB, and held ${Math.round(whole.peak / MiB)}`,
)
console.log(`after a reset: ${whole.after}`)
// prints OK: 5000 rows are left
// prints the heap holds what Lua asked for: true
// prints it holds 4 MiB, and held 18
// prints after a reset: 0

const small = run(4 * MiB)
console.log(`in 4 MiB: ${small.status}, ${small.failures > 0}`)
// prints in 4 MiB: ERRMEM, true
