/** PoolAllocator: where blocks lie, how many there are, and the figures. */
import { describe, expect, test } from 'vitest'
import { Layout, PoolAllocator, Region } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const all = (pool: PoolAllocator): number[] => {
  const ptrs: number[] = []
  for (let ptr = pool.allocBlock(); ptr !== 0; ptr = pool.allocBlock()) ptrs.push(ptr)
  return ptrs
}

/** Numbers in an order of their own, the same each time. */
function shuffled<T>(list: readonly T[]): T[] {
  const out = [...list]
  for (let i = out.length - 1, seed = 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const j = seed % (i + 1)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}

describe('blocks', () => {
  test('are as many as were asked for, side by side, each of its size and alignment', () => {
    for (const [size, align, stride] of [
      [1, 1, 8],
      [7, 8, 8],
      [8, 16, 16],
      [12, 4, 12],
      [24, 16, 32],
      [100, 1, 100],
      [100, 64, 128],
      [500, 4096, 4096],
      [5000, 16, 5008],
    ] as const) {
      for (const count of [1, 2, 31, 32, 33, 100]) {
        using pool = new PoolAllocator(size, count, { align })
        expect([pool.blockCount, pool.freeBlocks, pool.allocatedBlocks]).toEqual([count, count, 0])
        expect(pool.blockSize).toBe(Math.max(size, 8))
        const ptrs = all(pool)
        expect(ptrs).toEqual(ptrs.map((_, i) => ptrs[0]! + i * stride))
        expect([ptrs.length, ptrs[0]! % align]).toEqual([count, 0])
        expect(ptrs.at(-1)! + pool.blockSize).toBeLessThanOrEqual(
          pool.region.address + pool.region.byteLength,
        )
        expect([pool.freeBlocks, pool.allocatedBlocks]).toEqual([0, count])
      }
    }
  })

  test('come back in any order, and are there again, each once', () => {
    using pool = new PoolAllocator(40, 200)
    const ptrs = all(pool)
    for (let round = 0; round < 3; round++) {
      for (const [i, ptr] of shuffled(ptrs).entries()) {
        pool.freeBlock(ptr)
        expect([pool.freeBlocks, pool.allocatedBlocks]).toEqual([i + 1, 199 - i])
      }
      expect(all(pool).toSorted((a, b) => a - b)).toEqual(ptrs)
      expect([pool.allocBlock(), pool.rawAlloc(40, 16), pool.rawAlloc(0, 1)]).toEqual([0, 0, 0])
      expectCode('OUT_OF_MEMORY', () => pool.alloc(1))
      expect(pool.tryAlloc(1)).toBeNull()
    }
    pool.freeBlock(ptrs[77]!)
    expect(pool.allocBlock()).toBe(ptrs[77])
  })

  test('are what is asked for up to their size and alignment; more is out of memory', () => {
    using pool = new PoolAllocator(40, 10, { align: 32 })
    for (const [size, align] of [
      [0, 1],
      [1, 1],
      [39, 32],
      [40, 32],
      [40, 1],
    ] as const) {
      const ptr = pool.rawAlloc(size, align)
      expect(ptr % 32).toBe(0)
      expect(pool.stats().used).toBe(size)
      pool.rawFree(ptr, size, align)
    }
    for (const [size, align] of [
      [41, 1],
      [48, 32],
      [1, 64],
      [40, 64],
      [40, 2 ** 31],
      [0, 2 ** 52],
      [2 ** 31, 1],
      [2 ** 32, 1],
      [2 ** 32 + 40, 1],
      [2 ** 53 - 1, 32],
    ] as const) {
      expect(pool.rawAlloc(size, align)).toBe(0)
      expectCode('OUT_OF_MEMORY', () => pool.alloc(size, align))
      expect(pool.tryAlloc(size, align)).toBeNull()
    }
    expect(pool.allocatedBlocks).toBe(0)
  })

  test('of a layout have its size and alignment; a plain size gets 16, or what the pool has', () => {
    using pool = new PoolAllocator(24, 4)
    const a = pool.alloc(Layout.f64)
    expect([a.size, a.align, pool.alloc(10).align]).toEqual([8, 8, 16])
    using packed = new PoolAllocator(24, 4, { align: 4 })
    expect([packed.alloc(24).align, packed.tryAlloc(5)!.align]).toEqual([4, 4])
    expectCode('OUT_OF_MEMORY', () => packed.alloc(Layout.f64))
  })

  test('grow and shrink in place, up to their size', () => {
    using pool = new PoolAllocator(64, 40)
    const ptrs = Array.from({ length: 40 }, (_, i) => pool.rawAlloc(i, 1))
    const a = pool.alloc.bind(pool)
    expectCode('OUT_OF_MEMORY', () => a(1))
    for (const [i, ptr] of ptrs.entries()) {
      expect(pool.rawResize(ptr, i, 1, 65)).toBe(false)
      expect(pool.rawRemap(ptr, i, 1, 2 ** 40)).toBe(0)
      expect(pool.rawResize(ptr, i, 1, 64)).toBe(true)
      expect(pool.rawRemap(ptr, 64, 1, 63 - i)).toBe(ptr)
      expectCode('INVALID_POINTER', () => pool.rawFree(ptr, 64, 1))
    }
    expect(pool.stats().used).toBe(40 * 63 - 780)
    for (const [i, ptr] of ptrs.entries()) pool.rawFree(ptr, 63 - i, 1)
    expect(pool.stats()).toMatchObject({ used: 0 })
  })
})

describe('what makes no pool', () => {
  test('is refused', () => {
    for (const size of [...BAD_SIZES, undefined, 0, -0, 2 ** 32 - 4095, 2 ** 32, 2 ** 53 - 1]) {
      expectCode('INVALID_LAYOUT', () => new PoolAllocator(wrong(size), 4), shown(size))
    }
    for (const align of BAD_ALIGNS) {
      const options = { align: wrong(align) }
      expectCode('INVALID_LAYOUT', () => new PoolAllocator(8, 4, options), shown(align))
    }
    for (const count of [...BAD_SIZES, undefined, 0, -0, 2 ** 30, 2 ** 53 - 1]) {
      expectCode('INVALID_ARGUMENT', () => new PoolAllocator(8, wrong(count)), shown(count))
    }
    for (const growTo of [...BAD_SIZES.filter((value) => value !== null), 0, 3, 2 ** 30]) {
      const options = { growTo: wrong(growTo) }
      expectCode('INVALID_ARGUMENT', () => new PoolAllocator(8, 4, options), shown(growTo))
    }
    for (const options of [null, 1, 'align', true, Symbol('align'), 4n]) {
      expectCode('INVALID_ARGUMENT', () => new PoolAllocator(8, 4, wrong(options)))
    }
    expectCode('INVALID_ARGUMENT', () => new PoolAllocator(8, new ArrayBuffer(99), { growTo: 4 }))
    expectCode('INVALID_LAYOUT', () => new PoolAllocator(8, 1, { align: 2 ** 32 }))
    expectCode('INVALID_ARGUMENT', () => new PoolAllocator(8, 1, { align: 2 ** 31 }))
  })

  test('is memory in which not one block fits; the region is free for another then', () => {
    using region = Region.malloc(100, { align: 64 })
    expectCode('INVALID_ARGUMENT', () => new PoolAllocator(101, region, { align: 1 }))
    using pool = new PoolAllocator(100, region, { align: 1 })
    expect(pool.blockCount).toBe(1)
    const odd = new Uint8Array(new ArrayBuffer(128, {}), 1, 40)
    expectCode('INVALID_ARGUMENT', () => new PoolAllocator(40, odd, { align: 64 }))
  })
})

describe('wrong calls', () => {
  /** A pool with a live block in every other place, of every size, and one that was freed. */
  function scene(): { pool: PoolAllocator; live: Map<number, number>; freed: number[] } {
    const pool = new PoolAllocator(48, 70)
    const live = new Map<number, number>()
    const freed: number[] = []
    for (let i = 0; i < 60; i++) {
      const size = i % 49
      const ptr = pool.rawAlloc(size, 16)
      if (i % 2 === 0) live.set(ptr, size)
      else freed.push(ptr)
    }
    for (const [i, ptr] of freed.entries()) pool.rawFree(ptr, (2 * i + 1) % 49, 16)
    return { pool, live, freed }
  }

  /** Runs it, after which every figure and every block must be as before. */
  function changesNothing(run: (its: ReturnType<typeof scene>) => void): void {
    const its = scene()
    const { pool, live, freed } = its
    for (const [ptr, size] of live) pool.view(ptr, size).fill(ptr >>> 4)
    const before = [pool.stats(), pool.freeBlocks, pool.allocatedBlocks, pool.blockCount]
    run(its)
    expect([pool.stats(), pool.freeBlocks, pool.allocatedBlocks, pool.blockCount]).toEqual(before)
    for (const [ptr, size] of live) {
      expect(pool.view(ptr, size).every((byte) => byte === ((ptr >>> 4) & 0xff))).toBe(true)
      pool.rawFree(ptr, size, 16)
    }
    const again = all(pool)
    expect([again.length, new Set(again).size]).toEqual([70, 70])
    expect(again).toEqual(expect.arrayContaining([...freed, ...live.keys()]))
    pool.dispose()
  }

  test('on blocks that were freed are double frees', () => {
    changesNothing(({ pool, freed }) => {
      for (const [i, ptr] of freed.entries()) {
        expectCode('DOUBLE_FREE', () => pool.freeBlock(ptr))
        expectCode('DOUBLE_FREE', () => pool.rawFree(ptr, (2 * i + 1) % 49, 16))
        expectCode('DOUBLE_FREE', () => pool.rawResize(ptr, (2 * i + 1) % 49, 16, 8))
      }
    })
  })

  test('with another size are always found', () => {
    changesNothing(({ pool, live }) => {
      for (const [ptr, size] of live) {
        for (const other of [0, 1, size - 1, size + 1, 48, 49, 2 ** 31, 2 ** 32 + size, 2 ** 52]) {
          if (other === size || other < 0) continue
          expectCode('INVALID_POINTER', () => pool.rawFree(ptr, other, 16), `${size}, ${other}`)
          expectCode('INVALID_POINTER', () => pool.rawResize(ptr, other, 16, 8))
          expectCode('INVALID_POINTER', () => pool.rawRemap(ptr, other, 16, 8))
        }
      }
    })
  })

  test('with an alignment that the address has not are found; one that it has is right', () => {
    changesNothing(({ pool, live }) => {
      for (const [ptr, size] of live) {
        for (let align = 1; align < 2 ** 50; align *= 2) {
          if (ptr % align === 0) expect(pool.rawResize(ptr, size, align, size)).toBe(true)
          else expectCode('INVALID_POINTER', () => pool.rawFree(ptr, size, align))
        }
      }
    })
  })

  test('with what is no block', () => {
    changesNothing(({ pool, live, freed }) => {
      const { address, byteLength } = pool.region
      // Of a free block it is not known whether it ever was another's.
      const starts = new Set(Array.from({ length: 70 }, (_, i) => address + i * 48))
      expect([...live.keys(), ...freed].every((ptr) => starts.has(ptr))).toBe(true)
      for (let ptr = address - 100; ptr < address + byteLength + 100; ptr++) {
        for (const far of [ptr, ptr + 2 ** 32, ptr + 2 ** 48, ptr - 2 ** 32]) {
          if (starts.has(far) || far < 0) continue
          expectCode('INVALID_POINTER', () => pool.freeBlock(far))
          expectCode('INVALID_POINTER', () => pool.rawFree(far, 48, 1))
        }
      }
    })
  })

  test('of no pointer, no layout', () => {
    changesNothing(({ pool, live }) => {
      const [ptr, size] = [...live][20]!
      for (const value of [...BAD_POINTERS, 0, -0, 1, 2 ** 53 - 1, ptr + 0.5]) {
        expectCode('INVALID_POINTER', () => pool.freeBlock(wrong(value)), shown(value))
        expectCode('INVALID_POINTER', () => pool.rawFree(wrong(value), size, 16), shown(value))
        expectCode('INVALID_POINTER', () => pool.rawResize(wrong(value), size, 16, 8))
      }
      for (const value of [...BAD_SIZES, undefined]) {
        expectCode('INVALID_LAYOUT', () => pool.rawAlloc(wrong(value), 16), shown(value))
        expectCode('INVALID_LAYOUT', () => pool.alloc(wrong(value)), shown(value))
        expectCode('INVALID_LAYOUT', () => pool.rawFree(ptr, wrong(value), 16), shown(value))
        expectCode('INVALID_LAYOUT', () => pool.rawResize(ptr, size, 16, wrong(value)))
      }
      for (const value of [...BAD_ALIGNS, undefined]) {
        expectCode('INVALID_LAYOUT', () => pool.rawAlloc(48, wrong(value)), shown(value))
        expectCode('INVALID_LAYOUT', () => pool.rawAlloc(8, wrong(value)), shown(value))
        expectCode('INVALID_LAYOUT', () => pool.rawFree(ptr, size, wrong(value)), shown(value))
      }
    })
  })
})

describe('reset', () => {
  test('frees every block at once, and they are there again', () => {
    using pool = new PoolAllocator(16, 100)
    const handle = pool.alloc(16)
    const ptrs = all(pool)
    pool.rawResize(ptrs[0]!, 16, 16, 5)
    pool.reset()
    expect([pool.freeBlocks, pool.allocatedBlocks, handle.freed]).toEqual([100, 0, true])
    expectCode('USE_AFTER_FREE', () => handle.bytes)
    for (const ptr of ptrs) expectCode('INVALID_POINTER', () => pool.freeBlock(ptr))
    const first = pool.rawAlloc(16, 16)
    pool.rawFree(first, 16, 16)
    expect(all(pool)).toEqual([first, ...ptrs])
    pool.rawFree(ptrs[0]!, 16, 16)
  })
})

describe('stats', () => {
  test('tell what was asked for from what it takes, now and at most', () => {
    using pool = new PoolAllocator(100, 64, { align: 4 })
    expect(pool.stats()).toMatchObject({ name: 'PoolAllocator', capacity: 6400, used: 0, peak: 0 })
    const whole = pool.rawAlloc(100, 4)
    const tables = pool.stats().footprint - 3200
    expect(tables).toBeLessThan(200)
    const part = pool.rawAlloc(30, 1)
    expect(pool.stats()).toMatchObject({ used: 130, peak: 130 })
    pool.rawResize(part, 30, 1, 90)
    pool.rawResize(part, 90, 1, 0)
    expect(pool.stats()).toMatchObject({ used: 100, peak: 190 })
    pool.freeBlock(whole)
    pool.freeBlock(part)
    expect(pool.stats()).toMatchObject({ used: 0, peak: 190 })
    const ptrs = all(pool)
    const { footprint } = pool.stats()
    expect(pool.stats()).toMatchObject({ used: 6400, peak: 6400, peakFootprint: footprint })
    expect(ptrs.length).toBe(64)
    pool.reset()
    expect(pool.stats()).toMatchObject({ used: 0, peak: 6400, peakFootprint: footprint })
    expect(pool.stats().footprint).toBeLessThan(200)
  })
})

describe('owns', () => {
  test('answers for all blocks, live or free', () => {
    using pool = new PoolAllocator(24, 10, { align: 8 })
    const ptr = pool.allocBlock()
    const asked = [ptr - 1, ptr, ptr + 23, ptr + 239, ptr + 240]
    expect(asked.map((at) => pool.owns(at))).toEqual([false, true, true, true, false])
    for (const value of BAD_POINTERS) expect(pool.owns(wrong(value)), shown(value)).toBe(false)
    pool.dispose()
    expect(pool.owns(ptr)).toBe(false)
  })
})
