/** DebugAllocator: what each option does, and what is no option. */
import { describe, expect, test } from 'vitest'
import {
  Allocator,
  BumpAllocator,
  cAllocator,
  DebugAllocator,
  type DebugOptions,
  FailingAllocator,
  nullAllocator,
  SlabAllocator,
} from '../../lib/index.js'
import { BAD_SIZES, wrong } from '../support/bad-values.js'
import { misuseBy, poke } from '../support/debug.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

describe('what is no option', () => {
  test.each([null, 5, 'x', true, Symbol('x')])('options %s', (options) => {
    expectCode('INVALID_ARGUMENT', () => new DebugAllocator(cAllocator, wrong(options)))
  })

  test('an inner allocator that is none', () => {
    for (const inner of [undefined, null, {}, 'cAllocator', Allocator]) {
      expectCode('INVALID_ARGUMENT', () => new DebugAllocator(wrong(inner)))
    }
  })

  const flags = ['safety', 'neverUnmap', 'retainMetadata', 'resizeStackTraces', 'backingZeroes']
  test.each([...flags, 'threadSafe', 'guard'])('%s', (name) => {
    for (const value of [0, 1, 'true', {}]) {
      const make = () => new DebugAllocator(cAllocator, { [name]: value })
      expectCode('INVALID_ARGUMENT', make)
    }
  })

  const counts = ['stackTraceFrames', 'memoryLimit', 'pageSize', 'quarantineBytes', 'fenceBytes']
  test.each([...counts, 'guardEvery', 'guardSlots'])('%s', (name) => {
    const takesInfinity = name === 'memoryLimit' || name === 'quarantineBytes'
    for (const value of BAD_SIZES) {
      if (value === null || (takesInfinity && value === Infinity)) continue
      const make = () => new DebugAllocator(cAllocator, { [name]: value })
      expectCode('INVALID_ARGUMENT', make)
    }
  })

  test.each([
    { stackTraceFrames: 65 },
    { pageSize: 512 },
    { pageSize: 3000 },
    { pageSize: 2 ** 31 },
    { fenceBytes: 65_537 },
    { guardSlots: 0 },
    { guard: true, guardEvery: 5 },
    { verboseLog: 'stdout' as never },
  ] satisfies DebugOptions[])('%o', (options) => {
    expectCode('INVALID_ARGUMENT', () => new DebugAllocator(cAllocator, options))
  })

  test('threadSafe: it cannot be', () => {
    const make = () => new DebugAllocator(cAllocator, { threadSafe: true })
    expectCode('UNSUPPORTED', make)
    new DebugAllocator(cAllocator, { threadSafe: false }).dispose()
  })
})

describe('memoryLimit', () => {
  test('counts what callers asked for', () => {
    const debug = new DebugAllocator(cAllocator, { memoryLimit: 100 })
    const a = debug.alloc(60)
    expect(debug.tryAlloc(41)).toBe(null)
    expect(debug.totalRequestedBytes).toBe(60)
    const b = debug.alloc(40)
    expect(debug.totalRequestedBytes).toBe(100)
    expect(a.resize(61)).toBe(false)
    expectCode('OUT_OF_MEMORY', () => debug.realloc(a, 61))
    expect(a.resize(59)).toBe(true)
    expect(debug.tryAlloc(2)).toBe(null)
    b.free()
    expect(debug.totalRequestedBytes).toBe(59)
    expect(debug.stats()).toMatchObject({ used: 59, peak: 100, capacity: 100 })
    a.free()
    expect(debug.deinit()).toBe('ok')
  })

  test.each([
    ['has no memory', () => nullAllocator],
    ['throws', () => new PassingAllocator(new BumpAllocator(64), new BumpAllocator(64))],
    ['fails', () => new FailingAllocator(cAllocator, { failIndex: 0 })],
  ])('is rolled back when the inner allocator %s', (_, make) => {
    const debug = new DebugAllocator(make(), { memoryLimit: 100 })
    for (let i = 0; i < 3; i++) {
      expect(debug.tryAlloc(80)).toBe(null)
      expect(debug.totalRequestedBytes).toBe(0)
    }
  })

  test('is rolled back when the inner allocator throws', () => {
    class Throwing extends PassingAllocator {
      override rawAlloc(): number {
        throw new Error('no')
      }
    }
    const debug = new DebugAllocator(new Throwing(cAllocator), { memoryLimit: 100 })
    expect(() => debug.alloc(80)).toThrow('no')
    expect(debug.totalRequestedBytes).toBe(0)
  })

  test('of memory that cannot be shown nothing is kept', () => {
    const blind = new PassingAllocator(new BumpAllocator(new ArrayBuffer(2 ** 20)), null)
    const debug = new DebugAllocator(blind)
    expect(() => debug.rawAlloc(80, 16)).toThrow(/cannot show|Expected/)
    expect(blind.calls).toMatchObject({ alloc: 1, free: 1 })
    expect(debug.totalRequestedBytes).toBe(0)
  })
})

