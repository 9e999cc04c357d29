/** StackAllocator: where blocks lie, the order in which they go, and the figures. */
import { describe, expect, test } from 'vitest'
import { Layout, Region, StackAllocator } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode, expectOneOf } from '../support/errors.js'

const HEADER = 8

/** Over V8 memory at alignment 1: every offset is as small as can be. */
const small = (capacity: number): StackAllocator => new StackAllocator(new ArrayBuffer(capacity))

describe('capacity', () => {
  test('is what headers leave, to the byte', () => {
    for (const capacity of [9, 10, 100, 1001]) {
      const stack = small(capacity)
      const { address } = stack.region
      expect(stack.rawAlloc(capacity - HEADER + 1, 1)).toBe(0)
      expect(stack.rawAlloc(capacity - HEADER, 1)).toBe(address + HEADER)
      expect(stack.remaining).toBe(0)
      expect(stack.rawAlloc(0, 1)).toBe(0)
      expect(stack.tryAlloc(1, 1)).toBeNull()
      expect(stack.pop()).toBe(true)
      expect(stack.remaining).toBe(capacity)
    }
    expect(small(8).rawAlloc(0, 1)).toBe(0)
  })

  test('that is none, or larger than a state block can describe, is refused', () => {
    expectCode('INVALID_LAYOUT', () => new StackAllocator(0))
    for (const memory of [2 ** 32 - 4095, 2 ** 50]) {
      expectCode('INVALID_ARGUMENT', () => new StackAllocator(memory), shown(memory))
    }
    for (const memory of [undefined, null, '64', 64n, {}]) {
      expectCode('INVALID_ARGUMENT', () => new StackAllocator(wrong(memory)), shown(memory))
    }
  })

  test('survives sums that overflow', () => {
    const stack = small(100)
    stack.rawAlloc(42, 1)
    const sizes = [43, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 50, 2 ** 32, 2 ** 32 + 10, 2 ** 53 - 1]
    for (const size of sizes) {
      for (const align of [1, 16, 2 ** 30, 2 ** 31, 2 ** 52])
        expect(stack.rawAlloc(size, align)).toBe(0)
    }
    expect(stack.remaining).toBe(50)
    expect(stack.rawAlloc(42, 1)).not.toBe(0)
  })
})

describe('a block', () => {
  test('lies behind the one below it, its header and padding between them', () => {
    for (const odd of [0, 1, 7]) {
      const stack = new StackAllocator(new Uint8Array(new ArrayBuffer(2000 + odd), odd))
      let end = stack.region.address
      for (const [size, align] of [
        [10, 1],
        [1, 16],
        [0, 8],
        [0, 1],
        [100, 64],
        [3, 2],
        [64, 16],
      ] as const) {
        const expected = Math.ceil((end + HEADER) / align) * align
        expect(stack.rawAlloc(size, align)).toBe(expected)
        end = expected + Math.max(size, 1)
        expect(stack.remaining).toBe(stack.region.address + 2000 - end)
      }
    }
  })

  test('of a layout has its size and alignment', () => {
    const stack = small(1000)
    const a = stack.alloc(Layout.f64)
    expect([a.size, a.align, a.ptr % 8]).toEqual([8, 8, 0])
    expect(stack.alloc(10).align).toBe(16)
  })

  test('can have an alignment that no word holds, where an address happens to have it', () => {
    const stack = small(100)
    expect(stack.rawAlloc(1, 2 ** 31)).toBe(0)
    expect(stack.rawAlloc(1, 2 ** 52)).toBe(0)
    const region = Region.pages(2 ** 32 - 4096)
    const wide = new StackAllocator(region)
    const ptr = wide.rawAlloc(10, 2 ** 31)
    expect(ptr).toBe(Math.ceil((region.address + HEADER) / 2 ** 31) * 2 ** 31)
    expectCode('INVALID_POINTER', () => wide.rawFree(ptr, 10, 2 ** 52))
    wide.rawFree(ptr, 10, 2 ** 31)
    expect(wide.remaining).toBe(region.byteLength)
    region.dispose()
  })
})

