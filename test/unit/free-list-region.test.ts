/** FreeListAllocator: the region that it works in, offsets beyond 2^31, growth, reset and the end. */
import { describe, expect, test } from 'vitest'
import { type Allocation, FreeListAllocator, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { borrowed } from '../support/regions.js'
import { Memory, PAGE } from '../support/wasm.js'

const MOST = 2 ** 32 - 4096
const HALF = 2 ** 31

describe('a region of 4 GiB - 4 KiB', () => {
  test('is one block, or two halves, to the last byte', () => {
    const region = Region.pages(MOST)
    using heap = new FreeListAllocator(region)
    const { address } = region
    expect(heap.rawAlloc(MOST + 1, 1)).toBe(0)
    expect(heap.rawAlloc(MOST, 1)).toBe(address)
    heap.view(address + MOST - 1, 1)[0] = 1
    expect([heap.remaining, heap.totalAllocated, heap.stats().used]).toEqual([0, MOST, MOST])
    expect(heap.tryAlloc(1)).toBeNull()
    expectCode('INVALID_POINTER', () => heap.rawFree(address, MOST - 2 ** 32 + 4096, 1))
    expectCode('INVALID_POINTER', () => heap.freePtr(address + HALF))
    expect(heap.rawResize(address, MOST, 1, HALF + 1)).toBe(true)
    const upper = heap.rawAlloc(MOST - HALF - 16, 1)
    expect(upper).toBe(address + HALF + 16)
    expect([heap.remaining, heap.stats().used]).toEqual([0, MOST - 15])
    heap.rawFree(address, HALF + 1, 1)
    expect(heap.largestFree).toBe(HALF + 16)
    expect(heap.rawAlloc(HALF + 16, 1)).toBe(address)
    heap.rawFree(address, HALF + 16, 1)
    heap.rawFree(upper, MOST - HALF - 16, 1)
    expect([heap.largestFree, heap.stats().used, heap.stats().peak]).toEqual([MOST, 0, MOST])
    region.dispose()
  })

  test('splits, joins and resizes beyond 2^31', () => {
    const region = Region.pages(MOST)
    using heap = new FreeListAllocator(region)
    const low = heap.alloc(MOST - 16 * 1024)
    const blocks = Array.from({ length: 16 }, () => heap.alloc(1024))
    expect(heap.remaining).toBe(0)
    blocks.forEach((block, i) => {
      expect(block.ptr).toBe(region.address + MOST - 1024 * (16 - i))
      block.bytes.fill(i + 1)
    })
    for (const i of [3, 5, 4, 15]) blocks[i]!.free()
    expect(heap.largestFree).toBe(3072)
    expect(blocks[2]!.resize(1024 * 4)).toBe(true)
    expect([blocks[2]!.bytes[0], blocks[2]!.bytes.length, blocks[6]!.bytes[0]]).toEqual([
      3, 4096, 7,
    ])
    expect(heap.rawAlloc(1000, 1024)).toBe(region.address + MOST - 1024)
    expectCode('DOUBLE_FREE', () => blocks[4]!.free())
    expectCode('INVALID_POINTER', () => heap.freePtr(region.address + MOST - 1024 * 12))
    low.free()
    expect(heap.largestFree).toBe(MOST - 16 * 1024)
    expect(heap.rawAlloc(100, HALF)).toBe(Math.ceil(region.address / HALF) * HALF)
    heap.reset()
    expect(heap.largestFree).toBe(MOST)
    region.dispose()
  })
})

describe('memory that does not begin at a multiple of 16', () => {
  test('is used from the first one on, to its last byte', () => {
    for (const odd of [1, 7, 15]) {
      for (const region of [
        Region.from(new Uint8Array(new ArrayBuffer(1100), odd, 1000)),
        borrowed(1000, odd),
      ]) {
        using heap = new FreeListAllocator(region)
        const skip = (16 - (region.address % 16)) % 16
        expect([heap.largestFree, heap.stats().capacity]).toEqual([1000 - skip, 1000 - skip])
        const a = heap.alloc(100)
        expect(a.ptr).toBe(region.address + skip)
        const b = heap.alloc(1000 - skip - 112)
        expect([b.ptr % 16, heap.remaining]).toEqual([0, 0])
        b.bytes.fill(1)
        a.bytes.fill(2)
        expect(heap.owns(b.ptr + b.size - 1)).toBe(true)
        expect(heap.owns(region.address + skip - 1)).toBe(false)
        a.free()
        b.free()
        expect(heap.largestFree).toBe(1000 - skip)
        heap.dispose()
        region.dispose()
      }
    }
  })

  test('may have no multiple of 16 at all', () => {
    using heap = new FreeListAllocator(borrowed(5, 3))
    expect([heap.largestFree, heap.stats().capacity]).toEqual([0, 0])
    expect([heap.rawAlloc(1, 1), heap.rawAlloc(0, 1), heap.rawAlloc(1, 64)]).toEqual([0, 0, 0])
    expectCode('INVALID_POINTER', () => heap.freePtr(heap.region.address))
    heap.reset()
    expectCode('OUT_OF_MEMORY', () => heap.alloc(1))
  })
})

describe('WebAssembly memory', () => {
  const grown = (): { memory: InstanceType<typeof Memory>; heap: FreeListAllocator } => {
    const memory = new Memory({ initial: 1, maximum: 8 })
    return { memory, heap: new FreeListAllocator(Region.wasm(memory, { start: 1000 })) }
  }

  test('grows when no hole is large enough, and blocks keep their bytes', () => {
    const { memory, heap } = grown()
    const a = heap.alloc(60_000)
    a.bytes.fill(9)
    const b = heap.alloc(60_000)
    expect(b.ptr).toBe(a.ptr + 60_000)
    expect(memory.buffer.byteLength).toBe(2 * PAGE)
    expect([a.bytes[59_999], a.bytes.buffer === memory.buffer]).toEqual([9, true])
    a.free()
    expect(heap.alloc(60_000).ptr).toBe(1008)
    expect(memory.buffer.byteLength).toBe(2 * PAGE)
    expect(heap.rawAlloc(16, PAGE)).toBe(2 * PAGE)
    expect(memory.buffer.byteLength).toBe(3 * PAGE)
  })

  test('grows for the last block that is resized, in place', () => {
    const { memory, heap } = grown()
    const [a, b] = [heap.alloc(1000), heap.alloc(1000)]
    expect(a.resize(2 * PAGE)).toBe(false)
    expect(memory.buffer.byteLength).toBe(PAGE)
    expect(b.resize(2 * PAGE)).toBe(true)
    expect([memory.buffer.byteLength, b.bytes.length]).toEqual([3 * PAGE, 2 * PAGE])
  })

  test('is out at its maximum; what is freed can be had again', () => {
    const { memory, heap } = grown()
    const blocks: Allocation[] = []
    for (let a = heap.tryAlloc(5000); a !== null; a = heap.tryAlloc(5000)) blocks.push(a)
    expect(memory.buffer.byteLength).toBe(8 * PAGE)
    expect(blocks.length).toBe(Math.floor((8 * PAGE - 1008) / 5008))
    expectCode('OUT_OF_MEMORY', () => heap.alloc(5000))
    blocks.forEach((block, i) => i % 2 === 0 && block.free())
    expect(heap.rawAlloc(5001, 1)).toBe(1008)
    heap.reset()
    expect(heap.largestFree).toBe(8 * PAGE - 1008)
    expect(heap.rawAlloc(8 * PAGE - 1008, 1)).toBe(1008)
  })
})

describe('reset', () => {
  test('frees all: handles go stale, the capacity is there again', () => {
    const heap = new FreeListAllocator(2 ** 20)
    for (let round = 0; round < 3; round++) {
      const handles = Array.from({ length: 100 }, (_, i) => heap.alloc(i * 90))
      for (let i = 0; i < 100; i += 3) handles[i]!.free()
      heap.reset()
      expect(handles.every(({ freed }) => freed)).toBe(true)
      expectCode('USE_AFTER_FREE', () => handles[1]!.bytes)
      expectCode('DOUBLE_FREE', () => handles[1]!.free())
      expect(heap.stats().used).toBe(0)
      expect([heap.totalAllocated, heap.largestFree]).toEqual([0, 2 ** 20])
      // The lowest hole is the whole region: nothing of the holes before is known any more.
      const a = heap.rawAlloc(2 ** 19, 16)
      const b = heap.rawAlloc(2 ** 19, 16)
      expect([a, b]).toEqual([heap.region.address, heap.region.address + 2 ** 19])
      heap.reset()
    }
  })
})

/** Everything that could hand out, free or look at memory. */
const operations = (
  heap: FreeListAllocator,
  a: Allocation,
  ptr: number,
): readonly (() => unknown)[] => [
  () => heap.alloc(8),
  () => heap.tryAlloc(8),
  () => heap.rawAlloc(8, 8),
  () => heap.rawAlloc(8, 4096),
  () => heap.rawFree(ptr, 16, 16),
  () => heap.freePtr(ptr),
  () => heap.rawResize(ptr, 16, 16, 8),
  () => heap.rawRemap(ptr, 16, 16, 8),
  () => heap.view(ptr, 8),
  () => heap.reset(),
  () => a.bytes,
  () => a.resize(10),
  () => a.free(),
]

describe('the end', () => {
  test.each([
    ['of the allocator', (heap: FreeListAllocator) => heap.dispose()],
    ['of its region', (heap: FreeListAllocator) => heap.region.dispose()],
  ])('%s: every operation throws, and figures are those of no memory', (_, end) => {
    const heap = new FreeListAllocator(4096)
    const [a, ptr] = [heap.alloc(100), heap.rawAlloc(16, 16)]
    heap.freePtr(heap.rawAlloc(50, 16))
    end(heap)
    for (const run of operations(heap, a, ptr)) expectCode('DISPOSED', run, String(run))
    expect([heap.owns(ptr), heap.remaining, heap.largestFree, a.freed]).toEqual([false, 0, 0, true])
    expect(heap.stats()).toMatchObject({ used: 0, capacity: 0, peak: 166 })
    heap.dispose()
  })

  test('of the allocator leaves a region that was given to it as it is', () => {
    const region = Region.malloc(4096)
    const heap = new FreeListAllocator(region)
    const a = heap.alloc(100)
    expectCode('INVALID_ARGUMENT', () => new FreeListAllocator(region))
    heap.dispose()
    expect([region.disposed, a.freed]).toEqual([false, true])
    using again = new FreeListAllocator(region)
    expect(again.rawAlloc(4096, 16)).toBe(region.address)
  })
})