describe('addresses', () => {
  /** How many different addresses 1000 blocks have that live one after the other. */
  function addresses(debug: DebugAllocator): number {
    const seen = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const ptr = debug.rawAlloc(100, 16)
      seen.add(ptr)
      debug.rawFree(ptr, 100, 16)
    }
    return seen.size
  }

  test('come back when their page has, and never with neverUnmap', () => {
    const page: DebugOptions = { pageSize: 4096, stackTraceFrames: 0 }
    const over = (options: DebugOptions): DebugAllocator =>
      new DebugAllocator(new SlabAllocator({ reserve: 2 ** 24 }), { ...page, ...options })
    expect(addresses(over({ quarantineBytes: 0 }))).toBeLessThan(500)
    expect(addresses(over({ quarantineBytes: Infinity }))).toBe(1000)
    expect(addresses(over({ quarantineBytes: 0, neverUnmap: true }))).toBe(1000)
  })

  test('a page goes back when all its blocks have been freed', () => {
    const inner = new BumpAllocator(2 ** 20)
    const debug = new DebugAllocator(inner, { pageSize: 1024, quarantineBytes: 0 })
    const first = debug.alloc(200)
    const more = Array.from({ length: 3 }, () => debug.alloc(200))
    expect(inner.stats().used).toBe(1024)
    for (const a of more) a.free()
    expect(inner.stats().used).toBe(1024)
    first.free()
    expect(inner.stats().used).toBe(0)
  })

  test('trim gives back what is held back and pages that wait', () => {
    const inner = new BumpAllocator(2 ** 20)
    const debug = new DebugAllocator(inner, { pageSize: 1024 })
    debug.alloc(50_000).free()
    debug.alloc(10).free()
    const live = debug.alloc(500)
    const { used } = inner.stats()
    expect(debug.trim()).toBeGreaterThan(51_000)
    expect(inner.stats().used).toBeLessThan(used)
    expect(debug.trim()).toBe(0)
    live.free()
    debug.trim()
    expect(debug.stats().footprint).toBe(0)
  })

  test('what is held back goes back before memory is out', () => {
    const debug = new DebugAllocator(new BumpAllocator(100_000), { pageSize: 1024 })
    for (let i = 0; i < 20; i++) debug.alloc(40_000).free()
    expect(new DebugAllocator(new BumpAllocator(100_000), { neverUnmap: true }).trim()).toBe(0)
    expect(debug.deinit()).toBe('ok')
  })

  test('retainMetadata knows a block whose memory went back', () => {
    for (const retainMetadata of [false, true]) {
      const options = { quarantineBytes: 0, pageSize: 1024, retainMetadata }
      const debug = new DebugAllocator(new BumpAllocator(2 ** 20), options)
      const ptr = debug.rawAlloc(1000, 16)
      debug.rawFree(ptr, 1000, 16)
      const again = () => debug.rawFree(ptr, 1000, 16)
      if (retainMetadata) expect(misuseBy('DOUBLE_FREE', again).freedAt.length).toBeGreaterThan(0)
      else misuseBy('INVALID_POINTER', again)
      const next = debug.rawAlloc(1000, 16)
      expect(next).toBe(ptr)
      debug.rawFree(next, 1000, 16)
      expect(debug.deinit()).toBe('ok')
    }
  })
})

test('safety: false looks for nothing and passes everything on', () => {
  const inner = new PassingAllocator(cAllocator)
  const debug = new DebugAllocator(inner, { safety: false, guard: true, memoryLimit: 1000 })
  const a = debug.alloc(100)
  expect(inner.owns(a.ptr)).toBe(true)
  expect(debug.owns(a.ptr)).toBe(true)
  expect(debug.tryAlloc(1000)).toBe(null)
  expect(debug.rawRemap(a.ptr, 100, 16, 2000)).toBe(0)
  a.bytes.fill(1)
  debug.realloc(a, 200)
  expect(debug.totalRequestedBytes).toBe(200)
  expect(debug.detectLeaks()).toEqual([])
  a.free()
  expect(debug.totalRequestedBytes).toBe(0)
  debug.check()
  expect(inner.calls.alloc).toBeGreaterThan(0)
  const { ptr } = debug.alloc(8)
  expect(debug.deinit()).toBe('ok')
  cAllocator.rawFree(ptr, 8, 16)
})

test('an inner allocator that returns nonsense', () => {
  class Nonsense extends PassingAllocator {
    override rawAlloc(): number {
      return -5
    }
  }
  expectCode('INVALID_POINTER', () => new DebugAllocator(new Nonsense(cAllocator)).alloc(8))
})

test('an inner allocator that fails to take memory back is heard', () => {
  class Keeping extends PassingAllocator {
    override rawFree(): void {
      throw new Error('mine')
    }
  }
  const inner = new Keeping(new BumpAllocator(2 ** 20))
  const debug = new DebugAllocator(inner, { quarantineBytes: 0 })
  debug.alloc(100_000).free()
  expect(() => debug.alloc(8)).toThrow('mine')
  expect(debug.totalRequestedBytes).toBe(0)
})

test('C is served through a valloc, and its damage found', () => {
  const debug = new DebugAllocator(cAllocator)
  using valloc = debug.valloc
  expect(valloc.address).toBeGreaterThan(0n)
  const ptr = debug.rawAlloc(24, 8)
  poke(ptr + 24, 1)
  misuseBy('CORRUPTED', () => debug.rawFree(ptr, 24, 8))
})