describe('the newest block', () => {
  test('is freed, and then the one below it is the newest, all the way down', () => {
    const stack = small(4000)
    const blocks = Array.from({ length: 60 }, (_, i) => {
      const [size, align] = [(i * 7) % 40, 2 ** (i % 5)]
      return { remaining: stack.remaining, ptr: stack.rawAlloc(size, align), size, align }
    })
    for (const { ptr, size, align, remaining } of blocks.toReversed()) {
      stack.rawFree(ptr, size, align)
      expect(stack.remaining).toBe(remaining)
    }
    expect(stack.stats()).toMatchObject({ used: 0, footprint: 0 })
  })

  test('is popped without naming it; pop says when there is none', () => {
    const stack = small(1000)
    expect(stack.pop()).toBe(false)
    for (let i = 0; i < 10; i++) stack.rawAlloc(i, 1)
    for (let i = 0; i < 10; i++) expect(stack.pop()).toBe(true)
    expect([stack.pop(), stack.remaining]).toEqual([false, 1000])
  })

  test('grows and shrinks in place, to the last byte of the capacity', () => {
    const stack = small(100)
    stack.rawAlloc(10, 1)
    const a = stack.alloc(10, 1)
    expect(a.resize(74)).toBe(true)
    expect([a.resize(75), stack.remaining]).toEqual([false, 0])
    expect(a.resize(0)).toBe(true)
    expect(stack.remaining).toBe(73)
    expect(a.resize(1)).toBe(true)
    expect(a.resize(5)).toBe(true)
    expect([a.size, stack.remaining, stack.stats().used]).toEqual([5, 69, 15])
    const ptr = a.ptr
    expect(stack.rawRemap(ptr, 5, 1, 6)).toBe(ptr)
    expect(stack.rawRemap(ptr, 6, 1, 75)).toBe(0)
    stack.rawFree(ptr, 6, 1)
    expect(stack.pop()).toBe(true)
    expect(stack.remaining).toBe(100)
  })

  test('keeps what is below it when its size was changed', () => {
    const stack = small(1000)
    const sizes = [0, 1, 2, 30, 7]
    for (const from of sizes) {
      for (const to of sizes) {
        const below = stack.alloc(20, 1)
        const a = stack.alloc(from, 1)
        expect(a.resize(to)).toBe(true)
        expect(stack.alloc(3, 1).resize(9)).toBe(true)
        stack.pop()
        stack.rawFree(a.ptr, to, 1)
        expect([a.freed, below.freed, stack.stats().used]).toEqual([true, false, 20])
        below.free()
        expect(stack.remaining).toBe(1000)
      }
    }
  })
})

describe('an older block', () => {
  test('stays: it is not freed, and only keeps its size', () => {
    const stack = small(1000)
    const older = stack.alloc(30, 1)
    const oldest = older.ptr
    stack.rawAlloc(10, 1)
    stack.rawAlloc(10, 1)
    const before = stack.stats()
    expectCode('OUT_OF_ORDER', () => older.free())
    expectCode('OUT_OF_ORDER', () => stack.rawFree(oldest, 30, 1))
    for (const size of [0, 29, 31, 2 ** 40]) {
      expect(older.resize(size)).toBe(false)
      expect(stack.rawRemap(oldest, 30, 1, size)).toBe(0)
    }
    expect(older.resize(30)).toBe(true)
    expectCode('OUT_OF_ORDER', () => stack.realloc(older, 40))
    expect([older.freed, older.size, older.ptr]).toEqual([false, 30, oldest])
    expect(stack.stats()).toMatchObject({ used: before.used, footprint: before.footprint })
  })
})

