/** FreeListAllocator: where blocks lie, how holes are split and joined, sizes, and the figures. */
import { describe, expect, test } from 'vitest'
import { FreeListAllocator, Layout, Region } from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

/** Over malloc memory, which is aligned to 16. */
const heapOf = (capacity: number): FreeListAllocator =>
  new FreeListAllocator(Region.malloc(capacity))

/** The offsets of `count` blocks of `size` bytes that were allocated now. */
function row(heap: FreeListAllocator, count: number, size: number): number[] {
  const { address } = heap.region
  return Array.from({ length: count }, (_, i) => {
    const ptr = heap.rawAlloc(size, 16)
    expect(ptr - address).toBe(i * Math.ceil(size / 16) * 16)
    return ptr
  })
}

describe('a block', () => {
  test('takes its bytes rounded up to 16, and an empty one 16', () => {
    const heap = heapOf(4096)
    const { address } = heap.region
    let offset = 0
    for (const size of [0, 1, 15, 16, 17, 32, 33, 255, 256, 257]) {
      expect(heap.rawAlloc(size, 1)).toBe(address + offset)
      offset += Math.max(16, Math.ceil(size / 16) * 16)
      expect(heap.totalAllocated).toBe(offset)
    }
    expect(heap.remaining).toBe(4096 - offset)
  })

  test('of any alignment up to 16 lies at a multiple of 16', () => {
    const heap = heapOf(4096)
    for (const align of [1, 2, 4, 8, 16]) expect(heap.rawAlloc(5, align) % 16).toBe(0)
    expect(heap.alloc(Layout.f64).ptr % 16).toBe(0)
  })

  test('of a large alignment leaves a hole before it, which the next that fits gets', () => {
    const region = Region.pages(2 ** 16)
    const heap = new FreeListAllocator(region)
    const { address } = region
    heap.rawAlloc(16, 16)
    expect(heap.rawAlloc(100, 4096)).toBe(address + 4096)
    expect(heap.rawAlloc(5000, 16)).toBe(address + 4096 + 112)
    expect(heap.rawAlloc(4080, 16)).toBe(address + 16)
    expect(heap.largestFree).toBe(2 ** 16 - 4096 - 112 - 5008)
  })

  test('of a large alignment passes over holes in which it would lie wrong', () => {
    const region = Region.pages(2 ** 16)
    const heap = new FreeListAllocator(region)
    const blocks = row(heap, 10, 512)
    heap.rawFree(blocks[1]!, 512, 16)
    heap.rawFree(blocks[4]!, 512, 16)
    heap.rawFree(blocks[5]!, 512, 16)
    // 2048 is where the second hole starts, 512 is not aligned.
    expect(heap.rawAlloc(512, 2048)).toBe(blocks[4])
    expect(heap.rawAlloc(512, 512)).toBe(blocks[1])
    expect(heap.rawAlloc(256, 256)).toBe(blocks[5])
    expect(heap.rawAlloc(256, 1024)).toBe(region.address + 5120)
  })

  test('out of the middle of a hole leaves one on either side', () => {
    const heap = new FreeListAllocator(Region.pages(2 ** 16))
    const [first, last] = [heap.rawAlloc(4096, 16), heap.rawAlloc(16, 16)]
    heap.rawFree(first, 4096, 16)
    heap.rawAlloc(16, 16)
    expect(heap.rawAlloc(100, 1024)).toBe(first + 1024)
    expect(heap.rawAlloc(1008, 16)).toBe(first + 16)
    expect(heap.rawAlloc(4096 - 1024 - 112, 16)).toBe(first + 1024 + 112)
    expect(heap.rawAlloc(1, 1)).toBe(last + 16)
  })
})

describe('first fit', () => {
  test('takes the lowest hole that is large enough, not the best nor the latest', () => {
    const heap = heapOf(2 ** 16)
    const sizes = [64, 16, 256, 16, 128, 16, 96, 16]
    const blocks = sizes.map((size) => heap.rawAlloc(size, 16))
    for (const i of [6, 4, 2, 0]) heap.rawFree(blocks[i]!, sizes[i]!, 16)
    expect(heap.rawAlloc(96, 16)).toBe(blocks[2])
    expect(heap.rawAlloc(160, 16)).toBe(blocks[2]! + 96)
    expect(heap.rawAlloc(96, 16)).toBe(blocks[4])
    expect(heap.rawAlloc(64, 16)).toBe(blocks[0])
  })

  test('splits a hole: its low end is the block, the rest stays a hole', () => {
    const heap = heapOf(2 ** 16)
    const [first] = [heap.rawAlloc(1024, 16), heap.rawAlloc(16, 16)]
    heap.rawFree(first, 1024, 16)
    for (let at = 0; at < 1024; at += 64) expect(heap.rawAlloc(60, 16)).toBe(first + at)
    expect(heap.rawAlloc(60, 16)).toBe(first + 1024 + 16)
  })

  test.each([
    ['nothing', [2]],
    ['the hole before', [1, 2]],
    ['the hole behind', [3, 2]],
    ['both', [1, 3, 2]],
    ['both, in the other order', [3, 1, 2]],
    ['long chains', [0, 1, 3, 4, 5, 2]],
  ] as const)('joins a freed block with %s', (_, freed) => {
    for (const size of [16, 48, 240, 256, 272, 4000, 100_000]) {
      const heap = heapOf(2 ** 20)
      const blocks = row(heap, 7, size)
      for (const i of freed) heap.rawFree(blocks[i]!, size, 16)
      const low = Math.min(...freed)
      const all = Math.ceil(size / 16) * 16 * freed.length
      const beyond = heap.rawAlloc(all + 1, 1)
      expect(beyond === 0 || beyond > blocks[6]!).toBe(true)
      expect(heap.rawAlloc(all, 1)).toBe(blocks[low])
    }
  })

  test('has one hole again when all is freed, in any order', () => {
    const heap = heapOf(2 ** 16)
    for (let step = 1; step < 64; step += 2) {
      const blocks = row(heap, 64, 1000)
      // An odd step visits each of 64 once.
      for (let i = 0; i < 64; i++) heap.rawFree(blocks[(i * step) % 64]!, 1000, 16)
      expect([heap.largestFree, heap.totalAllocated]).toEqual([2 ** 16, 0])
    }
  })
})

