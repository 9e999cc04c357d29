/** FallbackAllocator: which of the two a block is served by, and comes back to. */
import { describe, expect, test } from 'vitest'
import {
  type Allocator,
  BumpAllocator,
  cAllocator,
  FallbackAllocator,
  Layout,
  LimitAllocator,
  nullAllocator,
  Region,
  TrackingAllocator,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

/** A small bump with a larger one behind it: each knows its addresses exactly. */
function pair(small = 100, large = 10_000) {
  const first = new BumpAllocator(small)
  const second = new BumpAllocator(large)
  return { first, second, allocator: new FallbackAllocator(first, second) }
}

test('the first serves while it can, then the second, then the first again', () => {
  const { first, second, allocator } = pair()
  const a = allocator.alloc(80, 1)
  const b = allocator.alloc(80, 1)
  const c = allocator.alloc(10, 1)
  expect([a, b, c].map(({ ptr }) => first.owns(ptr))).toEqual([true, false, true])
  expect([a, b, c].map(({ ptr }) => second.owns(ptr))).toEqual([false, true, false])
  expect([a, b, c].every(({ ptr }) => allocator.owns(ptr))).toBe(true)
  c.free()
  a.free()
  expect([first.totalAllocated, second.totalAllocated]).toEqual([0, 80])
  expect(first.owns(allocator.alloc(80, 1).ptr)).toBe(true)
})

test('out of memory when both are', () => {
  const { allocator, first, second } = pair(100, 200)
  expect(allocator.rawAlloc(201, 1)).toBe(0)
  expectCode('OUT_OF_MEMORY', () => allocator.alloc(201, 1))
  expect(allocator.tryAlloc(201, 1)).toBeNull()
  expect([first.totalAllocated, second.totalAllocated]).toEqual([0, 0])
})

test('what is no layout is the first to refuse, and the second is not asked', () => {
  const second = new PassingAllocator(cAllocator)
  const allocator = new FallbackAllocator(new BumpAllocator(8), second)
  expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(NaN, 8))
  expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(8, 3))
  expect(second.calls.alloc).toBe(0)
})

test('a resize stays with the block, whatever room the other has', () => {
  const { first, allocator } = pair(100, 1000)
  const a = allocator.alloc(60, 1)
  expect(a.resize(101)).toBe(false)
  expect(a.resize(100)).toBe(true)
  const b = allocator.alloc(900, 1)
  a.free()
  expect(first.remaining).toBe(100)
  expect(b.resize(50)).toBe(true)
  expect(first.owns(b.ptr)).toBe(false)
  expect(allocator.rawRemap(b.ptr, 50, 1, 2000)).toBe(0)
  b.free()
})

test('a realloc takes a block across, in both directions, with its bytes', () => {
  const { first, second, allocator } = pair(100, 1000)
  const a = allocator.dupe(new Uint8Array(60).fill(7))
  allocator.realloc(a, 200)
  expect([first.owns(a.ptr), second.owns(a.ptr)]).toEqual([false, true])
  expect(first.totalAllocated).toBe(0)
  expect(a.bytes.subarray(0, 60).every((byte) => byte === 7)).toBe(true)
  second.alloc(10)
  allocator.realloc(a, new Layout(50, 64))
  expect(first.owns(a.ptr)).toBe(true)
  expect(a.bytes.every((byte) => byte === 7)).toBe(true)
  a.free()
})

test('a realloc that neither can serve leaves the block where it is', () => {
  const { allocator, first } = pair(100, 200)
  const a = allocator.dupe('text')
  const { ptr } = a
  expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 300))
  expect([a.ptr, a.size, a.buffer.toString()]).toEqual([ptr, 4, 'text'])
  a.free()
  expect(first.totalAllocated).toBe(0)
})

test('views are bounds-checked by whoever owns the block', () => {
  const { first, allocator } = pair(100, 1000)
  const [a, b] = [allocator.alloc(80, 1), allocator.alloc(500, 1)]
  expect(allocator.view(a.ptr, 80).length).toBe(80)
  expect(allocator.view(b.ptr, 500).length).toBe(500)
  expectCode('INVALID_POINTER', () => allocator.view(a.ptr, first.region.byteLength + 1))
  expectCode('INVALID_POINTER', () => allocator.view(4096, 1))
  b.free()
  a.free()
})

test("what is nobody's is refused, and changes no figure", () => {
  const { allocator } = pair()
  const a = allocator.alloc(10)
  for (const ptr of [0, 4096, -1, NaN, 2 ** 53, '8', 8n, undefined, Symbol('p')]) {
    expectCode('INVALID_POINTER', () => allocator.rawFree(wrong(ptr), 8, 8))
    expectCode('INVALID_POINTER', () => allocator.rawResize(wrong(ptr), 8, 8, 4))
    expectCode('INVALID_POINTER', () => allocator.rawRemap(wrong(ptr), 8, 8, 4))
  }
  expect(allocator.stats().used).toBe(10)
  a.free()
})

