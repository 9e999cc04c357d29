/** ArenaAllocator: how its chunks grow, its limit, the last block, and what it says is wrong. */
import { describe, expect, test } from 'vitest'
import {
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  Layout,
  pageAllocator,
  Region,
} from '../../lib/index.js'
import { BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { peek } from '../support/memory.js'
import { MoodyAllocator } from '../support/moody.js'

/** A parent over the C heap that never resizes, as far as an arena is concerned. */
const stiff = (): MoodyAllocator => new MoodyAllocator(cAllocator, (what) => what === 'alloc')

/** A parent whose last block can always grow. */
const stretching = (capacity: number): MoodyAllocator =>
  new MoodyAllocator(new BumpAllocator(Region.malloc(capacity, { align: 64 })), () => true)

describe('chunks', () => {
  test('are taken when they are needed, each half as long again as the last and the request', () => {
    const sizes: number[] = []
    const parent = new MoodyAllocator(cAllocator, (what, size) => {
      if (what === 'alloc') sizes.push(size)
      return what === 'alloc'
    })
    using arena = new ArenaAllocator(parent)
    expect([parent.calls.alloc, arena.queryCapacity()]).toEqual([0, 0])
    arena.alloc(100, 1)
    expect(sizes).toEqual([176]) // (0 + 100 + 1 + 16) * 1.5, to the next 16
    arena.alloc(75, 1)
    arena.alloc(200, 8)
    expect(sizes).toEqual([176, 608]) // (176 + 200 + 8 + 16) * 1.5, the same
    expect(arena.queryCapacity()).toBe(176 + 608)
    arena.alloc(5000, 1)
    expect(sizes).toEqual([176, 608, 8448])
    expect(parent.calls.alloc).toBe(3)
  })

  test('are few: n bytes take O(log n) of them', () => {
    const parent = stiff()
    using arena = new ArenaAllocator(parent)
    for (let i = 0; i < 100_000; i++) arena.rawAlloc(32, 16)
    expect(parent.calls.alloc).toBeLessThan(30)
    expect(arena.stats().used).toBe(3_200_000)
  })

  test('are made longer in place where the parent can do that', () => {
    const parent = stretching(10_000)
    using arena = new ArenaAllocator(parent)
    const first = arena.alloc(100, 1)
    first.bytes.fill(1)
    const before = arena.queryCapacity()
    const blocks = Array.from({ length: 50 }, (_, i) => {
      const a = arena.alloc(100, 1)
      a.bytes.fill(i + 2)
      return a
    })
    expect(parent.calls.alloc).toBe(1)
    expect(parent.calls.resize).toBeGreaterThan(0)
    expect(arena.queryCapacity()).toBeGreaterThan(before)
    // One chunk, and the handles from before it grew are still good.
    expect(blocks.map(({ ptr }) => ptr - first.ptr)).toEqual(blocks.map((_, i) => (i + 1) * 100))
    expect([first, ...blocks].every((a, i) => a.bytes.every((byte) => byte === i + 1))).toBe(true)
    expect([...peek(blocks[49]!.ptr, 1)]).toEqual([51])
    expect(arena.view(blocks[49]!.ptr, 100)[99]).toBe(51)
  })

  test('grow by half when they can, and by what is asked when they cannot', () => {
    const asked: number[] = []
    const bump = new BumpAllocator(Region.malloc(304, { align: 16 }))
    const parent = new MoodyAllocator(bump, (what, size) => {
      if (what === 'resize') asked.push(size)
      return true
    })
    using arena = new ArenaAllocator(parent)
    arena.alloc(100, 1)
    arena.alloc(100, 1)
    expect(asked).toEqual([304])
    arena.alloc(104, 1)
    expect(arena.tryAlloc(1, 1)).toBeNull()
    expect(arena.queryCapacity()).toBe(304)
    const [half, exact] = asked.slice(-2)
    expect([half! > 305, exact]).toEqual([true, 305])
  })

  test('are as long as the block when the parent has no more', () => {
    const bump = new BumpAllocator(Region.malloc(100, { align: 16 }))
    using arena = new ArenaAllocator(bump)
    expect(arena.alloc(100, 16).bytes.length).toBe(100)
    expect(arena.queryCapacity()).toBe(100)
    const again = new ArenaAllocator(new MoodyAllocator(cAllocator, (_, size) => size === 64))
    expect(again.alloc(64, 16).ptr % 16).toBe(0)
    expect(again.tryAlloc(63, 16)).toBeNull()
    again.dispose()
  })

  test('show their bytes anew when a parent shows each length with another buffer', () => {
    using region = Region.malloc(4096)
    const bump = new BumpAllocator(region)
    /** As of a memory that is replaced when it grows: the bytes it shows end with the block. */
    class Exact extends MoodyAllocator {
      override view(ptr: number, size: number): Uint8Array {
        return new Uint8Array(super.view(ptr, size))
      }
    }
    using arena = new ArenaAllocator(new Exact(bump, () => true))
    expect(arena.alloc(50, 1).bytes.length).toBe(50)
    expect(arena.alloc(2000, 1).bytes.length).toBe(2000)
    expect(arena.queryCapacity()).toBeGreaterThan(2050)
  })

  test('align blocks more than themselves', () => {
    for (const parent of [cAllocator, pageAllocator, stiff()]) {
      using arena = new ArenaAllocator(parent)
      for (const align of [16, 64, 4096, 2 ** 16, 1, 2 ** 12]) {
        const a = arena.alloc(10, align)
        expect(a.ptr % align).toBe(0)
        a.bytes.fill(7)
      }
    }
  })

  test('that are no addresses are refused', () => {
    for (const made of [NaN, -16, 8, 2 ** 53, '16', undefined, {}]) {
      const parent = new MoodyAllocator(cAllocator, () => true)
      parent.rawAlloc = () => wrong(made)
      const arena = new ArenaAllocator(parent)
      expectCode('INVALID_POINTER', () => arena.alloc(8), shown(made))
      expect(arena.queryCapacity()).toBe(0)
    }
  })
})

describe('blocks', () => {
  test('of 0 bytes have addresses of their own, in chunks too', () => {
    using arena = new ArenaAllocator(stiff())
    const ptrs = Array.from({ length: 500 }, () => arena.alloc(0, 1).ptr)
    expect(new Set(ptrs).size).toBe(500)
    expect(arena.stats().used).toBe(500)
  })

  test('of 2 GiB and more are had and refused like any other', () => {
    using arena = new ArenaAllocator(pageAllocator)
    for (const size of [2 ** 32 - 4095, 2 ** 32, 2 ** 32 + 8, 2 ** 52, 2 ** 53 - 1]) {
      for (const align of [1, 16, 2 ** 31, 2 ** 52]) expect(arena.rawAlloc(size, align)).toBe(0)
    }
    const size = 2 ** 31 + 100
    const a = arena.rawAlloc(size, 64)
    const b = arena.alloc(64)
    expect([a % 64, arena.owns(a + size - 1)]).toEqual([0, true])
    b.bytes.fill(9)
    expect([...peek(b.ptr + 63, 1)]).toEqual([9])
    expect(arena.stats().used).toBe(size + 64)
    arena.rawFree(a, size, 64)
    expect(arena.stats()).toMatchObject({ used: 64, peak: size + 64 })
  })

  test('that are last grow, shrink and give their bytes back', () => {
    using arena = new ArenaAllocator(cAllocator, { limit: 1000 })
    const first = arena.alloc(1000, 1)
    first.resize(100)
    const a = arena.alloc(10, 1)
    expect(a.ptr).toBe(first.ptr + 100)
    expect([first.resize(101), first.resize(50), a.resize(900), a.resize(901)]).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(a.resize(0)).toBe(true)
    expect(arena.stats()).toMatchObject({ used: 51, peak: 1000 })
    a.free()
    expect(arena.alloc(10, 1).ptr).toBe(first.ptr + 100)
  })

  test('that are last grow past the end of their chunk where that can grow', () => {
    const parent = stretching(10_000)
    using arena = new ArenaAllocator(parent)
    arena.alloc(10, 1)
    const a = arena.alloc(10, 1)
    a.bytes.fill(5)
    expect(a.resize(5000)).toBe(true)
    expect(a.bytes.length).toBe(5000)
    a.bytes.fill(6, 10)
    expect([...peek(a.ptr + 9, 2)]).toEqual([5, 6])
    expect(a.resize(20_000)).toBe(false)
    expect([a.size, arena.stats().used]).toEqual([5000, 5010])
    expect(parent.calls.alloc).toBe(1)
  })

  test('in a chunk that was left are counted when they are freed', () => {
    using arena = new ArenaAllocator(stiff())
    const a = arena.alloc(100, 1)
    const b = arena.alloc(1000, 1)
    expect(b.ptr - a.ptr === 100).toBe(false)
    expect([a.resize(101), a.resize(60)]).toEqual([false, true])
    expect(arena.stats().used).toBe(1060)
    a.free()
    expect(arena.stats().used).toBe(1000)
    b.free()
    expect(arena.stats()).toMatchObject({ used: 0, peak: 1100 })
  })

  test('move between chunks with realloc, and their handles follow', () => {
    using arena = new ArenaAllocator(stiff())
    const a = arena.dupe('text')
    arena.alloc(8)
    const { ptr } = a
    arena.realloc(a, new Layout(3000, 256))
    expect(a.ptr).not.toBe(ptr)
    expect([a.ptr % 256, a.buffer.toString('latin1', 0, 4)]).toEqual([0, 'text'])
    expect(arena.stats().used).toBe(3008)
  })
})

describe('the limit', () => {
  test('is exact: the last byte of it can be had, and none more', () => {
    for (const limit of [1, 100, 1000, 4097]) {
      for (const parent of [cAllocator, stiff(), pageAllocator]) {
        using arena = new ArenaAllocator(parent, { limit })
        let count = 0
        while (arena.rawAlloc(1, 1) !== 0) count++
        expect([count, arena.queryCapacity()]).toEqual([limit, limit])
        arena.reset('free_all')
        expect(arena.tryAlloc(limit + 1, 1)).toBeNull()
        expect(arena.alloc(limit, 16).size).toBe(limit)
        expectCode('OUT_OF_MEMORY', () => arena.alloc(0, 1))
      }
    }
  })

  test('holds for chunks that grow in place', () => {
    const parent = stretching(10_000)
    using arena = new ArenaAllocator(parent, { limit: 500 })
    const a = arena.alloc(10, 1)
    expect([a.resize(501), a.resize(500), arena.queryCapacity()]).toEqual([false, true, 500])
    expect(parent.inner.stats().used).toBe(500)
  })

  test('holds at every moment of a reset', () => {
    let [held, most] = [0, 0]
    class Watched extends MoodyAllocator {
      override rawAlloc(size: number, align: number): number {
        most = Math.max(most, (held += size))
        return super.rawAlloc(size, align)
      }
      override rawFree(ptr: number, size: number, align: number): void {
        held -= size
        super.rawFree(ptr, size, align)
      }
    }
    const parent = new Watched(cAllocator, (what) => what === 'alloc')
    using arena = new ArenaAllocator(parent, { limit: 1000 })
    for (let round = 0; round < 3; round++) {
      while (arena.rawAlloc(50, 1) !== 0);
      expect([arena.reset('retain_capacity'), arena.queryCapacity()]).toEqual([true, 1000])
    }
    expect(most).toBe(1000)
    expect(arena.rawAlloc(1000, 16)).not.toBe(0)
  })

  test('of nothing is nothing, and none is none', () => {
    const none = new ArenaAllocator(cAllocator, { limit: 0 })
    expect([none.rawAlloc(0, 1), none.rawAlloc(1, 1), none.stats().capacity]).toEqual([0, 0, 0])
    expect(new ArenaAllocator(cAllocator).stats().capacity).toBe(Infinity)
    expect(new ArenaAllocator(cAllocator, { limit: Infinity }).stats().capacity).toBe(Infinity)
  })

  test('that is none is refused, as is what is no parent', () => {
    for (const limit of BAD_SIZES.filter((size) => size !== Infinity)) {
      const make = (): unknown => new ArenaAllocator(cAllocator, { limit: wrong(limit) })
      expectCode('INVALID_ARGUMENT', make, shown(limit))
    }
    for (const value of [undefined, null, 5, 'c', {}, Region, new ArrayBuffer(8)]) {
      expectCode('INVALID_ARGUMENT', () => new ArenaAllocator(wrong(value)), shown(value))
    }
    for (const value of [null, 5, 'c', Symbol('s')]) {
      expectCode('INVALID_ARGUMENT', () => new ArenaAllocator(cAllocator, wrong(value)))
    }
  })
})

describe('what is provably wrong', () => {
  test('is refused and changes nothing', () => {
    using arena = new ArenaAllocator(stiff())
    const a = arena.rawAlloc(64, 16)
    const b = arena.rawAlloc(5000, 16)
    const before = arena.stats()
    for (const ptr of [a, b]) {
      expectCode('INVALID_POINTER', () => arena.rawFree(ptr - 1, 8, 1))
      expectCode('INVALID_POINTER', () => arena.rawFree(ptr + 1, 8, 8))
    }
    expectCode('INVALID_POINTER', () => arena.rawFree(a, 65, 1))
    expectCode('INVALID_POINTER', () => arena.rawFree(b, 5001, 1))
    expectCode('INVALID_POINTER', () => arena.rawResize(b + 5000, 1, 1, 2))
    expectCode('INVALID_POINTER', () => arena.rawRemap(a, 2 ** 52, 1, 2))
    expectCode('INVALID_POINTER', () => arena.view(a - 1, 1))
    expectCode('INVALID_POINTER', () => arena.view(b, 2 ** 20))
    for (const ptr of BAD_POINTERS) {
      expectCode('INVALID_POINTER', () => arena.view(wrong(ptr), 1), shown(ptr))
      expect(arena.owns(wrong(ptr))).toBe(false)
    }
    expect(arena.stats()).toEqual(before)
    expect([arena.owns(a), arena.owns(a + 63), arena.owns(a + 64)]).toEqual([true, true, false])
    expect([arena.owns(b + 4999), arena.owns(b + 5000)]).toEqual([true, false])
  })

  test('when it cannot be told from what is right, keeps the figures sane', () => {
    using arena = new ArenaAllocator(stiff())
    const a = arena.rawAlloc(100, 1)
    const b = arena.rawAlloc(1000, 1)
    arena.rawAlloc(100, 1)
    for (let i = 0; i < 5; i++) {
      for (const [ptr, size] of [
        [a, 100],
        [b, 1000],
      ] as const) {
        arena.rawFree(ptr, size, 1)
        const { used, footprint } = arena.stats()
        expect(used).toBeGreaterThanOrEqual(0)
        expect(used).toBeLessThanOrEqual(footprint)
      }
    }
    const last = arena.rawAlloc(1, 1)
    for (let i = 0; i < 3; i++) arena.rawFree(last - 100, 100, 1)
    arena.rawFree(last, 1, 1)
    expect(arena.stats().used).toBe(0)
    arena.reset()
    expect(arena.stats()).toMatchObject({ used: 0, peak: 1200 })
  })
})

describe('stats', () => {
  test('tell payload from what is held, now and at most', () => {
    using arena = new ArenaAllocator(stiff(), { limit: 10_000 })
    arena.alloc(10, 1)
    const padded = arena.alloc(7, 8)
    expect(arena.stats()).toEqual({
      name: 'ArenaAllocator',
      capacity: 10_000,
      used: 17,
      peak: 17,
      footprint: 48,
      peakFootprint: 48,
    })
    arena.alloc(1000, 1)
    padded.free()
    const held = arena.queryCapacity()
    expect(arena.stats()).toMatchObject({ used: 1010, peak: 1017, footprint: held })
    arena.reset('free_all')
    expect(arena.stats()).toMatchObject({
      used: 0,
      peak: 1017,
      footprint: 0,
      peakFootprint: held,
    })
  })
})
