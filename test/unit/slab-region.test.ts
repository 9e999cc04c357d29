/** SlabAllocator: the memory that it works in, running out of it, reset, dispose, and 4 GiB. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  type OffheapError,
  OutOfMemoryError,
  Region,
  SlabAllocator,
} from '../../lib/index.js'
import { MAX_CAPACITY } from '../../lib/core/state.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode, expectOneOf } from '../support/errors.js'
import { MIB, processGauge, residentBytes } from '../support/memory.js'
import { borrowed, KINDS } from '../support/regions.js'

const PAGE = 512

/** Blocks of one size until there are no more. */
function fill(slab: SlabAllocator, size: number, align = 16): number[] {
  const ptrs: number[] = []
  for (let ptr = slab.rawAlloc(size, align); ptr !== 0; ptr = slab.rawAlloc(size, align)) {
    ptrs.push(ptr)
  }
  return ptrs
}

describe('the reserve', () => {
  test('is 1 GiB unless another is given, and only what is used is committed', processGauge, () => {
    const before = residentBytes()
    using slab = new SlabAllocator()
    expect([slab.stats().capacity, slab.region.kind]).toEqual([2 ** 30, 'pages'])
    const ptr = slab.rawAlloc(2 ** 30, 16)
    expect(ptr).not.toBe(0)
    slab.freePtr(ptr)
    for (let i = 0; i < 1000; i++) slab.view(slab.rawAlloc(100, 16), 100).fill(1)
    expect(residentBytes() - before).toBeLessThan(64 * MIB)
    using small = new SlabAllocator({ reserve: 3 * PAGE })
    expect(small.stats().capacity).toBe(3 * PAGE)
    using given = new SlabAllocator({})
    expect(given.stats().capacity).toBe(2 ** 30)
  })

  test('is a number of bytes, at most 4 GiB - 4 KiB', () => {
    for (const reserve of [0, -1, 0.5, NaN, '16', 16n, null, {}, Symbol('16'), Infinity, 2 ** 53]) {
      const make = () => new SlabAllocator({ reserve: wrong(reserve) })
      expectAnyCode(make, shown(reserve))
    }
    for (const reserve of [MAX_CAPACITY + 1, 2 ** 32, 2 ** 33]) {
      expectCode('INVALID_ARGUMENT', () => new SlabAllocator({ reserve }))
    }
    for (const memory of [null, 5, 2 ** 20, 'memory', true, 16n, Symbol('memory')]) {
      expectCode('INVALID_ARGUMENT', () => new SlabAllocator(wrong(memory)), shown(memory))
    }
  })

  test('of 4 GiB - 4 KiB is used to the last page, beyond 2^31 as below', () => {
    using slab = new SlabAllocator({ reserve: MAX_CAPACITY })
    const { address } = slab.region
    expect(slab.stats().capacity).toBe(MAX_CAPACITY)
    const whole = slab.rawAlloc(MAX_CAPACITY, 16)
    expect([whole, slab.usableSize(whole), slab.stats().used]).toEqual([
      address,
      MAX_CAPACITY,
      MAX_CAPACITY,
    ])
    expect([slab.owns(address + MAX_CAPACITY - 1), slab.owns(address + MAX_CAPACITY)]).toEqual([
      true,
      false,
    ])
    expect([slab.rawAlloc(1, 1), slab.rawAlloc(PAGE, 1)]).toEqual([0, 0])
    slab.view(whole + MAX_CAPACITY - 8, 8).fill(9)
    expect(slab.rawResize(whole, MAX_CAPACITY, 16, 2 ** 31 - PAGE)).toBe(true)
    const sizes = [100, 1, 2032, 0, 513, 5000, 16, 2 ** 30, 64]
    const blocks: Allocation[] = []
    for (let i = 0; i < 900; i++) {
      const size = sizes[i % sizes.length]!
      const a = slab.tryAlloc(size === 2 ** 30 && i > 8 ? 70_000 : size)!
      blocks.push(a)
      if (a.size < 2 ** 30) a.bytes.fill(i)
    }
    expect(blocks.filter(({ ptr }) => ptr - address >= 2 ** 31).length).toBeGreaterThan(800)
    expect(new Set(blocks.map(({ ptr }) => ptr)).size).toBe(900)
    for (const [i, a] of blocks.entries()) {
      if (a.size === 2 ** 30) continue
      if (!a.bytes.every((byte) => byte === (i & 255))) throw new Error(`${a.ptr}`)
      expectCode('INVALID_POINTER', () => slab.freePtr(a.ptr + 1))
      expectCode('INVALID_POINTER', () => slab.rawFree(a.ptr, a.size + 2, 16))
    }
    for (const a of blocks) a.free()
    slab.rawFree(whole, 2 ** 31 - PAGE, 16)
    expect(slab.stats().used).toBe(0)
    expect(slab.rawAlloc(MAX_CAPACITY, 16)).toBe(address)
  })

  test('of 4 GiB - 4 KiB has small blocks in its very last page', () => {
    using slab = new SlabAllocator({ reserve: MAX_CAPACITY })
    const { address } = slab.region
    slab.rawAlloc(MAX_CAPACITY - PAGE, 16)
    const ptrs = fill(slab, 16)
    expect(ptrs.length).toBe(32)
    const last = address + MAX_CAPACITY - 16
    expect(ptrs.toSorted((a, b) => a - b)).toEqual(ptrs.map((_, i) => last - (31 - i) * 16))
    slab.view(last, 16).fill(1)
    for (const ptr of ptrs) slab.rawFree(ptr, 16, 16)
    expectCode('DOUBLE_FREE', () => slab.rawFree(ptrs.at(-1)!, 16, 16))
    expectCode('INVALID_POINTER', () => slab.rawFree(address + MAX_CAPACITY, 16, 16))
    expect([slab.usableSize(slab.rawAlloc(PAGE - 1, 1)), slab.rawAlloc(1, 1)]).toEqual([512, 0])
  })
})

