/** TrackingAllocator: its figures are those of what happened. */
import { expect, test } from 'vitest'
import { BumpAllocator, cAllocator, TrackingAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

const NOTHING = {
  allocs: 0,
  failures: 0,
  frees: 0,
  resizes: 0,
  remaps: 0,
  liveBlocks: 0,
  peakBlocks: 0,
  liveBytes: 0,
  peakBytes: 0,
  totalBytes: 0,
  histogram: [],
}

test('begins with nothing', () => {
  expect(new TrackingAllocator(cAllocator).snapshot()).toEqual(NOTHING)
})

test('counts what each operation does', () => {
  const allocator = new TrackingAllocator(new BumpAllocator(1000))
  const a = allocator.alloc(100, 1)
  const b = allocator.alloc(30, 1)
  allocator.tryAlloc(2000)
  expectCode('OUT_OF_MEMORY', () => allocator.alloc(2000))
  b.resize(50)
  b.resize(5000)
  const moved = allocator.rawRemap(b.ptr, 50, 1, 20)
  expect(moved).toBe(b.ptr)
  allocator.rawRemap(b.ptr, 20, 1, 5000)
  a.free()
  expectCode('DOUBLE_FREE', () => a.free())
  expectCode('INVALID_POINTER', () => allocator.rawFree(4096, 8, 8))
  expectCode('INVALID_POINTER', () => allocator.rawResize(4096, 8, 8, 4))
  expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(-1, 8))
  expect(allocator.snapshot()).toEqual({
    allocs: 2,
    failures: 2,
    frees: 1,
    resizes: 1,
    remaps: 1,
    liveBlocks: 1,
    peakBlocks: 2,
    liveBytes: 20,
    peakBytes: 150,
    totalBytes: 150,
    histogram: [
      { upTo: 32, allocs: 1, live: 1 },
      { upTo: 128, allocs: 1, live: 0 },
    ],
  })
})

test('a realloc is counted as what it took', () => {
  const inner = new PassingAllocator(cAllocator)
  const allocator = new TrackingAllocator(inner)
  const a = allocator.alloc(100)
  a.bytes.fill(1) // what JavaScript looks at is copied, not remapped
  allocator.realloc(a, 100_000)
  const { allocs, frees, liveBlocks, liveBytes, totalBytes } = allocator.snapshot()
  expect({ allocs, frees }).toEqual({ allocs: inner.calls.alloc, frees: inner.calls.free })
  expect([allocs, liveBlocks, liveBytes, totalBytes]).toEqual([2, 1, 100_000, 100_100])
  a.free()
})

test.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [3, 4],
  [4, 4],
  [5, 8],
  [64, 64],
  [65, 128],
  [2 ** 31, 2 ** 31],
  [2 ** 31 + 1, 2 ** 32],
  [2 ** 32, 2 ** 32],
  [2 ** 32 + 1, 2 ** 33],
  [2 ** 52 + 1, 2 ** 53],
  [2 ** 53 - 1, 2 ** 53],
])('a block of %d bytes is in the bucket up to %d', (size, upTo) => {
  class Endless extends PassingAllocator {
    override rawAlloc = (): number => 4096
    override rawFree = (): void => {}
  }
  const allocator = new TrackingAllocator(new Endless(cAllocator))
  const ptr = allocator.rawAlloc(size, 1)
  expect(allocator.snapshot().histogram).toEqual([{ upTo, allocs: 1, live: 1 }])
  allocator.rawFree(ptr, size, 1)
  expect(allocator.snapshot().histogram).toEqual([{ upTo, allocs: 1, live: 0 }])
})

test('the histogram is by size, smallest first, and follows blocks that are resized', () => {
  const allocator = new TrackingAllocator(new BumpAllocator(4096))
  for (const size of [1000, 0, 16, 12, 16]) allocator.alloc(size, 1)
  const last = allocator.alloc(7, 1)
  last.resize(500)
  expect(allocator.snapshot().histogram).toEqual([
    { upTo: 0, allocs: 1, live: 1 },
    { upTo: 8, allocs: 1, live: 0 },
    { upTo: 16, allocs: 3, live: 3 },
    { upTo: 512, allocs: 0, live: 1 },
    { upTo: 1024, allocs: 1, live: 1 },
  ])
})

test('a snapshot is plain data and does not change afterwards', () => {
  const allocator = new TrackingAllocator(cAllocator)
  const a = allocator.alloc(100)
  const snapshot = allocator.snapshot()
  const text = JSON.stringify(snapshot)
  a.free()
  expect(JSON.stringify(snapshot)).toBe(text)
  expect(JSON.parse(text)).toEqual(snapshot)
  expect(structuredClone(snapshot)).toEqual(snapshot)
})

test('figures that are reset keep what lives, and no more', () => {
  const allocator = new TrackingAllocator(new BumpAllocator(1000))
  const a = allocator.alloc(100, 1)
  allocator.alloc(200, 1).free()
  a.resize(50)
  allocator.tryAlloc(2000)
  allocator.resetFigures()
  expect(allocator.snapshot()).toEqual({
    ...NOTHING,
    liveBlocks: 1,
    peakBlocks: 1,
    liveBytes: 50,
    peakBytes: 50,
    histogram: [{ upTo: 64, allocs: 0, live: 1 }],
  })
  expect(a.freed).toBe(false)
  a.free()
  expect(allocator.snapshot()).toEqual({ ...NOTHING, frees: 1, peakBlocks: 1, peakBytes: 50 })
})

test('blocks that were allocated inside and are freed here make nothing negative', () => {
  const allocator = new TrackingAllocator(cAllocator)
  allocator.rawFree(cAllocator.rawAlloc(100, 16), 100, 16)
  allocator.resetFigures()
  expect(allocator.snapshot()).toEqual(NOTHING)
})
