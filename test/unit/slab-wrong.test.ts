/** SlabAllocator: every wrong call is a coded error, and neither the figures nor a block change. */
import { describe, expect, test } from 'vitest'
import { type AllocatorStats, type ErrorName, Region, SlabAllocator } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode, expectOneOf } from '../support/errors.js'

const SIZES = [0, 1, 8, 16, 17, 100, 256, 1000, 2031, 2032, 2033, 2048, 4096, 5000, 70_000]
const PAGE = 512

/** A heap with blocks of many sizes, some of them freed again, and what is in it. */
class Heap {
  readonly slab: SlabAllocator
  readonly live: { ptr: number; size: number; fill: number }[] = []
  /** Of blocks that were freed; nothing lives there. */
  readonly freed: { ptr: number; size: number }[] = []
  private readonly before: AllocatorStats

  constructor(memory: ConstructorParameters<typeof SlabAllocator>[0] = { reserve: 2 ** 22 }) {
    this.slab = new SlabAllocator(memory)
    const ptrs: { ptr: number; size: number }[] = []
    for (let round = 0; round < 12; round++) {
      for (const size of SIZES) ptrs.push({ ptr: this.slab.rawAlloc(size, 16), size })
    }
    for (const [i, block] of ptrs.entries()) {
      if (i % 3 !== 0) this.live.push({ ...block, fill: i & 255 })
      else this.freed.push(block)
    }
    for (const { ptr, size } of this.freed) this.slab.rawFree(ptr, size, 16)
    for (const { ptr, size, fill } of this.live) this.slab.view(ptr, size).fill(fill)
    this.before = this.slab.stats()
  }

  /** All is as it was, and every block can be freed. */
  check(): void {
    expect(this.slab.stats()).toEqual(this.before)
    this.checkBytes()
    for (const { ptr, size } of this.live) this.slab.rawFree(ptr, size, 16)
    expect(this.slab.stats().used).toBe(0)
    const { capacity } = this.slab.stats()
    expect(this.slab.rawAlloc(capacity, 16)).not.toBe(0)
    this.slab.dispose()
  }

  checkBytes(): void {
    for (const { ptr, size, fill } of this.live) {
      expect(this.slab.view(ptr, size).every((byte) => byte === fill)).toBe(true)
    }
  }

  /** Every operation on this address, each of which must fail with one of the codes. */
  refuse(ptr: number, size: number, codes: readonly ErrorName[], align = 1): void {
    const { slab } = this
    for (const operation of [
      () => slab.rawFree(ptr, size, align),
      () => slab.rawResize(ptr, size, align, size),
      () => slab.rawResize(ptr, size, align, 1),
      () => slab.rawRemap(ptr, size, align, size + 1),
      () => slab.freePtr(ptr),
      () => slab.usableSize(ptr),
    ]) {
      expectOneOf(codes, operation, `${size} bytes at ${ptr}: ${String(operation)}:`)
    }
  }
}

const NO_BLOCK = ['INVALID_POINTER', 'DOUBLE_FREE'] as const