describe('the memory', () => {
  test.each(KINDS)('of kind $name holds whole pages', ({ make }) => {
    using region = make(20_000)
    using slab = new SlabAllocator(region)
    const start = Math.ceil(region.address / PAGE) * PAGE
    const pages = Math.floor((region.address + 20_000 - start) / PAGE)
    expect(slab.stats()).toMatchObject({ capacity: pages * PAGE, used: 0, peak: 0 })
    for (const size of [16, 100, 500, 512, 2032, 5000, pages * PAGE]) {
      const ptrs = fill(slab, size)
      expect(ptrs.length).toBeGreaterThanOrEqual(Math.floor((pages * PAGE * 0.75) / (size + 512)))
      for (const [i, ptr] of ptrs.entries()) {
        expect(ptr >= start && ptr + size <= start + pages * PAGE).toBe(true)
        slab.view(ptr, size).fill(i)
      }
      for (const [i, ptr] of ptrs.entries()) {
        expect(slab.view(ptr, size).every((byte) => byte === (i & 255))).toBe(true)
        slab.rawFree(ptr, size, 16)
      }
      expect(slab.stats().used).toBe(0)
    }
  })

  test('may start at any address', () => {
    for (const by of [1, 5, 8, 100, 511]) {
      using region = borrowed(5000, by)
      using slab = new SlabAllocator(region)
      const ptrs = fill(slab, 48)
      expect(ptrs.length).toBeGreaterThan(70)
      for (const ptr of ptrs) {
        expect([ptr % 16, ptr >= region.address, ptr + 48 <= region.address + 5000]).toEqual([
          0,
          true,
          true,
        ])
      }
    }
  })

  test('may be too small for anything', () => {
    const buffer = new ArrayBuffer(8192)
    const probe = Region.from(buffer)
    const toPage = (PAGE - (probe.address % PAGE)) % PAGE
    for (const [size, offset, pages] of [
      [0, toPage, 0],
      [1, toPage, 0],
      [511, toPage, 0],
      [512, toPage, 1],
      [512, toPage + 1, 0],
      [1023, toPage + 1, 1],
      [4096, toPage, 8],
      [4096, toPage + 16, 7],
    ] as const) {
      if (size === 0) {
        expectAnyCode(() => new SlabAllocator(new Uint8Array(buffer, offset, size)))
        continue
      }
      using slab = new SlabAllocator(new Uint8Array(buffer, offset, size))
      expect(slab.stats()).toMatchObject({ capacity: pages * PAGE, used: 0 })
      expect(fill(slab, 16).length).toBe(pages * 32)
      expectCode('OUT_OF_MEMORY', () => slab.alloc(1))
      slab.reset()
      expect(fill(slab, 2).length).toBe(pages * 32)
      slab.reset()
      expect(fill(slab, 0).length > 0).toBe(pages > 0)
      slab.reset()
      expect(fill(slab, 3000).length).toBe(pages > 5 ? 1 : 0)
      slab.reset()
      expect([slab.rawAlloc(size + 1, 1), slab.tryAlloc(2 ** 32), slab.trim()]).toEqual([
        0,
        null,
        0,
      ])
      expect(slab.owns(slab.region.address)).toBe(false)
      expectCode('INVALID_POINTER', () => slab.freePtr(slab.region.address + 1))
    }
  })

  test('that another allocator works in is refused, and free again after dispose', () => {
    using region = Region.malloc(4096)
    const first = new SlabAllocator(region)
    expectCode('INVALID_ARGUMENT', () => new SlabAllocator(region))
    const a = first.alloc(10)
    first.dispose()
    expectCode('USE_AFTER_FREE', () => a.bytes)
    using second = new SlabAllocator(region)
    expect(second.stats().used).toBe(0)
  })
})

