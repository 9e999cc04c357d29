/** DebugAllocator: what was not freed, by the line that allocated it, and what the log says. */
import { expect, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  type DebugLeak,
  DebugAllocator,
  type OffheapError,
} from '../../lib/index.js'
import { expectLine, here, poke } from '../support/debug.js'
import { expectCode } from '../support/errors.js'

const file = import.meta.url

test('groups by line, the most bytes first, with sizes and addresses', () => {
  const debug = new DebugAllocator(cAllocator)
  const sizes = [10, 20, 10]
  const start = here()
  const small = sizes.map((size) => debug.alloc(size))
  const large = debug.alloc(1000)
  debug.alloc(5000).free()
  const leaks = debug.detectLeaks()
  expect(leaks.map(({ blocks, bytes }) => [blocks, bytes])).toEqual([
    [1, 1000],
    [3, 40],
  ])
  expectLine(leaks[0]!.stack, start + 2, file)
  expectLine(leaks[1]!.stack, start + 1, file)
  expect(leaks[1]!.sizes).toEqual([
    { size: 20, count: 1 },
    { size: 10, count: 2 },
  ])
  expect(leaks[1]!.ptrs).toEqual(small.map(({ ptr }) => ptr))
  for (const a of [...small, large]) a.free()
  expect(debug.detectLeaks()).toEqual([])
  expect(debug.deinit()).toBe('ok')
})

test('callers tell stacks apart, as far as they are kept', () => {
  const make = (debug: DebugAllocator): unknown => debug.alloc(8)
  const one = (debug: DebugAllocator): unknown[] => [make(debug)]
  const other = (debug: DebugAllocator): unknown[] => [make(debug)]
  for (const [frames, groups] of [
    [0, 1],
    [1, 1],
    [2, 2],
  ]) {
    const debug = new DebugAllocator(cAllocator, { stackTraceFrames: frames! })
    one(debug)
    other(debug)
    expect(debug.detectLeaks().length).toBe(groups)
  }
})

test('a resize is where a block is from, if that is wanted', () => {
  for (const resizeStackTraces of [false, true]) {
    const debug = new DebugAllocator(cAllocator, { resizeStackTraces })
    const start = here()
    const a = debug.alloc(20)
    expect(a.resize(22)).toBe(true)
    const [leak] = debug.detectLeaks()
    expectLine(leak!.stack, start + (resizeStackTraces ? 2 : 1), file)
    expect(leak!.bytes).toBe(22)
  }
})

test('deinit says whether anything leaks, once for good, and gives all back', () => {
  const inner = new BumpAllocator(2 ** 20)
  const debug = new DebugAllocator(inner)
  const a = debug.alloc(100)
  debug.alloc(200_000)
  expect(debug.deinit()).toBe('leak')
  expect(debug.deinit()).toBe('leak')
  expect(inner.stats().used).toBe(0)
  for (const use of [
    () => debug.alloc(8),
    () => debug.rawAlloc(8, 8),
    () => a.bytes,
    () => a.free(),
    () => debug.check(),
    () => debug.rawResize(16, 8, 8, 4),
  ]) {
    expectCode('DISPOSED', use)
  }
  expect(debug.detectLeaks()).toEqual([])
  expect(debug.owns(a.ptr)).toBe(false)
  debug.dispose()
})

test('deinit waits for C to let go', () => {
  const debug = new DebugAllocator(cAllocator)
  const { valloc } = debug
  expectCode('PINNED', () => debug.deinit())
  debug.alloc(10).free()
  valloc.release()
  expect(debug.deinit()).toBe('ok')
})

test('assertNoLeaks throws them', () => {
  const debug = new DebugAllocator(cAllocator)
  debug.assertNoLeaks()
  const start = here()
  const a = debug.alloc(123)
  const error = expectCode('LEAK', () => debug.assertNoLeaks()) as OffheapError & {
    leaks: DebugLeak[]
  }
  expectLine(error.leaks[0]!.stack, start + 1, file)
  expect(error.message).toContain('123 bytes in 1 block not freed')
  expect(error.message).toContain(`:${start + 1}:`)
  a.free()
  debug.assertNoLeaks()
})

test('the log has a line an operation, a finding and a leak', () => {
  const lines: string[] = []
  const debug = new DebugAllocator(cAllocator, { verboseLog: (line) => void lines.push(line) })
  const a = debug.alloc(20, 8)
  const at = `0x${a.ptr.toString(16)}`
  a.resize(24)
  debug.tryAlloc(2 ** 50)
  poke(a.ptr + 24, 0)
  expectCode('CORRUPTED', () => a.free())
  debug.detectLeaks()
  a.free()
  expectCode('DOUBLE_FREE', () => a.free())
  debug.alloc(1).free()
  expect(debug.deinit()).toBe('ok')
  expect(lines.slice(0, 4)).toEqual([
    `alloc size=20 align=8 ptr=${at}`,
    `resize ptr=${at} size=20 align=8 newSize=24 ok=true`,
    `alloc size=${2 ** 50} align=16 ptr=0x0`,
    expect.stringMatching(/^error code=ERR_OFFHEAP_CORRUPTED .* 0 bytes behind its end/),
  ])
  expect(lines[4]).toMatch(/^leak bytes=24 blocks=1 at .*debug-leaks\.test\.ts:\d+:\d+\)?$/)
  expect(lines[5]).toBe(`free ptr=${at} size=24 align=8`)
  expect(lines[6]).toMatch(/^error code=ERR_OFFHEAP_DOUBLE_FREE /)
  expect(lines.length).toBe(9)
})

test('a log that throws costs no block, and one that allocates is served', () => {
  let fail = false
  const debug: DebugAllocator = new DebugAllocator(cAllocator, {
    verboseLog() {
      debug.alloc(8).free()
      if (fail) throw new Error('full')
    },
  })
  const a = debug.alloc(10)
  fail = true
  a.free()
  expect(a.freed).toBe(true)
  fail = false
  expect(() => debug.alloc(10)).toThrow('full')
  debug.alloc(10).free()
  expect(debug.deinit()).toBe('ok')
})
