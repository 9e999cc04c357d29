/** Lua in a slab heap: a script that builds a large table, and the heap's figures in JavaScript. */
import { promisify } from 'node:util'
import {
  BumpAllocator,
  LimitAllocator,
  refusedCalls,
  Region,
  SlabAllocator,
  ThreadSafeAllocator,
} from '../../lib/index.js'
import { luaAdapter } from '../../lib/interop/index.js'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const BUILD = `
  local t = {}
  for i = 1, 20000 do t[i] = { id = i, name = 'row ' .. i } end
  assert(t[20000].name == 'row 20000')
  for i = 1, 20000, 2 do t[i] = nil end
  collectgarbage()
  return collectgarbage('count') * 1024`

const OUT_OF_MEMORY = 4

describeLibrary('liblua5.4.so.0', 'liblua5.4-0', (lua) => {
  const newstate = lua.func('void *lua_newstate(void *f, void *ud)')
  const openlibs = lua.func('void luaL_openlibs(void *)')
  const loadstring = lua.func('int luaL_loadstring(void *, const char *)')
  const pcall = lua.func('int lua_pcallk(void *, int, int, int, intptr_t, void *)')
  const tonumber = lua.func('double lua_tonumberx(void *, int, void *)')
  const close = lua.func('void lua_close(void *)')

  const run = (state: unknown, script: string): number => {
    expect(loadstring(state, script)).toBe(0)
    return pcall(state, 0, 1, 0, 0, null) as number
  }

  it('builds a table, and counts the same bytes as its heap', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 26 })
    using adapter = luaAdapter(heap)
    const state = newstate(adapter.fields.f, adapter.fields.ud)
    openlibs(state)
    expect(run(state, BUILD)).toBe(0)
    // What Lua itself counts, and what came after it had counted.
    const counted = tonumber(state, -1, null) as number
    const { blocks, bytes } = adapter.stats()
    expect(Math.abs(bytes - counted)).toBeLessThan(2000)
    expect(blocks).toBeGreaterThan(20_000)
    expect(heap.stats().used).toBe(bytes)
    expect(heap.stats().peak).toBeGreaterThan(bytes)
    expect(adapter.stats().peakBytes).toBe(heap.stats().peak)
    close(state)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  it('goes with a reset, without lua_close', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 26 })
    using adapter = luaAdapter(heap)
    const state = newstate(adapter.fields.f, adapter.fields.ud)
    openlibs(state)
    expect(run(state, BUILD)).toBe(0)
    heap.reset()
    adapter.forget()
    expect(heap.stats().used).toBe(0)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, peakBytes: 0 })
  })

  it('runs in a bump arena, whose blocks have no headers', () => {
    using arena = new BumpAllocator(2 ** 25)
    using adapter = luaAdapter(arena)
    const state = newstate(adapter.fields.f, adapter.fields.ud)
    openlibs(state)
    expect(run(state, 'local t = {} for i = 1, 1000 do t[i] = "x" .. i end return #t')).toBe(0)
    expect(tonumber(state, -1, null)).toBe(1000)
    expect(arena.stats().used).toBe(adapter.stats().bytes)
    close(state)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: 0 })
  })

  it('gets an error in Lua when the heap is full, and goes on', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 18 })
    using adapter = luaAdapter(heap)
    const state = newstate(adapter.fields.f, adapter.fields.ud)
    openlibs(state)
    expect(run(state, BUILD)).toBe(OUT_OF_MEMORY)
    expect(adapter.stats().failures).toBeGreaterThan(0)
    expect(run(state, 'return 6 * 7')).toBe(0)
    expect(tonumber(state, -1, null)).toBe(42)
    close(state)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: 0 })
  })

  it('runs in four threads at once over a heap with a lock, which counts them all', async () => {
    using heap = new ThreadSafeAllocator(new SlabAllocator(Region.shared(2 ** 26)))
    using adapter = luaAdapter(heap)
    const states = Array.from({ length: 4 }, () => newstate(adapter.fields.f, adapter.fields.ud))
    const runs = states.map((state) => {
      openlibs(state)
      expect(loadstring(state, BUILD)).toBe(0)
      return promisify(pcall.async)(state, 0, 1, 0, 0, null)
    })
    expect(await Promise.all(runs)).toEqual([0, 0, 0, 0])
    expect(heap.stats().used).toBe(adapter.stats().bytes)
    expect(adapter.stats().blocks).toBeGreaterThan(80_000)
    for (const state of states) close(state)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  // koffi calls C on a stack of its own, where V8 would end the process.
  it('gets no memory through koffi from an allocator that is written in JavaScript', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 24 })
    const limited = new LimitAllocator(heap, 2 ** 20)
    const adapter = luaAdapter(limited)
    expect(() => limited.dispose()).toThrow(/C holds it/)
    const before = refusedCalls()
    expect(newstate(adapter.fields.f, adapter.fields.ud)).toBe(null)
    expect(refusedCalls()).toBeGreaterThan(before)
    expect(adapter.stats()).toMatchObject({ blocks: 0, failures: 1 })
    adapter.release()
    limited.dispose()
  })
})