describe('out of memory', () => {
  test('is 0, null or an error, and what is freed is there again', () => {
    using slab = new SlabAllocator(new ArrayBuffer(64 * PAGE + 511))
    for (const size of [16, 40, 300, 1000, 2032, 2033, 4096, 9000]) {
      const ptrs = fill(slab, size)
      const before = slab.stats()
      const error = expectCode('OUT_OF_MEMORY', () => slab.alloc(size))
      expect(error).toBeInstanceOf(OutOfMemoryError)
      expect(error.message).toContain(String(size))
      expect([slab.tryAlloc(size), slab.rawAlloc(size, 16)]).toEqual([null, 0])
      expect(slab.stats()).toEqual(before)
      const freed = ptrs.filter((_, i) => i % 2 === 0)
      for (const ptr of freed) slab.rawFree(ptr, size, 16)
      const again = new Set(fill(slab, size))
      expect(freed.filter((ptr) => !again.has(ptr))).toEqual([])
      slab.reset()
    }
  })

  test('of one class does not keep what other classes freed', () => {
    using slab = new SlabAllocator(new ArrayBuffer(64 * PAGE + 511))
    for (let round = 0; round < 3; round++) {
      for (const size of [16, 2032, 100, 513, 30_000, 4, 1024]) {
        const ptrs = fill(slab, size)
        expect(slab.stats().used).toBeGreaterThan(
          slab.stats().capacity * 0.6 * (size === 4 ? 1 / 4 : 1),
        )
        for (const ptr of ptrs) slab.rawFree(ptr, size, 16)
      }
      const all = slab.rawAlloc(slab.stats().capacity, 16)
      expect(all).not.toBe(0)
      slab.freePtr(all)
    }
  })

  test('in a realloc leaves the block as it was', () => {
    using slab = new SlabAllocator(new ArrayBuffer(16 * PAGE + 511))
    const a = slab.dupe('as it was')
    const { ptr } = a
    expectCode('OUT_OF_MEMORY', () => slab.realloc(a, 16 * PAGE))
    expectCode('OUT_OF_MEMORY', () => slab.realloc(a, 2 ** 40))
    expect([a.ptr, a.buffer.toString(), slab.stats().used]).toEqual([ptr, 'as it was', 9])
  })
})