describe('wrong raw calls', () => {
  /** A stack with a block of each kind, the newest last; none may change. */
  const scene = (): { stack: StackAllocator; blocks: [number, number][]; freed: number } => {
    const stack = small(1000)
    const blocks = [30, 0, 1, 50].map((size): [number, number] => [stack.rawAlloc(size, 2), size])
    const freed = stack.rawAlloc(20, 2)
    stack.rawFree(freed, 20, 2)
    return { stack, blocks, freed }
  }

  test('with another size are always found', () => {
    const { stack, blocks } = scene()
    const before = stack.stats()
    for (const [ptr, size] of blocks) {
      for (const other of [0, 1, 2, 29, 31, 49, 51, 2 ** 31, 2 ** 32 + size, 2 ** 50]) {
        if (other === size) continue
        for (const align of [1, 2]) {
          expectCode('INVALID_POINTER', () => stack.rawFree(ptr, other, align), `${size}, ${other}`)
          expectCode('INVALID_POINTER', () => stack.rawResize(ptr, other, align, 8))
          expectCode('INVALID_POINTER', () => stack.rawRemap(ptr, other, align, 8))
        }
      }
    }
    expect(stack.stats()).toEqual(before)
  })

  test('with an empty and a one-byte block are told apart when one is the newest', () => {
    for (const [size, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const stack = small(100)
      stack.rawAlloc(5, 1)
      const ptr = stack.rawAlloc(size, 1)
      for (const _ of ['with the block below known', 'and not known']) {
        expectCode('INVALID_POINTER', () => stack.rawFree(ptr, other, 1))
        expectCode('INVALID_POINTER', () => stack.rawResize(ptr, other, 1, 8))
        stack.rawAlloc(1, 1)
        stack.pop()
      }
      stack.rawFree(ptr, size, 1)
      expect(stack.stats().used).toBe(5)
    }
  })

  test('with what is no block', () => {
    const { stack, blocks, freed } = scene()
    const before = stack.stats()
    const starts = new Set([freed, ...blocks.map(([ptr]) => ptr)])
    for (let ptr = stack.region.address - 20; ptr < stack.region.address + 1020; ptr++) {
      if (starts.has(ptr)) continue
      for (const size of [0, 1, 20, 30]) {
        expectCode('INVALID_POINTER', () => stack.rawFree(ptr, size, 1))
        expectCode('INVALID_POINTER', () => stack.rawResize(ptr, size, 1, 4))
      }
    }
    expect(stack.stats()).toEqual(before)
  })

  test('with a block that was freed, until it is overwritten', () => {
    const { stack, freed } = scene()
    expectCode('DOUBLE_FREE', () => stack.rawFree(freed, 20, 2))
    expectCode('DOUBLE_FREE', () => stack.rawResize(freed, 20, 2, 4))
    expectCode('INVALID_POINTER', () => stack.rawFree(freed, 21, 2))
    const taken = stack.rawAlloc(100, 1)
    stack.view(taken, 100).fill(0)
    expectOneOf(['INVALID_POINTER', 'DOUBLE_FREE'], () => stack.rawFree(freed, 20, 2))
    stack.reset()
    expectOneOf(['INVALID_POINTER', 'DOUBLE_FREE'], () => stack.rawFree(taken, 100, 1))
  })

  test('of no pointer and no layout', () => {
    const { stack, blocks } = scene()
    const before = stack.stats()
    const [ptr, size] = blocks.at(-1)!
    for (const value of [...BAD_POINTERS, 0, 1, 2 ** 53 - 1, ptr + 0.5, 2 ** 48 + ptr]) {
      expectCode('INVALID_POINTER', () => stack.rawFree(wrong(value), size, 2), shown(value))
      expectCode('INVALID_POINTER', () => stack.rawResize(wrong(value), size, 2, 4), shown(value))
    }
    for (const value of [...BAD_SIZES, undefined]) {
      expectCode('INVALID_LAYOUT', () => stack.rawFree(ptr, wrong(value), 2), shown(value))
      expectCode('INVALID_LAYOUT', () => stack.rawResize(ptr, size, 2, wrong(value)))
      expectCode('INVALID_LAYOUT', () => stack.rawResize(blocks[0]![0], 30, 2, wrong(value)))
    }
    for (const value of [...BAD_ALIGNS, undefined]) {
      expectCode('INVALID_LAYOUT', () => stack.rawFree(ptr, size, wrong(value)), shown(value))
      expectCode('INVALID_LAYOUT', () => stack.rawAlloc(8, wrong(value)), shown(value))
    }
    expect(stack.stats()).toEqual(before)
  })

  test('of no alignment are found when no block was allocated with one yet', () => {
    const stack = small(100)
    const ptr = stack.rawAlloc(0, 1)
    for (const align of [0, -0, -1, 3]) {
      expectCode('INVALID_LAYOUT', () => stack.rawAlloc(5, align))
      expectCode('INVALID_LAYOUT', () => stack.rawFree(ptr, 0, align))
    }
  })
})

describe('owns', () => {
  test('answers for what was handed out', () => {
    const stack = small(100)
    const { address } = stack.region
    expect(stack.owns(address)).toBe(false)
    const ptr = stack.rawAlloc(10, 1)
    expect([ptr, ptr + 9, ptr + 10].map((at) => stack.owns(at))).toEqual([true, true, false])
    for (const value of BAD_POINTERS) expect(stack.owns(wrong(value)), shown(value)).toBe(false)
    stack.pop()
    expect(stack.owns(ptr)).toBe(false)
  })
})

describe('stats', () => {
  test('tell payload from headers and padding, now and at most', () => {
    const stack = new StackAllocator(Region.malloc(1000))
    stack.rawAlloc(10, 1)
    const a = stack.alloc(20, 16)
    expect(stack.stats()).toEqual({
      name: 'StackAllocator',
      capacity: 1000,
      used: 30,
      peak: 30,
      footprint: 52,
      peakFootprint: 52,
    })
    a.resize(100)
    a.resize(1)
    expect(stack.stats()).toMatchObject({ used: 11, peak: 110, footprint: 33, peakFootprint: 132 })
    a.free()
    expect(stack.stats()).toMatchObject({ used: 10, peak: 110, footprint: 18, peakFootprint: 132 })
    stack.rawAlloc(200, 1)
    stack.reset()
    expect(stack.stats()).toMatchObject({ used: 0, peak: 210, footprint: 0, peakFootprint: 226 })
  })

  test('have the most of both, which may not have been at the same time', () => {
    const stack = new StackAllocator(Region.malloc(1000, { align: 256 }))
    stack.rawAlloc(1, 256)
    stack.pop()
    stack.rawAlloc(100, 1)
    stack.pop()
    expect(stack.stats()).toMatchObject({ used: 0, peak: 100, peakFootprint: 257 })
  })

  test('count an empty block as nothing that takes a byte', () => {
    const stack = small(100)
    stack.rawAlloc(0, 1)
    expect(stack.stats()).toMatchObject({ used: 0, footprint: 9 })
    stack.pop()
    expect(stack.stats()).toMatchObject({ used: 0, footprint: 0, peakFootprint: 9 })
  })
})
