/** SlabAllocator over WebAssembly memories, which grow under it. */
import { describe, expect, test } from 'vitest'
import { type Allocation, Region, SlabAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { Memory, PAGE as WASM_PAGE } from '../support/wasm.js'

const PAGE = 512
const START = 1000

const over = (initial: number, maximum: number, start = START) => {
  const memory = new Memory({ initial, maximum })
  const region = Region.wasm(memory, { start })
  return { memory, region, slab: new SlabAllocator(region) }
}

/** Whole pages of 512 bytes that there are in so many of WebAssembly's. */
const capacity = (pages: number): number =>
  Math.floor((pages * WASM_PAGE - Math.ceil(START / PAGE) * PAGE) / PAGE) * PAGE

describe('a memory that grows', () => {
  test('grows when there is no room, not before, and blocks stay what and where they are', () => {
    const { memory, slab } = over(1, 20)
    expect(slab.stats().capacity).toBe(capacity(1))
    const live: { a: Allocation; ptr: number; fill: number }[] = []
    const sizes = [100, 3000, 16, 2032, 700, 9000]
    for (let i = 0, used = 0; i < 400; i++) {
      const a = slab.alloc(sizes[i % sizes.length]!)
      a.bytes.fill(i)
      live.push({ a, ptr: a.ptr, fill: i & 255 })
      used += a.size
      // Grown by what was missing, an eighth at most.
      expect(memory.buffer.byteLength).toBeLessThanOrEqual(used * 1.5 + 2 * WASM_PAGE)
      expect(slab.stats().capacity).toBe(capacity(memory.buffer.byteLength / WASM_PAGE))
    }
    expect(memory.buffer.byteLength).toBeGreaterThan(14 * WASM_PAGE)
    for (const { a, ptr, fill } of live) {
      expect([a.ptr, a.bytes.every((byte) => byte === fill)]).toEqual([ptr, true])
      a.free()
    }
    expect(slab.stats().used).toBe(0)
    expect(slab.rawAlloc(slab.stats().capacity, 16)).toBe(Math.ceil(START / PAGE) * PAGE)
  })

  test('grows for a small block, for a large one, for an aligned one and for a resize', () => {
    for (const take of [
      (slab: SlabAllocator) => slab.rawAlloc(16, 16),
      (slab: SlabAllocator) => slab.rawAlloc(5000, 16),
      (slab: SlabAllocator) => slab.rawAlloc(100, 4096),
      (slab: SlabAllocator) => slab.rawAlloc(WASM_PAGE * 2, 16),
    ]) {
      const { memory, slab } = over(1, 8)
      expect(slab.rawAlloc(capacity(1), 16)).not.toBe(0)
      expect(memory.buffer.byteLength).toBe(WASM_PAGE)
      const ptr = take(slab)
      expect([ptr >= WASM_PAGE, memory.buffer.byteLength > WASM_PAGE]).toEqual([true, true])
    }
    const { slab } = over(1, 8)
    const a = slab.alloc(5000)
    a.bytes.fill(4)
    expect(a.resize(3 * WASM_PAGE)).toBe(true)
    expect(a.bytes.subarray(0, 5000).every((byte) => byte === 4)).toBe(true)
    expect([a.resize(capacity(8)), a.resize(capacity(8) + 1)]).toEqual([true, false])
  })

  test('has a maximum, at which memory is out, and comes back by frees', () => {
    const { memory, slab } = over(1, 3)
    const ptrs: number[] = []
    for (let ptr = slab.rawAlloc(1000, 8); ptr !== 0; ptr = slab.rawAlloc(1000, 8)) ptrs.push(ptr)
    expect(memory.buffer.byteLength).toBe(3 * WASM_PAGE)
    expect(ptrs.length * 1024).toBeGreaterThan(capacity(3) * 0.95)
    expectCode('OUT_OF_MEMORY', () => slab.alloc(1000))
    for (const ptr of ptrs) slab.rawFree(ptr, 1000, 8)
    expect(slab.rawAlloc(capacity(3), 16)).not.toBe(0)
    for (const size of [1, WASM_PAGE, 2 ** 31, 2 ** 32, 2 ** 50]) {
      expect(slab.rawAlloc(size, 16)).toBe(0)
    }
    expect(memory.buffer.byteLength).toBe(3 * WASM_PAGE)
  })

  test('may be grown by somebody else, at any time', () => {
    const { memory, slab } = over(1, 40)
    const a = slab.dupe('before')
    for (let i = 0; i < 10; i++) {
      memory.grow(1)
      expect(a.buffer.toString()).toBe('before')
      const b = slab.alloc(6000)
      b.bytes.fill(i)
      memory.grow(1)
      expect(b.bytes.every((byte) => byte === i)).toBe(true)
    }
    a.free()
    expect(slab.stats().used).toBe(60_000)
    expect(slab.rawAlloc(20 * WASM_PAGE, 16)).not.toBe(0)
  })

  test('keeps wrong calls wrong, across growths', () => {
    const { slab } = over(1, 20)
    const ptrs = Array.from({ length: 40 }, () => slab.rawAlloc(100, 16))
    slab.rawFree(ptrs[20]!, 100, 16)
    slab.rawAlloc(5 * WASM_PAGE, 16)
    const before = slab.stats()
    expectCode('DOUBLE_FREE', () => slab.rawFree(ptrs[20]!, 100, 16))
    expectCode('INVALID_POINTER', () => slab.rawFree(ptrs[21]!, 101, 16))
    expectCode('INVALID_POINTER', () => slab.rawFree(ptrs[21]! + 16, 100, 16))
    for (const ptr of [0, 1, START, 2 ** 31, 2 ** 32, 19 * WASM_PAGE, 2 ** 32 + ptrs[21]!]) {
      expectCode('INVALID_POINTER', () => slab.freePtr(ptr))
    }
    expect(slab.stats()).toEqual(before)
    slab.rawFree(ptrs[21]!, 100, 16)
  })

  test('grows for nobody once the allocator or the region is disposed', () => {
    for (const what of ['allocator', 'region']) {
      const { memory, region, slab } = over(1, 20)
      slab.rawAlloc(100, 16)
      if (what === 'region') region.dispose()
      else slab.dispose()
      for (const size of [0, 100, 5000, 2 * WASM_PAGE]) {
        expectCode('DISPOSED', () => slab.rawAlloc(size, 16), `${what}, ${size}:`)
        expectCode('DISPOSED', () => slab.alloc(size), `${what}, ${size}:`)
      }
      expect([memory.buffer.byteLength, slab.stats().capacity]).toEqual([WASM_PAGE, 0])
    }
  })

  test('that is reset keeps its length', () => {
    const { memory, slab } = over(1, 20)
    slab.rawAlloc(9 * WASM_PAGE, 16)
    const { byteLength } = memory.buffer
    slab.reset()
    expect(slab.stats()).toMatchObject({ used: 0, capacity: capacity(byteLength / WASM_PAGE) })
    expect(slab.rawAlloc(slab.stats().capacity, 16)).not.toBe(0)
    expect(memory.buffer.byteLength).toBe(byteLength)
  })
})

test('a region that is its memory’s last byte can grow to one that holds a heap', () => {
  const { slab } = over(1, 4, WASM_PAGE - 1)
  expect(slab.stats().capacity).toBe(0)
  expect(slab.rawAlloc(10_000, 16)).toBe(WASM_PAGE)
})