describe('reset', () => {
  test('frees every block; handles throw from then on, and all of it is there again', () => {
    using slab = new SlabAllocator({ reserve: MIB })
    for (let round = 0; round < 4; round++) {
      const handles = [0, 1, 100, 2032, 2033, 50_000].map((size) => slab.alloc(size))
      const ptrs = handles.map(({ ptr }) => ptr)
      const raw = slab.rawAlloc(100, 16)
      slab.reset()
      expect(slab.stats()).toMatchObject({ used: 0, capacity: MIB })
      for (const a of handles) {
        expect(a.freed).toBe(true)
        expectCode('USE_AFTER_FREE', () => a.bytes)
        expectCode('DOUBLE_FREE', () => a.free())
        expectCode('USE_AFTER_FREE', () => a.resize(1))
      }
      for (const ptr of ptrs) expectCode('INVALID_POINTER', () => slab.freePtr(ptr))
      expectCode('INVALID_POINTER', () => slab.rawFree(raw, 100, 16))
      const all = slab.alloc(MIB)
      expect(all.ptr).toBe(slab.region.address)
      all.free()
    }
  })
})

test('after a reset, no block from before it lives, also where there are blocks again', () => {
  using slab = new SlabAllocator({ reserve: MIB })
  const sizes = [16, 100, 1000, 2032, 5000]
  const old = sizes.flatMap((size) => Array.from({ length: 40 }, () => slab.rawAlloc(size, 16)))
  slab.reset()
  const fresh = new Set(sizes.map((size) => slab.rawAlloc(size, 16)))
  const before = slab.stats()
  for (const ptr of old.filter((at) => !fresh.has(at))) {
    expectOneOf(['INVALID_POINTER', 'DOUBLE_FREE'], () => slab.freePtr(ptr))
    for (const size of sizes) {
      expectOneOf(['INVALID_POINTER', 'DOUBLE_FREE'], () => slab.rawFree(ptr, size, 16))
    }
  }
  expect(slab.stats()).toEqual(before)
})

const operations = (slab: SlabAllocator, a: Allocation, ptr: number): (() => unknown)[] => [
  () => slab.alloc(8),
  () => slab.tryAlloc(64),
  () => slab.allocZeroed(8),
  () => slab.dupe('text'),
  () => slab.rawAlloc(8, 8),
  () => slab.rawAlloc(0, 1),
  () => slab.rawAlloc(5000, 4096),
  () => slab.rawAlloc(100, 64),
  () => slab.rawFree(ptr, 100, 16),
  () => slab.freePtr(ptr),
  () => slab.usableSize(ptr),
  () => slab.rawResize(ptr, 100, 16, 4),
  () => slab.rawRemap(ptr, 100, 16, 4),
  () => slab.view(ptr, 8),
  () => slab.trim(),
  () => slab.reset(),
  () => slab.realloc(a, 16),
  () => a.free(),
]

describe.each(['region', 'allocator'])('when the %s is disposed', (what) => {
  test.each(KINDS)('over memory of kind $name, every operation says so', ({ make }) => {
    const region = make(2 ** 16)
    const slab = new SlabAllocator(region)
    const a = slab.alloc(8)
    const ptr = slab.rawAlloc(100, 16)
    slab.rawFree(slab.rawAlloc(8, 8), 8, 8)
    if (what === 'region') region.dispose()
    else slab.dispose()
    for (const operation of operations(slab, a, ptr)) {
      let code = 'no error'
      try {
        operation()
      } catch (error) {
        code = (error as OffheapError).code
      }
      expect(code, String(operation)).toMatch(/DISPOSED|USE_AFTER_FREE|DOUBLE_FREE/)
    }
    expect([slab.owns(ptr), slab.stats().used, slab.stats().capacity]).toEqual([false, 0, 0])
    slab.dispose()
    region.dispose()
  })
})