test('capacity and footprint are the sums, used and peak what went through', () => {
  const { first, second, allocator } = pair(100, 200)
  second.alloc(50, 1)
  const a = allocator.alloc(90, 1)
  allocator.alloc(60, 1)
  a.free()
  expect(allocator.stats()).toEqual({
    name: 'FallbackAllocator(BumpAllocator, BumpAllocator)',
    capacity: 300,
    used: 60,
    peak: 150,
    footprint: 110,
    peakFootprint: 200,
  })
  expect(first.totalAllocated + second.totalAllocated).toBe(110)
  expect(new FallbackAllocator(first, cAllocator).stats().capacity).toBe(Infinity)
})

test('names the argument that is wrong', () => {
  const first = expectCode('INVALID_ARGUMENT', () => new FallbackAllocator(wrong(1), cAllocator))
  const second = expectCode('INVALID_ARGUMENT', () => new FallbackAllocator(cAllocator, wrong(1)))
  expect([first.message, second.message].map((text) => /first|second/.exec(text)![0])).toEqual([
    'first',
    'second',
  ])
})

describe('over one heap twice, where both claim every block', () => {
  function twice(limit: number) {
    const first = new LimitAllocator(cAllocator, limit)
    const second = new TrackingAllocator(cAllocator)
    return { first, second, allocator: new FallbackAllocator(first, second) }
  }

  test('each block comes back to the one that it is from', () => {
    const { first, second, allocator } = twice(100)
    const [a, b] = [allocator.alloc(80), allocator.alloc(80)]
    expect([first.remaining, second.stats().used]).toEqual([20, 80])
    b.free()
    expect([first.remaining, second.stats().used]).toEqual([20, 0])
    a.free()
    expect([first.remaining, second.stats().used]).toEqual([100, 0])
  })

  test('also after it was moved', () => {
    const { first, second, allocator } = twice(100)
    const ptr = allocator.rawAlloc(200, 16)
    const moved = allocator.rawRemap(ptr, 200, 16, 500_000)
    expect(moved).not.toBe(0)
    expect([first.remaining, second.stats().used]).toEqual([100, 500_000])
    const other = allocator.rawAlloc(50, 16)
    allocator.rawFree(moved, 500_000, 16)
    expect([first.remaining, second.stats().used]).toEqual([50, 0])
    allocator.rawFree(other, 50, 16)
  })

  test('and is remembered no longer than it lives', () => {
    const { allocator } = twice(0)
    const ptrs = [10, 20, 30].map((size) => allocator.rawAlloc(size, 16))
    expect(allocator['_contested'].size).toBe(3)
    const moved = allocator.rawRemap(ptrs[0]!, 10, 16, 500_000)
    expect(moved).not.toBe(ptrs[0])
    expect(allocator['_contested'].size).toBe(3)
    allocator.rawFree(moved, 500_000, 16)
    allocator.rawFree(ptrs[1]!, 20, 16)
    allocator.rawFree(ptrs[2]!, 30, 16)
    expect(allocator['_contested'].size).toBe(0)
  })

  test("an address that the second had once is the first's when that hands it out", () => {
    // Two bumps in turn over the same bytes, as nobody should: the second is reset in between.
    const region = Region.malloc(64, { align: 64 })
    const claims: Allocator = new (class extends PassingAllocator {
      override owns(ptr: number): boolean {
        return ptr >= region.address && ptr < region.address + 64
      }
      override rawAlloc(size: number, align: number): number {
        return this.calls.free === 0 ? 0 : super.rawAlloc(size, align)
      }
    })(nullAllocator)
    const bump = new BumpAllocator(region)
    const first = Object.assign(claims as PassingAllocator, { inner: bump })
    const allocator = new FallbackAllocator(first, bump)
    const ptr = allocator.rawAlloc(8, 8)
    expect(ptr).toBe(region.address)
    bump.reset()
    first.calls.free = 1
    expect(allocator.rawAlloc(8, 8)).toBe(ptr)
    allocator.rawFree(ptr, 8, 8)
    expect(first.calls.free, 'freed by the first').toBe(2)
    region.dispose()
  })

  test('works over the same allocator twice', () => {
    const allocator = new FallbackAllocator(cAllocator, cAllocator)
    const a = allocator.alloc(100)
    allocator.realloc(a, 5000)
    a.free()
    expectCode('DOUBLE_FREE', () => a.free())
    expect(allocator.stats().used).toBe(0)
  })
})

test('nests, so that there may be three', () => {
  const small = new BumpAllocator(64)
  const medium = new BumpAllocator(256)
  const allocator = new FallbackAllocator(small, new FallbackAllocator(medium, cAllocator))
  const blocks = [50, 200, 1000].map((size) => allocator.alloc(size, 1))
  expect([small.totalAllocated, medium.totalAllocated]).toEqual([50, 200])
  for (const block of blocks) block.free()
  expect([small.totalAllocated, medium.totalAllocated]).toEqual([0, 0])
})
