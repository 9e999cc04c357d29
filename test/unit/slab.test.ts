/** SlabAllocator: where blocks of every size lie, resizing in place, large blocks, and the figures. */
import { describe, expect, test } from 'vitest'
import { Layout, SlabAllocator } from '../../lib/index.js'
import { expectCode, expectOneOf } from '../support/errors.js'

const PAGE = 512
/** The largest block of a slab. */
const SMALL = 2032
const MIB = 2 ** 20

/** What has `size` bytes at least, in the unit that blocks of that size come in. */
const rounded = (size: number): number => {
  const bytes = Math.max(size, 1)
  return bytes <= SMALL ? Math.ceil(bytes / 16) * 16 : Math.ceil(bytes / PAGE) * PAGE
}

describe('a block', () => {
  test('of every size up to 5000 is aligned and apart, and has the bytes asked for', () => {
    for (const align of [1, 2, 4, 8, 16, 32, 64, 2048]) {
      using slab = new SlabAllocator({ reserve: 64 * MIB })
      const ends: [number, number][] = []
      let used = 0
      for (let size = 0; size <= 5000; size++) {
        const ptr = slab.rawAlloc(size, align)
        if (ptr === 0 || ptr % align !== 0) throw new Error(`${size} bytes aligned to ${align}`)
        const usable = slab.usableSize(ptr)
        if (usable < Math.max(size, 1)) throw new Error(`${usable} bytes of ${size}`)
        if (align <= 16 && size > 1 && usable !== rounded(size))
          throw new Error(`${usable} bytes of ${size}`)
        ends.push([ptr, ptr + usable])
        used += size
        slab.view(ptr, usable).fill(size)
      }
      // An empty block may count as one byte.
      expect([used, used + 1]).toContain(slab.stats().used)
      for (const [size, [ptr, end]] of ends.entries()) {
        const bytes = slab.view(ptr, end - ptr)
        if (bytes[0] !== (size & 255) || bytes.at(-1) !== (size & 255)) throw new Error(`${size}`)
      }
      ends.sort(([a], [b]) => a - b)
      for (let i = 1; i < ends.length; i++) expect(ends[i]![0] >= ends[i - 1]![1]).toBe(true)
      for (const [ptr] of ends) slab.freePtr(ptr)
      expect(slab.stats().used).toBe(0)
    }
  })

  test('of no bytes has an address of its own', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const ptrs = Array.from({ length: 100 }, () => slab.rawAlloc(0, 1))
    expect([new Set(ptrs).size, ptrs.includes(0)]).toEqual([100, false])
    expect([0, 100]).toContain(slab.stats().used)
    expect([16, 32]).toContain(slab.usableSize(ptrs[0]!))
    const sorted = ptrs.toSorted((a, b) => a - b)
    for (let i = 1; i < 100; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(16)
    for (const ptr of ptrs) slab.rawFree(ptr, 0, 1)
    expectCode('DOUBLE_FREE', () => slab.rawFree(ptrs.at(-1)!, 0, 1))
    expect(slab.stats().used).toBe(0)
  })

  test('has alignments up to megabytes, small and large blocks alike', () => {
    using slab = new SlabAllocator({ reserve: 64 * MIB })
    for (let align = 1; align <= 4 * MIB; align *= 2) {
      const blocks = [0, 1, 16, 100, SMALL, SMALL + 1, 5000, 70_000].map((size) => {
        const ptr = slab.rawAlloc(size, align)
        expect([ptr > 0, ptr % align]).toEqual([true, 0])
        slab.view(ptr, size).fill(size)
        return { ptr, size }
      })
      for (const { ptr, size } of blocks) {
        expect(slab.view(ptr, size).every((byte) => byte === (size & 255))).toBe(true)
        slab.rawFree(ptr, size, align)
      }
      expect(slab.stats().used).toBe(0)
    }
    expect(slab.rawAlloc(1, 128 * MIB)).toBe(0)
    expect(slab.rawAlloc(64 * MIB, 16)).not.toBe(0)
  })

  test('of a layout has its alignment, of a plain size 16', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const page = slab.alloc(new Layout(100, 4096))
    expect([page.ptr % 4096, page.size, page.align]).toEqual([0, 100, 4096])
    expect(slab.alloc(5).align).toBe(16)
    expect(slab.tryAlloc(5, 2)!.align).toBe(2)
    expect(slab.tryAlloc(2 * MIB)).toBeNull()
  })

  test('that was freed is the next one of its class', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    for (const size of [2, 16, 17, 500, SMALL]) {
      const ptr = slab.rawAlloc(size, 16)
      slab.rawAlloc(size, 16)
      slab.rawFree(ptr, size, 16)
      expect(slab.rawAlloc(rounded(size), 16)).toBe(ptr)
    }
  })
})