describe('a pointer', () => {
  test('into a block is refused, wherever it points', () => {
    const heap = new Heap()
    for (const { ptr, size } of heap.live) {
      const steps = [1, 2, 4, 8, 15, 16, 32, 48, PAGE, 1024, 4096, size - 1, size >> 1]
      for (const by of steps.filter((step) => step > 0 && step < size)) {
        heap.refuse(ptr + by, size, ['INVALID_POINTER'])
        heap.refuse(ptr + by, size - by, ['INVALID_POINTER'])
      }
    }
    heap.check()
  })

  test('before the first block, behind the last and far away is refused', () => {
    const heap = new Heap()
    const { address, byteLength } = heap.slab.region
    const { capacity } = heap.slab.stats()
    const away = [
      -1,
      -16,
      -PAGE,
      -(2 ** 20),
      byteLength,
      byteLength - 16,
      byteLength + 16,
      capacity,
    ]
    for (const by of [
      ...away,
      capacity - PAGE,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      -(2 ** 32),
      2 ** 40,
    ]) {
      heap.refuse(address + by, 16, ['INVALID_POINTER'])
      heap.refuse(address + by, 5000, ['INVALID_POINTER'])
    }
    // What a live block's place is modulo 2^32.
    for (const { ptr, size } of heap.live) {
      for (const by of [2 ** 32, -(2 ** 32), 2 ** 33]) {
        heap.refuse(ptr + by, Math.max(size, 1), ['INVALID_POINTER'])
      }
    }
    for (const ptr of [0, 1, 16, 4096, Number.MAX_SAFE_INTEGER]) {
      heap.refuse(ptr, 16, ['INVALID_POINTER'])
    }
    heap.check()
  })

  test('to the tail of a slab, in which no block fits, is refused', () => {
    // Blocks of 96 bytes: five in a page, and 32 bytes over.
    const heap = new Heap()
    const ptr = heap.slab.rawAlloc(96, 16)
    const last = ptr - (ptr % PAGE) + 480
    for (const at of [last, last + 16]) heap.refuse(at, 96, NO_BLOCK)
    heap.slab.freePtr(ptr)
    heap.checkBytes()
    heap.slab.dispose()
  })

  test('to every address of a small heap is refused, unless a block lives there', () => {
    using slab = new SlabAllocator(new ArrayBuffer(16_384))
    const live = new Map<number, number>()
    for (const size of [16, 100, 100, 33, 700, 2032, 600, 16]) {
      live.set(slab.rawAlloc(size, 16), size)
    }
    const dead = [slab.rawAlloc(100, 16), slab.rawAlloc(600, 16)]
    for (const ptr of dead) slab.freePtr(ptr)
    const before = slab.stats()
    const { address } = slab.region
    for (let ptr = address - 600; ptr < address + 16_384 + 600; ptr++) {
      const size = live.get(ptr)
      if (size !== undefined) {
        expect(slab.usableSize(ptr)).toBeGreaterThanOrEqual(size)
        continue
      }
      for (const size_ of [16, 100, 2032]) {
        expectOneOf(NO_BLOCK, () => slab.rawFree(ptr, size_, 1), `${size_} at ${ptr}:`)
      }
      expectOneOf(NO_BLOCK, () => slab.freePtr(ptr), `${ptr}:`)
    }
    expect(slab.stats()).toEqual(before)
    for (const [ptr, size] of live) slab.rawFree(ptr, size, 16)
    expect(slab.stats().used).toBe(0)
  })

  test('that was freed is refused, however often', () => {
    const heap = new Heap()
    for (let round = 0; round < 3; round++) {
      for (const { ptr, size } of heap.freed) heap.refuse(ptr, size, NO_BLOCK)
    }
    heap.check()
  })

  test('that was freed just now is a double free, if others of its class live', () => {
    using slab = new SlabAllocator({ reserve: 2 ** 20 })
    for (const size of SIZES.filter((bytes) => bytes <= 1000)) {
      const ptrs = Array.from({ length: 40 }, () => slab.rawAlloc(size, 16))
      const ptr = ptrs[17]!
      slab.rawFree(ptr, size, 16)
      const before = slab.stats()
      expectCode('DOUBLE_FREE', () => slab.rawFree(ptr, size, 16))
      expectCode('DOUBLE_FREE', () => slab.freePtr(ptr))
      expectCode('DOUBLE_FREE', () => slab.rawResize(ptr, size, 16, size))
      expectCode('DOUBLE_FREE', () => slab.usableSize(ptr))
      expect(slab.stats()).toEqual(before)
      const again = Array.from({ length: 40 }, () => slab.rawAlloc(size, 16))
      expect(new Set([...ptrs, ...again]).size).toBe(79)
    }
  })

  test('to what is another block by now is refused with the size of the old one', () => {
    using slab = new SlabAllocator(new ArrayBuffer(20_000))
    const old = Array.from({ length: 100 }, () => slab.rawAlloc(160, 16))
    for (const ptr of old) slab.rawFree(ptr, 160, 16)
    const fresh = Array.from({ length: 11 }, () => slab.rawAlloc(1500, 16))
    expect(fresh).not.toContain(0)
    const before = slab.stats()
    for (const ptr of old) expectOneOf(NO_BLOCK, () => slab.rawFree(ptr, 160, 16))
    expect(slab.stats()).toEqual(before)
    for (const ptr of fresh) slab.rawFree(ptr, 1500, 16)
  })
})

