/** DebugAllocator: what C writes where it must not, found at free, on demand, later and at the end. */
import { describe, expect, test } from 'vitest'
import { BumpAllocator, cAllocator, DebugAllocator, type DebugOptions } from '../../lib/index.js'
import { expectLine, here, misuseBy, peek, poke } from '../support/debug.js'

const file = import.meta.url
const FREED = 0xdd
const FENCE = 0xfd

describe('fences', () => {
  test('surround every block, and the block is filled', () => {
    const debug = new DebugAllocator(cAllocator)
    for (const [size, align] of [
      [0, 1],
      [1, 1],
      [20, 16],
      [100, 64],
      [100_000, 16],
      [40_000, 4096],
    ] as const) {
      const ptr = debug.rawAlloc(size, align)
      expect(peek(ptr - 16, 16)).toEqual(Array(16).fill(FENCE))
      expect(peek(ptr, size + 16)).toEqual([...Array(size).fill(0xcd), ...Array(16).fill(FENCE)])
      debug.rawFree(ptr, size, align)
      if (size > 0) expect(peek(ptr, size)).toEqual(Array(size).fill(FREED))
    }
  })

  test.each([
    ['a byte behind', 20, [1], '0 bytes behind its end (1 byte, the first is 0x01 now)'],
    ['the last byte of the fence', 35, [2], '15 bytes behind its end (1 byte'],
    ['bytes behind', 22, [3, 4, 5], '2 bytes behind its end (3 bytes, the first is 0x03 now)'],
    ['a byte before', -1, [6], '1 byte before its start (1 byte, the first is 0x06 now)'],
    ['bytes before', -16, [7, 8], '16 bytes before its start (2 bytes'],
  ])('%s is found at free, and nothing was freed', (_, offset, bytes, text) => {
    const debug = new DebugAllocator(cAllocator)
    const start = here()
    const a = debug.alloc(20)
    poke(a.ptr + offset, ...bytes)
    const error = misuseBy('CORRUPTED', () => a.free())
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.freedAt, null, file)
    expectLine(error.foundAt, start + 3, file)
    expect(error.message).toContain(text)
    expect(a.freed).toBe(false)
    a.free()
    expect(debug.deinit()).toBe('ok')
  })

  test.each([10, 1000, 100_000])('of a block of %i bytes is looked at by resize', (size) => {
    const debug = new DebugAllocator(cAllocator)
    const a = debug.alloc(size)
    poke(a.ptr + size, 0)
    misuseBy('CORRUPTED', () => a.resize(size - 1))
    expect(a.size).toBe(size)
    expect(a.resize(size - 1)).toBe(true)
    poke(a.ptr + size - 1, 9)
    misuseBy('CORRUPTED', () => a.free())
    a.free()
  })

  test('realloc of a damaged block leaves it as it was', () => {
    const debug = new DebugAllocator(cAllocator)
    const a = debug.dupe('hello')
    poke(a.ptr - 5, 0)
    misuseBy('CORRUPTED', () => debug.realloc(a, 100_000))
    expect(Buffer.from(a.bytes).toString()).toBe('hello')
    expect(debug.totalRequestedBytes).toBe(5)
    expect(Buffer.from(debug.realloc(a, 100_000).bytes.subarray(0, 5)).toString()).toBe('hello')
  })

  test('are as wide as asked for', () => {
    const debug = new DebugAllocator(cAllocator, { fenceBytes: 300 })
    const a = debug.alloc(10)
    poke(a.ptr + 10 + 303, 0)
    misuseBy('CORRUPTED', () => a.free())
    poke(a.ptr - 304, 0)
    misuseBy('CORRUPTED', () => a.free())
    a.free()
  })

  test('need not be', () => {
    const debug = new DebugAllocator(cAllocator, { fenceBytes: 0 })
    const [a, b] = [debug.alloc(16), debug.alloc(16)]
    expect(b.ptr - a.ptr).toBe(16)
    poke(a.ptr + 16, 1)
    a.free()
    expect(b.bytes[0]).toBe(1)
  })
})