describe('freePtr', () => {
  test('frees what rawFree would, whatever its size and alignment', () => {
    using slab = new SlabAllocator({ reserve: 16 * MIB })
    for (let round = 0; round < 3; round++) {
      const ptrs = []
      for (let size = 1; size < 4000; size += 7) ptrs.push(slab.rawAlloc(size, 2 ** (size % 10)))
      for (const ptr of ptrs.toReversed()) {
        const { used } = slab.stats()
        slab.freePtr(ptr)
        expect(slab.stats().used).toBeLessThan(used)
      }
      expect(slab.stats().used).toBe(0)
    }
    const whole = slab.rawAlloc(16 * MIB, 16)
    slab.freePtr(whole)
    expect(slab.rawAlloc(16 * MIB, 16)).toBe(whole)
  })

  test('of a handle frees its block, so that the handle frees it a second time', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const small = slab.alloc(100)
    const large = slab.alloc(10_000)
    slab.freePtr(small.ptr)
    slab.freePtr(large.ptr)
    expectCode('DOUBLE_FREE', () => small.free())
    expectOneOf(['DOUBLE_FREE', 'INVALID_POINTER'], () => large.free())
    expect(slab.stats().used).toBe(0)
  })
})

describe('a resize', () => {
  test('stays in place within a class, to every size of it and to no other', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    for (let size = 2; size <= SMALL; size += 5) {
      const ptr = slab.rawAlloc(size, 8)
      let now = size
      const most = rounded(size)
      for (const next of [most, Math.max(2, most - 15), most - 8, size, most - 1]) {
        const fits = rounded(next) === most
        expect(slab.rawResize(ptr, now, 8, next), `${size}, ${now} to ${next}`).toBe(fits)
        if (fits) now = next
        expect(slab.stats().used).toBe(Math.max(now, 1))
      }
      for (const next of [most + 1, most + 16, 5000, 2 * MIB, 2 ** 32, 2 ** 53 - 1]) {
        expect(slab.rawResize(ptr, now, 8, next)).toBe(false)
        expect(slab.rawRemap(ptr, now, 8, next)).toBe(0)
      }
      if (most > 16) expect(slab.rawResize(ptr, now, 8, most - 16)).toBe(false)
      if (rounded(now + 1) === most)
        expectCode('INVALID_POINTER', () => slab.rawFree(ptr, now + 1, 8))
      slab.rawFree(ptr, now, 8)
    }
    expect(slab.stats().used).toBe(0)
  })

  test('to the size that it has is in place, whatever size and alignment', () => {
    using slab = new SlabAllocator({ reserve: 4 * MIB })
    for (const size of [0, 1, 100, SMALL, SMALL + 1, 5000]) {
      for (let align = 1; align <= 8192; align *= 2) {
        const ptr = slab.rawAlloc(size, align)
        expect(slab.rawResize(ptr, size, align, size), `${size} aligned to ${align}`).toBe(true)
        slab.rawFree(ptr, size, align)
      }
    }
  })

  test('of a large block grows into free pages behind it, and gives pages back', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const a = slab.alloc(SMALL + 1)
    const { ptr } = a
    a.bytes.fill(7)
    for (const size of [MIB, 5 * PAGE, 100_000, 100_001, PAGE * 4 + 1, MIB - 1, 2033, MIB]) {
      expect(a.resize(size)).toBe(true)
      expect([a.ptr, a.size, slab.stats().used]).toEqual([ptr, size, size])
      expect(slab.usableSize(ptr)).toBe(rounded(size))
      expect(a.bytes.subarray(0, 2033).every((byte) => byte === 7)).toBe(true)
      // What is behind it is free to the last page, and no more.
      const rest = slab.stats().capacity - rounded(size)
      if (rest > SMALL) slab.freePtr(slab.rawAlloc(rest, 16))
      expect(slab.rawAlloc(rest + PAGE, 16)).toBe(0)
    }
    expect([a.resize(MIB + 1), a.size]).toEqual([false, MIB])
  })

  test('of a large block does not grow into another, and does into one that was freed', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const [a, b, c] = [slab.alloc(4096), slab.alloc(8192), slab.alloc(4096)]
    expect([b.ptr - a.ptr, c.ptr - b.ptr]).toEqual([4096, 8192])
    b.bytes.fill(1)
    expect([a.resize(4097), a.resize(4000), a.resize(4096)]).toEqual([false, true, true])
    expect(b.bytes.every((byte) => byte === 1)).toBe(true)
    b.free()
    expect([a.resize(4096 + 8193), a.resize(4096 + 8192), a.resize(4096 + 8193)]).toEqual([
      false,
      true,
      false,
    ])
    expect(a.resize(4097)).toBe(true)
    // The pages given back are the first that fit.
    expect(slab.alloc(8192 - PAGE).ptr).toBe(a.ptr + 4096 + PAGE)
    expect(a.resize(4096 + PAGE)).toBe(true)
    expect(a.resize(4096 + PAGE + 1)).toBe(false)
    expect([c.resize(9000), c.size]).toEqual([true, 9000])
  })

  test('of a large block to a small one, or the other way, has to move', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    const a = slab.dupe(new Uint8Array(5000).fill(3))
    expect(a.resize(SMALL)).toBe(false)
    slab.realloc(a, 100)
    expect([a.size, slab.usableSize(a.ptr), a.bytes.every((byte) => byte === 3)]).toEqual([
      100,
      112,
      true,
    ])
    slab.realloc(a, 50_000)
    expect(a.bytes.subarray(0, 100).every((byte) => byte === 3)).toBe(true)
    expect(slab.stats().used).toBe(50_000)
    a.free()
    expect(slab.stats().used).toBe(0)
  })
})