describe('a wrong size or alignment', () => {
  test('is refused, every other size and every alignment that the address has not', () => {
    const heap = new Heap()
    const { slab } = heap
    const others = [...SIZES, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 16, 2 ** 53 - 1]
    for (const { ptr, size } of heap.live) {
      for (const other of [...others, size + 1, size + 15, size + 16, size + 2 ** 32]) {
        if (Math.max(other, 1) === Math.max(size, 1)) continue
        expectCode('INVALID_POINTER', () => slab.rawFree(ptr, other, 16), `${other} for ${size}:`)
        expectCode('INVALID_POINTER', () => slab.rawResize(ptr, other, 16, size))
        expectCode('INVALID_POINTER', () => slab.rawRemap(ptr, other, 16, size))
      }
      for (let align = 32; align <= 2 ** 52; align *= 2) {
        if (ptr % align === 0) continue
        expectCode('INVALID_POINTER', () => slab.rawFree(ptr, size, align), `${align}:`)
        expectCode('INVALID_POINTER', () => slab.rawResize(ptr, size, align, size))
      }
    }
    heap.check()
  })

  test('is refused with the size from before a resize', () => {
    for (const [size, next] of [
      [100, 112],
      [100, 97],
      [3, 16],
      [5000, 5001],
      [5000, 9000],
      [5000, 3000],
    ] as const) {
      using slab = new SlabAllocator({ reserve: 2 ** 20 })
      const ptr = slab.rawAlloc(size, 16)
      expect(slab.rawResize(ptr, size, 16, next)).toBe(true)
      expectCode('INVALID_POINTER', () => slab.rawFree(ptr, size, 16))
      expectCode('INVALID_POINTER', () => slab.rawResize(ptr, size, 16, next))
      slab.rawFree(ptr, next, 16)
      expect(slab.stats().used).toBe(0)
    }
  })
})

describe('a value of another kind', () => {
  test('is no size, no alignment and no pointer', () => {
    const heap = new Heap()
    const { slab } = heap
    for (const size of [...BAD_SIZES, undefined]) {
      for (const operation of [
        () => slab.rawAlloc(wrong(size), 16),
        () => slab.rawFree(heap.live[5]!.ptr, wrong(size), 16),
        () => slab.rawResize(heap.live[5]!.ptr, wrong(size), 16, 16),
        () => slab.rawResize(heap.live[5]!.ptr, heap.live[5]!.size, 16, wrong(size)),
        () => slab.alloc(wrong(size)),
        () => slab.tryAlloc(wrong(size)),
      ]) {
        expectCode('INVALID_LAYOUT', operation, `${shown(size)}: ${String(operation)}:`)
      }
    }
    for (const align of [...BAD_ALIGNS, -16, -(2 ** 31)]) {
      for (const size of [16, 5000]) {
        const about = `${shown(align)}:`
        expectCode('INVALID_LAYOUT', () => slab.rawAlloc(size, wrong(align)), about)
        expectCode('INVALID_LAYOUT', () => slab.alloc(size, wrong(align)), about)
        expectCode(
          'INVALID_LAYOUT',
          () => slab.rawFree(heap.live[5]!.ptr, size, wrong(align)),
          about,
        )
      }
    }
    for (const ptr of [...BAD_POINTERS, -0.5, 2 ** 60]) {
      for (const operation of [
        () => slab.rawFree(wrong(ptr), 16, 16),
        () => slab.rawFree(wrong(ptr), 5000, 16),
        () => slab.rawResize(wrong(ptr), 16, 16, 8),
        () => slab.freePtr(wrong(ptr)),
        () => slab.usableSize(wrong(ptr)),
      ]) {
        expectAnyCode(operation, `${shown(ptr)}: ${String(operation)}:`)
      }
      expect(slab.owns(wrong(ptr))).toBe(false)
    }
    heap.check()
  })
})

describe('scribbling', () => {
  test.each([0, 1, 0x10, 0x7f, 0x80, 0xff])(
    'with %d over what is free, and over all of it, damages nothing',
    (byte) => {
      using region = Region.malloc(2 ** 22)
      const heap = new Heap(region)
      const bytes = new Uint8Array(region.buffer)
      const kept = heap.live.map(({ ptr, size }) => heap.slab.view(ptr, size).slice())
      bytes.fill(byte)
      for (const { ptr, size } of heap.freed) heap.refuse(ptr, size, NO_BLOCK)
      for (const [i, { ptr }] of heap.live.entries()) {
        heap.slab.view(ptr, kept[i]!.length).set(kept[i]!)
      }
      heap.check()
      using again = new SlabAllocator(region)
      bytes.fill(byte)
      const ptrs = Array.from({ length: 500 }, (_, i) => again.rawAlloc(i * 3, 16))
      expect(new Set(ptrs).size).toBe(500)
      expect(ptrs).not.toContain(0)
      expect(bytes.every((at) => at === byte)).toBe(true)
    },
  )
})