describe('check', () => {
  test('finds what is damaged now, tells it once, and keeps the rest in errors', () => {
    const debug = new DebugAllocator(cAllocator)
    const [a, b] = [debug.alloc(10), debug.alloc(10)]
    debug.check()
    poke(a.ptr + 10, 1)
    poke(b.ptr - 1, 1)
    const start = here()
    const error = misuseBy('CORRUPTED', () => debug.check())
    expectLine(error.foundAt, start + 1, file)
    expect(error.block!.ptr).toBe(a.ptr)
    debug.check()
    expect(debug.errors.length).toBe(2)
    a.free()
    b.free()
    debug.check()
  })

  test('finds a write after free, small and large', () => {
    for (const size of [10, 200_000]) {
      const debug = new DebugAllocator(cAllocator)
      const start = here()
      const ptr = debug.rawAlloc(size, 16)
      debug.rawFree(ptr, size, 16)
      poke(ptr + size - 1, 0x41)
      const error = misuseBy('USE_AFTER_FREE', () => debug.check())
      expectLine(error.allocatedAt, start + 1, file)
      expectLine(error.freedAt, start + 2, file)
      expect(error.message).toContain(`from byte ${size - 1} on (1 byte, the first is 0x41 now)`)
      debug.check()
    }
  })
})

describe('write after free', () => {
  const SMALL: DebugOptions = { pageSize: 1024, quarantineBytes: 4096 }

  test('is found when the block goes back, by the next allocation, which does nothing', () => {
    const debug = new DebugAllocator(cAllocator, SMALL)
    const start = here()
    const ptr = debug.rawAlloc(1000, 16)
    debug.rawFree(ptr, 1000, 16)
    poke(ptr, 1, 2, 3)
    const others = Array.from({ length: 5 }, () => debug.rawAlloc(1000, 16))
    for (const other of others) debug.rawFree(other, 1000, 16)
    const error = misuseBy('USE_AFTER_FREE', () => debug.alloc(8))
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.freedAt, start + 2, file)
    expect(debug.totalRequestedBytes).toBe(0)
    debug.alloc(8).free()
    expect(debug.deinit()).toBe('ok')
  })

  test('is found at the end, when everything has been given back', () => {
    const inner = new BumpAllocator(2 ** 20)
    const debug = new DebugAllocator(inner)
    const ptr = debug.rawAlloc(100, 16)
    debug.rawFree(ptr, 100, 16)
    poke(ptr + 50, 0)
    misuseBy('USE_AFTER_FREE', () => debug.deinit())
    expect(inner.stats().used).toBe(0)
    expect(debug.deinit()).toBe('ok')
  })

  test('an overrun is found at the end too', () => {
    const debug = new DebugAllocator(cAllocator)
    const a = debug.alloc(100)
    poke(a.ptr + 100, 0)
    misuseBy('CORRUPTED', () => debug.dispose())
    expect(debug.deinit()).toBe('leak')
  })

  test('is not found when nothing is held back', () => {
    const inner = new BumpAllocator(2 ** 20)
    const debug = new DebugAllocator(inner, { quarantineBytes: 0, pageSize: 1024 })
    const ptr = debug.rawAlloc(1000, 16)
    debug.rawFree(ptr, 1000, 16)
    expect(inner.stats().used).toBe(0)
    poke(ptr, 0)
    expect(debug.deinit()).toBe('ok')
  })
})

test('blocks are left as they come where that is zeros', () => {
  const inner = new BumpAllocator(new ArrayBuffer(2 ** 20))
  const debug = new DebugAllocator(inner, { backingZeroes: true })
  const a = debug.alloc(20)
  expect([...a.bytes]).toEqual(Array(20).fill(0))
  expect(a.resize(24)).toBe(true)
  expect([...a.bytes]).toEqual(Array(24).fill(0))
  const large = debug.alloc(100_000)
  expect(large.bytes.every((byte) => byte === 0)).toBe(true)
})

test('what overruns a block damages no bookkeeping', () => {
  const region = new ArrayBuffer(2 ** 20)
  const debug = new DebugAllocator(new BumpAllocator(region), { pageSize: 4096 })
  const blocks = Array.from({ length: 50 }, (_, i) => debug.alloc(i * 7))
  new Uint8Array(region).fill(0x5a)
  for (const a of blocks) {
    misuseBy('CORRUPTED', () => a.free())
    a.free()
  }
  expect(debug.totalRequestedBytes).toBe(0)
  const again = debug.alloc(100)
  again.free()
  expect(debug.deinit()).toBe('ok')
})
