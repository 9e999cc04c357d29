/** PoolAllocator: handles, the region that it works in, growth, and offsets beyond 2^31. */
import { describe, expect, test } from 'vitest'
import { type Allocation, type OffheapError, PoolAllocator, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { MIB, processGauge, residentBytes, sanitized } from '../support/memory.js'
import { borrowed, KINDS } from '../support/regions.js'
import { Memory, PAGE } from '../support/wasm.js'
import { without } from '../support/scarce.js'

const take = (pool: PoolAllocator, count: number): number[] =>
  Array.from({ length: count }, () => pool.allocBlock())

describe('the handle of a block', () => {
  test('is freed once, and its block is then another one', () => {
    using pool = new PoolAllocator(100, 1)
    const a = pool.alloc(30)
    const { ptr } = a
    a.bytes.fill(1)
    expect(a.resize(100)).toBe(true)
    expect([a.resize(101), a.size, [...a.bytes.subarray(0, 30)]]).toEqual([
      false,
      100,
      Array.from({ length: 30 }, () => 1),
    ])
    a.free()
    expectCode('DOUBLE_FREE', () => a.free())
    expectCode('USE_AFTER_FREE', () => a.bytes)
    const b = pool.alloc(50)
    expect([b.ptr, a.freed, b.freed]).toEqual([ptr, true, false])
    expectCode('DOUBLE_FREE', () => pool.free(a))
    b.free()
    expect(pool.stats().used).toBe(0)
  })

  test('moves to no other block: a realloc beyond the block is out of memory, and it stays', () => {
    using pool = new PoolAllocator(64, 10)
    const a = pool.dupe('text')
    expectCode('OUT_OF_MEMORY', () => pool.realloc(a, 65))
    expect([a.buffer.toString(), pool.allocatedBlocks]).toEqual(['text', 1])
    expect(pool.realloc(a, 64).size).toBe(64)
  })

  test('of another pool is refused', () => {
    using pool = new PoolAllocator(64, 10)
    using other = new PoolAllocator(64, 10)
    const a = other.alloc(64)
    expectCode('INVALID_POINTER', () => pool.free(a))
    expectCode('INVALID_POINTER', () => pool.freeBlock(a.ptr))
    expect([a.freed, other.allocatedBlocks]).toEqual([false, 1])
  })
})

/** Everything that could hand out, free or look at memory. */
const operations = (pool: PoolAllocator, a: Allocation, ptr: number): (() => unknown)[] => [
  () => pool.alloc(8),
  () => pool.tryAlloc(64),
  () => pool.allocZeroed(8),
  () => pool.dupe('text'),
  () => pool.rawAlloc(8, 8),
  () => pool.rawAlloc(64, 16),
  () => pool.rawAlloc(65, 16),
  () => pool.allocBlock(),
  () => pool.freeBlock(ptr),
  () => pool.rawFree(ptr, 64, 16),
  () => pool.rawResize(ptr, 64, 16, 4),
  () => pool.rawRemap(ptr, 64, 16, 4),
  () => pool.view(ptr, 8),
  () => pool.reset(),
  () => pool.realloc(a, 16),
  () => a.free(),
]

function codeOf(operation: () => unknown): string {
  try {
    operation()
  } catch (error) {
    return (error as OffheapError).code
  }
  return 'no error'
}

describe.each(['the region is disposed', 'the allocator is disposed'])('when %s', (what) => {
  test('every operation says so, and nothing is handed out', () => {
    for (const count of [2, 40]) {
      const region = Region.malloc(count * 64)
      const pool = new PoolAllocator(64, region)
      const a = pool.alloc(8, 8)
      const ptr = pool.allocBlock()
      if (what.startsWith('the region')) region.dispose()
      else pool.dispose()
      for (const operation of operations(pool, a, ptr)) {
        expect(codeOf(operation), String(operation)).toMatch(/DISPOSED|USE_AFTER_FREE|DOUBLE_FREE/)
      }
      expect([pool.owns(ptr), pool.freeBlocks, pool.allocatedBlocks]).toEqual([false, 0, 0])
      expect(pool.stats().used).toBe(0)
      pool.dispose()
      region.dispose()
    }
  })
})

test('a memory that can grow is not made to, nor used, by an allocator that has ended', () => {
  const memory = new Memory({ initial: 1, maximum: 4 })
  const region = Region.wasm(memory, { start: 1000 })
  const ended = new PoolAllocator(64, region)
  const a = ended.alloc(8, 8)
  const { ptr } = a
  ended.dispose()
  using next = new PoolAllocator(64, region)
  const b = next.alloc(64)
  b.bytes.fill(7)
  for (const operation of operations(ended, a, ptr)) {
    // A view is of the region, which is the caller's.
    if (!String(operation).includes('view')) expect(operation).toThrow()
  }
  expect([b.freed, b.bytes.every((byte) => byte === 7)]).toEqual([false, true])
  expect(memory.buffer.byteLength).toBe(65_536)
})

describe('the memory', () => {
  test.each(KINDS)('of kind $name holds as many blocks as fit in it', ({ make }) => {
    using region = make(5000)
    for (const [size, align] of [
      [100, 1],
      [24, 8],
      [100, 256],
      [4000, 256],
    ] as const) {
      using pool = new PoolAllocator(size, region, { align })
      const stride = Math.ceil(size / align) * align
      const start = Math.ceil(region.address / align) * align
      const count = Math.floor((region.address + 5000 - start) / stride)
      const ptrs = take(pool, count)
      expect(ptrs).toEqual(ptrs.map((_, i) => start + i * stride))
      expect([count > 0, pool.blockCount, pool.allocBlock()]).toEqual([true, count, 0])
      for (const [i, ptr] of ptrs.entries()) pool.view(ptr, size).fill(i)
      for (const [i, ptr] of ptrs.entries()) {
        expect(pool.view(ptr, size).every((byte) => byte === (i & 0xff))).toBe(true)
      }
    }
  })

  test('may start at an odd address', () => {
    using region = borrowed(5000, 5)
    using pool = new PoolAllocator(100, region, { align: 64 })
    for (let ptr = pool.allocBlock(); ptr !== 0; ptr = pool.allocBlock()) expect(ptr % 64).toBe(0)
    expect(pool.allocatedBlocks).toBe(Math.floor((5000 - 59) / 128))
  })

  test('holds nothing that the pool believes: scribbling over all of it damages nothing', () => {
    using region = Region.malloc(100 * 64)
    const bytes = new Uint8Array(region.buffer)
    for (const scribble of [0, 1, 0x7f, 0xff]) {
      using pool = new PoolAllocator(64, region)
      const live = take(pool, 70)
      for (const ptr of live.splice(20, 30)) pool.freeBlock(ptr)
      const part = pool.rawAlloc(7, 1)
      const before = [pool.stats(), pool.freeBlocks]
      bytes.fill(scribble)
      expect([pool.stats(), pool.freeBlocks]).toEqual(before)
      expectCode('INVALID_POINTER', () => pool.rawFree(part, 8, 1))
      pool.rawFree(part, 7, 1)
      for (const ptr of live) pool.rawFree(ptr, 64, 16)
      expectCode('DOUBLE_FREE', () => pool.freeBlock(live[0]!))
      expect(new Set(take(pool, 100)).size).toBe(100)
      expect(pool.allocBlock()).toBe(0)
      expect(bytes.every((byte) => byte === scribble)).toBe(true)
    }
  })

  test('that was transferred elsewhere takes its handles along, and no bookkeeping', () => {
    const buffer = new ArrayBuffer(1000)
    using pool = new PoolAllocator(100, buffer, { align: 1 })
    const a = pool.alloc(100)
    const raw = pool.allocBlock()
    const moved = structuredClone(buffer, { transfer: [buffer] })
    expectCode('DISPOSED', () => a.bytes)
    pool.freeBlock(raw)
    expectCode('DOUBLE_FREE', () => pool.freeBlock(raw))
    a.free()
    expect([pool.allocatedBlocks, new Uint8Array(moved).every((byte) => byte === 0)]).toEqual([
      0,
      true,
    ])
  })
})

describe('without memory for its tables', () => {
  test('there is no pool, and the region is free for another', () => {
    using region = Region.malloc(100_000)
    const make = (): PoolAllocator => new PoolAllocator(8, region, { align: 8 })
    expectCode('OUT_OF_MEMORY', () => without(1000, make))
    expectCode('OUT_OF_MEMORY', () => without(1000, () => new PoolAllocator(8, 12_500)))
    using pool = make()
    expect(pool.blockCount).toBe(12_500)
  })
})

describe('growth', () => {
  test('goes on by as many blocks as there were, up to the most, and nothing moves', () => {
    for (const [count, growTo] of [
      [1, 5],
      [10, 10],
      [32, 100],
      [33, 100],
      [50, 1000],
    ] as const) {
      using pool = new PoolAllocator(24, count, { growTo, align: 8 })
      expect([pool.blockCount, pool.stats().capacity]).toEqual([count, growTo * 24])
      const ptrs: number[] = []
      for (let i = 0; i < growTo; i++) {
        ptrs.push(pool.allocBlock())
        const steps = Math.ceil((i + 1) / count)
        expect(pool.blockCount).toBe(Math.min(steps * count, growTo))
      }
      expect(ptrs).toEqual(ptrs.map((_, i) => ptrs[0]! + i * 24))
      expect([pool.allocBlock(), pool.freeBlocks]).toEqual([0, 0])
      for (const ptr of ptrs) pool.freeBlock(ptr)
      expect([pool.freeBlocks, pool.blockCount]).toEqual([growTo, growTo])
      expect(new Set(take(pool, growTo))).toEqual(new Set(ptrs))
      pool.reset()
      expect([pool.freeBlocks, take(pool, growTo)]).toEqual([growTo, ptrs])
    }
  })

  test('comes when no block is free, whatever was freed before', () => {
    using pool = new PoolAllocator(16, 40, { growTo: 120 })
    const ptrs = take(pool, 40)
    for (const i of [39, 0, 35]) pool.freeBlock(ptrs[i]!)
    expect(new Set(take(pool, 3))).toEqual(new Set([ptrs[39], ptrs[0], ptrs[35]]))
    expect(pool.blockCount).toBe(40)
    const more = take(pool, 30)
    expect([pool.blockCount, pool.freeBlocks]).toEqual([80, 10])
    expect(new Set([...ptrs, ...more, ...take(pool, 50)]).size).toBe(120)
    for (const ptr of more) pool.rawFree(ptr, 16, 16)
    expect([pool.freeBlocks, pool.allocatedBlocks]).toEqual([30, 90])
  })

  test('takes no memory before a block is used', processGauge, () => {
    if (sanitized) return
    const before = residentBytes()
    using pool = new PoolAllocator(2 ** 20, 16, { growTo: 2000 })
    const ptrs = take(pool, 1000)
    expect(residentBytes() - before).toBeLessThan(100 * MIB)
    pool.view(ptrs[999]!, 2 ** 20).fill(1)
    expect(pool.view(ptrs[999]!, 1)[0]).toBe(1)
  })

  test('follows a WebAssembly memory, to its end', () => {
    for (const shared of [false, true]) {
      const memory = new Memory({ initial: 1, maximum: 4, shared })
      using pool = new PoolAllocator(1000, Region.wasm(memory, { start: 5000 }), { align: 8 })
      const first = pool.blockCount
      expect(first).toBe(Math.floor((PAGE - 5000) / 1000))
      const a = pool.alloc(1000)
      a.bytes.fill(7)
      const most = Math.floor((4 * PAGE - 5000) / 1000)
      const ptrs = take(pool, most - 1)
      expect([ptrs.includes(0), pool.allocBlock(), pool.blockCount]).toEqual([false, 0, most])
      expect(a.bytes.every((byte) => byte === 7)).toBe(true)
      for (const ptr of ptrs) pool.freeBlock(ptr)
      a.free()
      expect(pool.freeBlocks).toBe(most)
    }
  })

  test('begins with none where the memory has no room for a block yet', () => {
    const memory = new Memory({ initial: 1, maximum: 8 })
    using pool = new PoolAllocator(100_000, Region.wasm(memory, { start: 16 }))
    expect([pool.blockCount, pool.freeBlocks]).toEqual([0, 0])
    const ptrs = take(pool, 5)
    expect([ptrs.includes(0), pool.allocBlock(), pool.blockCount]).toEqual([false, 0, 5])
  })
})

describe('the largest region', () => {
  const SIZE = 2 ** 32 - 4096

  test('is used to its last byte', () => {
    using region = Region.pages(SIZE)
    for (const size of [4096, 2 ** 20 - 1, 2 ** 30, SIZE]) {
      using pool = new PoolAllocator(size, region, { align: 1 })
      const count = Math.floor(SIZE / size)
      const ptrs = take(pool, count)
      expect([pool.blockCount, pool.allocBlock()]).toEqual([count, 0])
      expect(ptrs.every((ptr, i) => ptr === region.address + i * size)).toBe(true)
      expect(pool.stats()).toMatchObject({ used: count * size, capacity: count * size })
      const last = ptrs.at(-1)!
      pool.view(last, size)[size - 1] = 9
      expect(pool.view(last + size - 1, 1)[0]).toBe(9)
      for (const at of [last - 1, last + 1, last + size, last + 2 ** 32]) {
        expectCode('INVALID_POINTER', () => pool.rawFree(at, size, 1))
      }
      expectCode('INVALID_POINTER', () => pool.rawFree(last, size - 1, 1))
      for (const ptr of ptrs) pool.rawFree(ptr, size, 1)
      expectCode('DOUBLE_FREE', () => pool.rawFree(last, size, 1))
      expect([pool.freeBlocks, pool.stats().used, pool.stats().peak]).toEqual([
        count,
        0,
        count * size,
      ])
    }
  })

  test('has blocks beyond 2^31 that are resized, and handles on them', () => {
    using region = Region.pages(SIZE)
    using pool = new PoolAllocator(2 ** 31 - 2048, region, { align: 1 })
    pool.allocBlock()
    const a = pool.alloc(2 ** 31 - 2049)
    expect(a.ptr).toBe(region.address + 2 ** 31 - 2048)
    a.bytes[2 ** 31 - 2050] = 3
    expect([a.resize(2 ** 31 - 2048), a.resize(2 ** 31)]).toEqual([true, false])
    expect(a.bytes[2 ** 31 - 2050]).toBe(3)
    expect(pool.stats().used).toBe(SIZE)
    a.free()
    expect([pool.stats().used, pool.tryAlloc(0)!.ptr]).toEqual([
      2 ** 31 - 2048,
      a.freed && pool.region.address + 2 ** 31 - 2048,
    ])
    using single = new PoolAllocator(SIZE, 1, { align: 1 })
    const whole = single.alloc(SIZE)
    expect([whole.resize(2 ** 31 + 1), single.stats().used]).toEqual([true, 2 ** 31 + 1])
  })

  test('has half a billion of the smallest blocks', () => {
    using pool = new PoolAllocator(8, 2 ** 29 - 512, { align: 8 })
    expect([pool.region.byteLength, pool.blockCount]).toEqual([SIZE, 2 ** 29 - 512])
    const ptrs = take(pool, 1000)
    for (const ptr of ptrs.toReversed()) pool.freeBlock(ptr)
    expectCode('DOUBLE_FREE', () => pool.freeBlock(ptrs[0]!))
    expectCode('INVALID_POINTER', () => pool.freeBlock(pool.region.address + SIZE - 8))
  })
})
