/** BumpAllocator: the cursor, the last block, and the figures. */
import { describe, expect, test } from 'vitest'
import { BumpAllocator, Region } from '../../lib/index.js'
import { BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

/** Over V8 memory at alignment 1: every offset is as small as can be. */
const small = (capacity: number): BumpAllocator => new BumpAllocator(new ArrayBuffer(capacity))

describe('capacity', () => {
  test('is exact: every byte can be had and none more', () => {
    for (const capacity of [1, 2, 7, 1000]) {
      const bump = small(capacity)
      const ptrs = Array.from({ length: capacity }, () => bump.rawAlloc(1, 1))
      const start = bump.region.address
      expect(ptrs).toEqual(ptrs.map((_, i) => start + i))
      expect(bump.rawAlloc(1, 1)).toBe(0)
      expect(bump.rawAlloc(0, 1)).toBe(0)
      expect(bump.tryAlloc(1, 1)).toBeNull()
      expect([bump.remaining, bump.totalAllocated]).toEqual([0, capacity])
      bump.reset()
      expect(bump.rawAlloc(capacity, 1)).toBe(start)
    }
  })

  test('that is none, or larger than a state block can describe, is refused', () => {
    for (const memory of [0, -1, 0.5, NaN, 2 ** 53]) {
      expect(() => new BumpAllocator(memory)).toThrow(/^Expected .+ but received/)
    }
    expectCode('INVALID_LAYOUT', () => new BumpAllocator(0))
    for (const memory of [2 ** 32 - 4095, 2 ** 33, 2 ** 50]) {
      expectCode('INVALID_ARGUMENT', () => new BumpAllocator(memory), shown(memory))
    }
    for (const memory of [undefined, null, '64', 64n, {}, [1, 2]]) {
      expectCode('INVALID_ARGUMENT', () => new BumpAllocator(wrong(memory)), shown(memory))
    }
  })

  test('is a region, a buffer or a number', () => {
    const memories = [100, new ArrayBuffer(100), new SharedArrayBuffer(100), Buffer.alloc(100)]
    for (const memory of [...memories, Region.malloc(100), new Float32Array(25)]) {
      const bump = new BumpAllocator(memory)
      expect(bump.stats().capacity).toBe(100)
      expect(bump.remaining).toBe(100)
    }
  })

  test('survives sums that overflow', () => {
    const bump = small(100)
    bump.rawAlloc(50, 1)
    const sizes = [51, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 50, 2 ** 32, 2 ** 32 + 10, 2 ** 53 - 1]
    for (const size of sizes) {
      for (const align of [1, 16, 2 ** 30, 2 ** 31, 2 ** 52])
        expect(bump.rawAlloc(size, align)).toBe(0)
    }
    expect(bump.totalAllocated).toBe(50)
    expect(bump.rawAlloc(50, 1)).toBe(bump.region.address + 50)
  })
})

describe('the last block', () => {
  test('gives its bytes back, and then the one before is the last', () => {
    const bump = small(100)
    const a = bump.rawAlloc(10, 1)
    const b = bump.rawAlloc(20, 1)
    expect([bump.isLast(a, 10), bump.isLast(b, 20)]).toEqual([false, true])
    expect([bump.isLast(b, 19), bump.isLast(b + 1, 19), bump.isLast(0, 0)]).toEqual([
      false,
      true,
      false,
    ])
    bump.rawFree(b, 20, 1)
    expect(bump.isLast(a, 10)).toBe(true)
    bump.rawFree(a, 10, 1)
    expect(bump.totalAllocated).toBe(0)
  })

  test('grows and shrinks in place, to the last byte of the capacity', () => {
    const bump = small(100)
    const first = bump.alloc(10, 1)
    const a = bump.alloc(10, 1)
    expect(a.resize(90)).toBe(true)
    expect(a.resize(91)).toBe(false)
    expect(bump.remaining).toBe(0)
    expect(a.resize(0)).toBe(true)
    expect(bump.totalAllocated).toBe(11)
    expect(bump.isLast(a.ptr, 0)).toBe(true)
    expect(a.resize(5)).toBe(true)
    expect([a.size, bump.totalAllocated]).toEqual([5, 15])
    expect(first.resize(11)).toBe(false)
  })

  test('only the last grows, any other shrinks', () => {
    const bump = small(100)
    const a = bump.alloc(30, 1)
    bump.alloc(1, 1)
    expect([a.resize(31), a.resize(30), a.resize(10), a.resize(11)]).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(bump.totalAllocated).toBe(31)
    expect(bump.stats().used).toBe(11)
  })
})

describe('isLast', () => {
  test('is false for what is no block', () => {
    const bump = small(100)
    const ptr = bump.rawAlloc(10, 1)
    for (const value of [...BAD_POINTERS, 0, ptr + 1, ptr + 10]) {
      expect(bump.isLast(wrong(value), 10), shown(value)).toBe(false)
    }
    for (const size of [...BAD_SIZES, undefined, 0, 9, 11]) {
      expect(bump.isLast(ptr, wrong(size)), shown(size)).toBe(false)
    }
    expect(bump.isLast(ptr, 10)).toBe(true)
  })
})

describe('owns', () => {
  test('answers for what was handed out, not for the rest of the region', () => {
    const bump = small(100)
    const { address } = bump.region
    expect(bump.owns(address)).toBe(false)
    bump.rawAlloc(10, 1)
    expect([bump.owns(address), bump.owns(address + 9), bump.owns(address + 10)]).toEqual([
      true,
      true,
      false,
    ])
    expect(bump.owns(address - 1)).toBe(false)
    bump.reset()
    expect(bump.owns(address)).toBe(false)
  })
})

describe('raw frees that are provably wrong', () => {
  test('are refused and change nothing', () => {
    const bump = small(1000)
    const a = bump.rawAlloc(64, 16)
    const before = bump.stats()
    expectCode('INVALID_POINTER', () => bump.rawFree(a - 1, 64, 1))
    expectCode('INVALID_POINTER', () => bump.rawFree(a, 65, 1))
    expectCode('INVALID_POINTER', () => bump.rawFree(a + 64, 0, 1))
    expectCode('INVALID_POINTER', () => bump.rawFree(a + 1, 8, 8))
    expectCode('INVALID_POINTER', () => bump.rawResize(a + 64, 1, 1, 2))
    expectCode('INVALID_POINTER', () => bump.rawRemap(a, 1000, 1, 2))
    expectCode('INVALID_LAYOUT', () => bump.rawFree(a, -1, 1))
    expectCode('INVALID_LAYOUT', () => bump.rawFree(a, 64, 3))
    expect(bump.stats()).toEqual(before)
    bump.rawFree(a, 64, 16)
    expectCode('INVALID_POINTER', () => bump.rawFree(a, 64, 16))
  })

  test('when they cannot be told from right ones, keep the figures sane', () => {
    const bump = small(1000)
    const a = bump.rawAlloc(100, 1)
    const b = bump.rawAlloc(100, 1)
    for (let i = 0; i < 5; i++) {
      bump.rawFree(a, 100, 1)
      bump.rawResize(a, 100, 1, 50)
      const { used, footprint, peak, capacity } = bump.stats()
      expect(used).toBeGreaterThanOrEqual(0)
      expect(used).toBeLessThanOrEqual(footprint)
      expect([footprint, peak, capacity]).toEqual([200, 200, 1000])
    }
    bump.rawFree(b, 100, 1)
    expect(bump.stats().used).toBeGreaterThanOrEqual(0)
    bump.reset()
    expect(bump.stats()).toMatchObject({ used: 0, footprint: 0, peak: 200 })
  })
})

describe('stats', () => {
  test('tell payload from padding and holes, now and at most', () => {
    const bump = new BumpAllocator(Region.malloc(1000))
    bump.alloc(10, 1)
    const padded = bump.alloc(20, 16)
    const last = bump.alloc(8, 8)
    expect(bump.stats()).toEqual({
      name: 'BumpAllocator',
      capacity: 1000,
      used: 38,
      peak: 38,
      footprint: 48,
      peakFootprint: 48,
    })
    padded.free()
    expect(bump.stats()).toMatchObject({ used: 18, peak: 38, footprint: 48 })
    last.free()
    expect(bump.stats()).toMatchObject({ used: 10, peak: 38, footprint: 40, peakFootprint: 48 })
    bump.alloc(30, 1)
    expect(bump.stats()).toMatchObject({ used: 40, peak: 40, footprint: 70, peakFootprint: 70 })
    bump.reset()
    expect(bump.stats()).toMatchObject({ used: 0, peak: 40, footprint: 0, peakFootprint: 70 })
  })

  test('count the padding of an empty block as what it is', () => {
    const bump = new BumpAllocator(Region.malloc(1000, { align: 64 }))
    bump.alloc(1, 1)
    bump.alloc(0, 64)
    expect(bump.stats()).toMatchObject({ footprint: 65, used: 2 })
  })

  test('remember a peak that a resize ended', () => {
    const bump = small(1000)
    const a = bump.alloc(10, 1)
    a.resize(900)
    a.resize(1)
    expect(bump.stats()).toMatchObject({ used: 1, peak: 900, footprint: 1, peakFootprint: 900 })
  })

  test('do not take what was used for the capacity when the allocator has ended', () => {
    const bump = small(1000)
    bump.alloc(10, 1)
    bump.dispose()
    expect([0, 1000]).toContain(bump.stats().capacity)
    expect(bump.remaining).toBe(0)
  })
})