describe('resize', () => {
  test('shrinks in place and gives the rest back at once', () => {
    const heap = heapOf(2 ** 16)
    const [a, b] = [heap.rawAlloc(1000, 16), heap.rawAlloc(16, 16)]
    expect(heap.rawResize(a, 1000, 16, 500)).toBe(true)
    expect(heap.rawAlloc(496, 16)).toBe(a + 512)
    expect(heap.rawAlloc(1, 1)).toBe(b + 16)
    expect(heap.rawResize(a, 500, 16, 512)).toBe(true)
    expect(heap.rawResize(a, 512, 16, 513)).toBe(false)
    expect(heap.rawResize(a, 512, 16, 0)).toBe(true)
    expect(heap.rawAlloc(496, 16)).toBe(a + 16)
  })

  test('joins what it gives back with the hole behind', () => {
    const heap = heapOf(2 ** 16)
    const blocks = row(heap, 4, 256)
    heap.rawFree(blocks[1]!, 256, 16)
    expect(heap.rawResize(blocks[0]!, 256, 16, 16)).toBe(true)
    expect(heap.rawAlloc(256 + 240, 16)).toBe(blocks[0]! + 16)
  })

  test('grows into the hole behind, as far as it goes', () => {
    for (const unit of [16, 160, 4096]) {
      const heap = heapOf(2 ** 16)
      const blocks = row(heap, 4, unit)
      heap.rawFree(blocks[1]!, unit, 16)
      expect(heap.rawResize(blocks[0]!, unit, 16, unit * 2 + 1)).toBe(false)
      expect(heap.rawResize(blocks[0]!, unit, 16, unit + 1)).toBe(true)
      if (unit > 16) expect(heap.rawAlloc(unit - 16, 16)).toBe(blocks[1]! + 16)
      expect(heap.rawResize(blocks[0]!, unit + 1, 16, unit + 16)).toBe(true)
      expect(heap.rawResize(blocks[0]!, unit + 16, 16, unit + 17)).toBe(false)
    }
  })

  test('of the last block goes to the last byte of the region', () => {
    const heap = heapOf(1000)
    const [, b] = row(heap, 2, 100)
    expect(heap.rawResize(b!, 100, 16, 1000 - 112 + 1)).toBe(false)
    expect(heap.rawResize(b!, 100, 16, 1000 - 112)).toBe(true)
    expect([heap.remaining, heap.largestFree]).toEqual([0, 0])
    expect(heap.rawResize(b!, 888, 16, 1)).toBe(true)
    expect(heap.largestFree).toBe(1000 - 128)
  })

  test('keeps bytes, and realloc moves what cannot grow', () => {
    const heap = heapOf(2 ** 16)
    const a = heap.alloc(100)
    a.bytes.fill(7)
    const wall = heap.alloc(16)
    const { ptr } = a
    expect(a.resize(200)).toBe(false)
    expect([a.size, a.ptr]).toEqual([100, ptr])
    heap.realloc(a, 200)
    expect(a.ptr).toBe(wall.ptr + 16)
    expect([...a.bytes.subarray(0, 100)].every((byte) => byte === 7)).toBe(true)
    expect(heap.rawAlloc(112, 16)).toBe(ptr)
    expect(heap.rawRemap(ptr, 112, 16, 113)).toBe(0)
    expect(heap.rawRemap(ptr, 112, 16, 50)).toBe(ptr)
  })

  test('to more than any memory has is false, and nothing changes', () => {
    const heap = heapOf(1000)
    const ptr = heap.rawAlloc(10, 16)
    for (const size of [1001, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 36, 2 ** 53 - 1]) {
      expect(heap.rawResize(ptr, 10, 16, size)).toBe(false)
    }
    expect(heap.stats().used).toBe(10)
    heap.rawFree(ptr, 10, 16)
  })
})

