// Lua, called through koffi, in a slab heap and with its own realloc.

import { SlabAllocator } from 'offheap'
import { luaAdapter } from 'offheap/interop'

/** 2,000 tables and as many strings, an index of them; most of it goes again. */
const SCRIPT = `
  local rows, by_name = {}, {}
  for i = 1, 2000 do
    rows[i] = { id = i, name = 'row ' .. i, tags = { i % 7, i % 11 } }
    by_name[rows[i].name] = rows[i]
  end
  for i = 1, 2000 do
    if i % 10 ~= 0 then by_name[rows[i].name], rows[i] = nil, false end
  end
  collectgarbage()
  return by_name['row 1000'].id`

async function library() {
  const { default: koffi } = await import('koffi')
  const lua = koffi.load('liblua5.4.so.0')
  const load = lua.func('int luaL_loadbufferx(void *, void *, size_t, const char *, const char *)')
  const call = lua.func('int lua_pcallk(void *, int, int, int, intptr_t, void *)')
  const tonumber = lua.func('double lua_tonumberx(void *, int, void *)')
  const openlibs = lua.func('void luaL_openlibs(void *)')
  const script = Buffer.from(SCRIPT)

  function run(state) {
    openlibs(state)
    load(state, script, script.length, 'script', 't')
    if (call(state, 0, 1, 0, 0, null) !== 0) throw new Error('the script failed')
    return tonumber(state, -1, null)
  }
  return {
    run,
    close: lua.func('void lua_close(void *)'),
    newstate: lua.func('void *lua_newstate(void *f, void *ud)'),
    defaultState: lua.func('void *luaL_newstate()'),
  }
}

/** A whole state for each script: made, filled, ended. */
const arm = (batch) => ({ batch, unit: 10, whole: true })

async function slab() {
  const { run, close, newstate } = await library()
  const heap = new SlabAllocator({ reserve: 2 ** 26 })
  const { fields } = luaAdapter(heap)
  return arm((n) => {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const state = newstate(fields.f, fields.ud)
      sum += run(state)
      close(state)
    }
    if (heap.stats().used !== 0) throw new Error('something is left')
    return sum
  })
}

async function slabReset() {
  const { run, newstate } = await library()
  const heap = new SlabAllocator({ reserve: 2 ** 26 })
  const adapter = luaAdapter(heap)
  return arm((n) => {
    let sum = 0
    for (let i = 0; i < n; i++) {
      sum += run(newstate(adapter.fields.f, adapter.fields.ud))
      heap.reset()
      adapter.forget()
    }
    return sum
  })
}

async function own() {
  const { run, close, defaultState } = await library()
  return arm((n) => {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const state = defaultState()
      sum += run(state)
      close(state)
    }
    return sum
  })
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'lua',
  title: 'Lua building tables',
  about: 'a new state, a script with 2,000 rows that are mostly let go, lua_close, through koffi',
  arms: {
    slab: { label: 'a SlabAllocator', setup: slab, ours: true, needs: 'lua' },
    reset: {
      label: 'the same, a reset in place of lua_close',
      setup: slabReset,
      ours: true,
      needs: 'lua',
    },
    own: { label: "Lua's own: realloc of the C library", setup: own, needs: 'lua' },
  },
  base: 'own',
  bars: [{ arm: 'slab', peer: 'own', atMost: 1 }],
}