describe('the figures', () => {
  test('are what is live after each operation, and the most that it was', () => {
    using slab = new SlabAllocator({ reserve: 4 * MIB })
    expect(slab.stats()).toMatchObject({
      name: 'SlabAllocator',
      capacity: 4 * MIB,
      used: 0,
      peak: 0,
    })
    let [used, peak, seed] = [0, 0, 1]
    const live: { ptr: number; size: number }[] = []
    for (let i = 0; i < 3000; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      const size = 1 + ((seed >>> 8) % (i % 20 === 0 ? 30_000 : 400))
      const picked = live[(seed >>> 4) % Math.max(1, live.length)]
      if (live.length < 100 + (i >> 4) || picked === undefined) {
        live.push({ ptr: slab.rawAlloc(size, 16), size })
        used += size
      } else if (seed % 4 === 0 && slab.rawResize(picked.ptr, picked.size, 16, size)) {
        used += size - picked.size
        picked.size = size
      } else {
        slab.rawFree(picked.ptr, picked.size, 16)
        live.splice(live.indexOf(picked), 1)
        used -= picked.size
      }
      peak = Math.max(peak, used)
      const stats = slab.stats()
      expect([stats.used, stats.peak]).toEqual([used, peak])
      expect(stats.footprint).toBeGreaterThan(used)
      expect(stats.peakFootprint).toBeGreaterThanOrEqual(Math.max(stats.footprint, peak))
    }
    const { peakFootprint } = slab.stats()
    slab.reset()
    expect(slab.stats()).toMatchObject({ used: 0, peak, peakFootprint })
  })

  test('count metadata, and little of it', () => {
    using slab = new SlabAllocator({ reserve: 64 * MIB })
    const empty = slab.stats().footprint
    expect(empty).toBeGreaterThan(0)
    expect(empty).toBeLessThan(64 * 1024)
    const ptrs = Array.from({ length: 20_000 }, () => slab.rawAlloc(128, 16))
    const { used, footprint } = slab.stats()
    expect(used).toBe(20_000 * 128)
    expect(footprint / used).toBeGreaterThan(1.01)
    expect(footprint / used).toBeLessThan(1.15)
    for (const ptr of ptrs) slab.freePtr(ptr)
    slab.trim()
    expect(slab.stats().footprint).toBeLessThan(footprint / 4)
    expect(slab.stats().peakFootprint).toBeGreaterThanOrEqual(footprint)
  })
})