describe('capacity', () => {
  test('is the region to the byte', () => {
    for (const capacity of [1, 15, 16, 17, 100, 1001, 4096]) {
      const heap = heapOf(capacity)
      expect([heap.largestFree, heap.remaining]).toEqual([capacity, capacity])
      expect(heap.rawAlloc(capacity + 1, 1)).toBe(0)
      const ptr = heap.rawAlloc(capacity, 1)
      expect(ptr).toBe(heap.region.address)
      expect([heap.largestFree, heap.remaining]).toEqual([0, 0])
      expect(heap.rawAlloc(0, 1)).toBe(0)
      expectCode('OUT_OF_MEMORY', () => heap.alloc(1))
      expect(heap.tryAlloc(1)).toBeNull()
      heap.rawFree(ptr, capacity, 1)
      expect(heap.largestFree).toBe(capacity)
    }
  })

  test('that is none, or larger than a state block can describe, is refused', () => {
    expectCode('INVALID_LAYOUT', () => new FreeListAllocator(0))
    for (const memory of [2 ** 32 - 4095, 2 ** 50]) {
      expectCode('INVALID_ARGUMENT', () => new FreeListAllocator(memory), shown(memory))
    }
    for (const memory of [undefined, null, '64', 64n, {}]) {
      expectCode('INVALID_ARGUMENT', () => new FreeListAllocator(wrong(memory)), shown(memory))
    }
  })

  test('survives sizes and alignments at which sums overflow', () => {
    const heap = heapOf(1000)
    heap.rawAlloc(100, 1)
    const sizes = [901, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 50, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
    for (const size of sizes) {
      for (const align of [1, 16, 32, 2 ** 30, 2 ** 31, 2 ** 52]) {
        expect(heap.rawAlloc(size, align), `${size} at ${align}`).toBe(0)
      }
    }
    expect(heap.remaining).toBe(1000 - 112)
    expect(heap.rawAlloc(1000 - 112, 1)).not.toBe(0)
  })

  test('comes back after it was out, wherever a block is freed', () => {
    const heap = heapOf(64 * 100)
    const blocks = row(heap, 100, 64)
    for (const i of [0, 50, 99]) {
      expect(heap.rawAlloc(64, 16)).toBe(0)
      expectCode('OUT_OF_MEMORY', () => heap.alloc(1))
      heap.rawFree(blocks[i]!, 64, 16)
      expect([heap.remaining, heap.largestFree]).toEqual([64, 64])
      expect(heap.rawAlloc(65, 16)).toBe(0)
      expect(heap.rawAlloc(64, 16)).toBe(blocks[i])
    }
  })
})

describe('figures', () => {
  test('say what was asked for, what is taken, and the most of both', () => {
    const heap = heapOf(2 ** 16)
    const [a, b, c] = [heap.rawAlloc(100, 16), heap.rawAlloc(1, 1), heap.rawAlloc(1000, 16)]
    const most = heap.stats()
    expect(most).toMatchObject({ name: 'FreeListAllocator', capacity: 2 ** 16, used: 1101 })
    expect(most.peak).toBe(1101)
    expect(most.footprint).toBeGreaterThan(112 + 16 + 1008)
    heap.rawFree(c, 1000, 16)
    heap.freePtr(a)
    const less = heap.stats()
    expect([less.used, less.peak, less.peakFootprint]).toEqual([1, 1101, most.footprint])
    expect(less.footprint).toBeLessThan(most.footprint)
    expect(heap.totalAllocated).toBe(16)
    heap.rawFree(b, 1, 1)
    expect(heap.stats()).toMatchObject({ used: 0, peak: 1101, peakFootprint: most.footprint })
  })

  test('count metadata: less than a sixteenth of the memory that was in use', () => {
    const heap = heapOf(2 ** 22)
    heap.rawAlloc(2 ** 22, 16)
    const { footprint } = heap.stats()
    expect(footprint - 2 ** 22).toBeGreaterThan(2 ** 22 / 64)
    expect(footprint - 2 ** 22).toBeLessThan(2 ** 22 / 16)
  })

  test('know the largest hole, whatever was split and joined', () => {
    const heap = heapOf(2 ** 16)
    const blocks = row(heap, 64, 1024)
    expect(heap.largestFree).toBe(0)
    for (const i of [10, 30, 31, 50]) heap.rawFree(blocks[i]!, 1024, 16)
    expect(heap.largestFree).toBe(2048)
    expect(heap.rawAlloc(1040, 16)).toBe(blocks[30])
    expect(heap.largestFree).toBe(1024)
    expect(heap.rawAlloc(1024, 16)).toBe(blocks[10])
    expect(heap.rawAlloc(1024, 16)).toBe(blocks[50])
    expect(heap.largestFree).toBe(1008)
    heap.rawFree(blocks[63]!, 1024, 16)
    expect(heap.largestFree).toBe(1024)
  })
})
