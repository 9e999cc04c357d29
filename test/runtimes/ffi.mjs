// C libraries called through node:ffi allocate from ours: on Nodes that have it (26.1 and later, Linux).
// Libraries that Node has no copy of: node:ffi cannot keep those apart. A line a check, counts last.
//   node test/runtimes/ffi.mjs

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import ffi from 'node:ffi'
import { BumpAllocator, Layout, LimitAllocator, SlabAllocator } from 'offheap'
import { expatAdapter, luaAdapter, readCString, readStruct } from 'offheap/interop'

const POINTER = 'pointer'
const INT = 'int32'

/** The libraries, and the functions of each that are called. */
const libraries = {
  'liblua5.4.so.0': {
    lua_newstate: [[POINTER, POINTER], POINTER],
    luaL_openlibs: [[POINTER], 'void'],
    luaL_loadstring: [[POINTER, POINTER], INT],
    lua_pcallk: [[POINTER, INT, INT, INT, 'int64', POINTER], INT],
    lua_tonumberx: [[POINTER, INT, POINTER], 'double'],
    lua_tolstring: [[POINTER, INT, POINTER], POINTER],
    lua_close: [[POINTER], 'void'],
  },
  'libexpat.so.1': {
    XML_ParserCreate_MM: [[POINTER, POINTER, POINTER], POINTER],
    XML_Parse: [[POINTER, POINTER, INT, INT], INT],
    XML_GetParsingStatus: [[POINTER, POINTER], 'void'],
    XML_GetCurrentLineNumber: [[POINTER], 'uint64'],
    XML_ParserFree: [[POINTER], 'void'],
  },
}

function load(file) {
  const signatures = Object.entries(libraries[file]).map(([name, [parameters, result]]) => [
    name,
    { arguments: parameters, return: result },
  ])
  return ffi.dlopen(file, Object.fromEntries(signatures)).functions
}

/** Runs a script in a state, and gives back its result as a number. */
function run(lua, heap, state, script) {
  const text = heap.dupeZ(script)
  assert.equal(lua.luaL_loadstring(state, text.address), 0)
  text.free()
  assert.equal(lua.lua_pcallk(state, 0, 1, 0, 0n, 0n), 0)
  return lua.lua_tonumberx(state, -1, 0n)
}

const TABLE = 'local t = {} for i = 1, 10000 do t[i] = { name = "row " .. i } end return #t'

const checks = {
  'Lua in a slab heap': [
    'liblua5.4.so.0',
    (lua) => {
      const scripts = new SlabAllocator({ reserve: 2 ** 20 })
      const heap = new SlabAllocator({ reserve: 2 ** 26 })
      const adapter = luaAdapter(heap)
      const state = lua.lua_newstate(adapter.fields.f, adapter.fields.ud)
      lua.luaL_openlibs(state)
      assert.equal(run(lua, scripts, state, TABLE), 10_000)
      assert.ok(adapter.stats().blocks > 10_000)
      assert.equal(heap.stats().used, adapter.stats().bytes)
      run(lua, scripts, state, 'return "a string of Lua"')
      assert.equal(readCString(lua.lua_tolstring(state, -1, 0n), 100), 'a string of Lua')
      lua.lua_close(state)
      assert.equal(heap.stats().used, 0)
      adapter.release()
      heap.dispose()
    },
  ],

  // node:ffi stays on the thread's own stack, where JavaScript can run.
  'Lua over an allocator that is written in JavaScript': [
    'liblua5.4.so.0',
    (lua) => {
      const heap = new SlabAllocator({ reserve: 2 ** 26 })
      const limited = new LimitAllocator(heap, 2 ** 24)
      const adapter = luaAdapter(limited)
      const state = lua.lua_newstate(adapter.fields.f, adapter.fields.ud)
      assert.notEqual(state, 0n)
      assert.equal(run(lua, heap, state, TABLE), 10_000)
      assert.equal(limited.stats().used, adapter.stats().bytes)
      lua.lua_close(state)
      assert.equal(limited.stats().used, 0)
      adapter.release()
      limited.dispose()
      heap.dispose()
    },
  ],

  'Expat out of a bump arena': [
    'libexpat.so.1',
    (expat) => {
      const file = readFileSync(new URL('../../docs/img/traces.svg', import.meta.url))
      const input = new BumpAllocator(file.length + 100)
      const text = input.dupe(file)
      const status = input.allocZeroed(Layout.struct({ state: Layout.i32, final: Layout.u8 }))
      const arena = new BumpAllocator(2 ** 22)
      const adapter = expatAdapter(arena)
      const parser = expat.XML_ParserCreate_MM(0n, adapter.address, 0n)
      assert.equal(expat.XML_Parse(parser, text.address, text.size, 1), 1)
      expat.XML_GetParsingStatus(parser, status.address)
      const read = readStruct(
        Layout.struct({ state: Layout.i32, final: Layout.u8 }),
        status.address,
      )
      assert.deepEqual(read, { state: 2, final: 1 })
      assert.ok(
        expat.XML_GetCurrentLineNumber(parser) >= file.toString().trimEnd().split('\n').length,
      )
      assert.ok(adapter.stats().blocks > 10)
      arena.reset()
      adapter.forget()
      adapter.release()
      arena.dispose()
      input.dispose()
    },
  ],
}

const counts = { passed: 0, failed: 0, skipped: 0 }
for (const [name, [file, check]] of Object.entries(checks)) {
  let functions
  try {
    functions = load(file)
  } catch (error) {
    console.log(`${process.env.CI ? 'FAILED' : 'skipped'} ${name}: no ${file} (${error.message})`)
    counts[process.env.CI ? 'failed' : 'skipped'] += 1
    continue
  }
  try {
    check(functions)
    counts.passed += 1
    console.log(`ok node:ffi: ${name}`)
  } catch (error) {
    counts.failed += 1
    console.log(`FAILED node:ffi: ${name}\n${error.stack}`)
  }
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0
