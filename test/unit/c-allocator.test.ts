/** cAllocator and rawCAllocator: the C heap, and what only they can say of it. */
import { describe, expect, test } from 'vitest'
import { cAllocator, rawCAllocator, Region } from '../../lib/index.js'
import { BAD_POINTERS, shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode } from '../support/errors.js'
import { MIB, peek, poke, processGauge, residentBytes, sanitized } from '../support/memory.js'

const onGlibc = cAllocator.info() !== null

describe('cAllocator', () => {
  test('aligns to every power of two up to 1 MiB', () => {
    for (let align = 1; align <= MIB; align *= 2) {
      const ptr = cAllocator.rawAlloc(100, align)
      expect(ptr % align, `align ${align}`).toBe(0)
      poke(ptr, new Uint8Array(100).fill(1))
      cAllocator.rawFree(ptr, 100, align)
    }
  })

  test('usableSize is at least the size of a live block, and 0 for anything else', () => {
    for (const [size, align] of [
      [0, 1],
      [1, 1],
      [24, 8],
      [1000, 16],
      [5000, 4096],
    ] as const) {
      const ptr = cAllocator.rawAlloc(size, align)
      expect(cAllocator.usableSize(ptr)).toBeGreaterThanOrEqual(Math.max(size, 1))
      expect(cAllocator.usableSize(ptr + 1)).toBe(0)
      expect(cAllocator.usableSize(ptr + 16)).toBe(0)
      cAllocator.rawFree(ptr, size, align)
      expect(cAllocator.usableSize(ptr)).toBe(0)
    }
    for (const ptr of [0, 1, 4096, 2 ** 47, Number.MAX_SAFE_INTEGER]) {
      expect(cAllocator.usableSize(ptr)).toBe(0)
    }
    for (const ptr of BAD_POINTERS) {
      expectCode('INVALID_POINTER', () => cAllocator.usableSize(wrong(ptr)), shown(ptr))
    }
  })

  test('resizes in place up to the usable size', () => {
    const ptr = cAllocator.rawAlloc(20, 8)
    const usable = cAllocator.usableSize(ptr)
    expect(cAllocator.rawResize(ptr, 20, 8, usable)).toBe(true)
    expect(cAllocator.rawResize(ptr, usable, 8, usable + 1)).toBe(false)
    expect(cAllocator.view(ptr, usable).length).toBe(usable)
    expect(cAllocator.rawResize(ptr, usable, 8, 1)).toBe(true)
    expect(cAllocator.rawResize(ptr, 1, 8, usable)).toBe(true)
    expect(cAllocator.rawResize(ptr, usable, 8, usable + 1)).toBe(false)
    cAllocator.rawFree(ptr, usable, 8)
  })

  test('moves raw blocks with their bytes and their alignment', () => {
    for (const align of [8, 16, 64, 4096]) {
      let ptr = cAllocator.rawAlloc(100, align)
      let size = 100
      poke(
        ptr,
        new Uint8Array(100).map((_, i) => i),
      )
      for (const next of [200_000, 64, 3_000_000, 100, 0]) {
        ptr = cAllocator.rawRemap(ptr, size, align, next)
        expect(ptr % align).toBe(0)
        expect([...peek(ptr, Math.min(next, 64))]).toEqual([...Array(Math.min(next, 64)).keys()])
        if (next > 0)
          poke(
            ptr,
            new Uint8Array(Math.min(next, 100)).map((_, i) => i),
          )
        size = next
      }
      cAllocator.rawFree(ptr, size, align)
    }
  })

  test('is owned by whoever asks: live blocks of the heap, from their start', () => {
    const ptr = cAllocator.rawAlloc(64, 16)
    expect([cAllocator.owns(ptr), cAllocator.owns(ptr + 16)]).toEqual([true, false])
    cAllocator.rawFree(ptr, 64, 16)
    expect(cAllocator.owns(ptr)).toBe(false)
  })

  test('is not ended by dispose', () => {
    cAllocator.dispose()
    cAllocator.alloc(8).free()
    expect(cAllocator.stats()).toMatchObject({ name: 'cAllocator', capacity: Infinity })
  })
})

describe.runIf(onGlibc && !sanitized)('the C library', () => {
  test('says how much of its heap is in use', processGauge, () => {
    const before = cAllocator.info()!
    expect(before.inUse).toBeGreaterThan(0)
    expect(before.arena).toBeGreaterThan(0)
    const blocks = Array.from({ length: 10_000 }, () => cAllocator.rawAlloc(1000, 16))
    const large = cAllocator.rawAlloc(40 * MIB, 16)
    const during = cAllocator.info()!
    expect(during.inUse - before.inUse).toBeGreaterThan(49 * MIB)
    expect(during.mmapped - before.mmapped).toBeGreaterThanOrEqual(40 * MIB)
    cAllocator.rawFree(large, 40 * MIB, 16)
    for (const ptr of blocks) cAllocator.rawFree(ptr, 1000, 16)
    const after = cAllocator.info()!
    expect(after.inUse - before.inUse).toBeLessThan(2 * MIB)
  })

  test('counts the blocks that are free between those in use', processGauge, () => {
    const blocks = Array.from({ length: 20_000 }, () => cAllocator.rawAlloc(2000, 16))
    const before = cAllocator.info()!
    blocks.forEach((ptr, i) => i % 2 === 0 && cAllocator.rawFree(ptr, 2000, 16))
    const holes = cAllocator.info()!.freeBlocks - before.freeBlocks
    expect(holes).toBeGreaterThan(9_000)
    expect(holes).toBeLessThan(10_100)
    blocks.forEach((ptr, i) => i % 2 === 1 && cAllocator.rawFree(ptr, 2000, 16))
  })

  test('keeps freed memory until it is trimmed', processGauge, () => {
    const blocks = Array.from({ length: 50_000 }, () => cAllocator.rawAlloc(1000, 16))
    for (const ptr of blocks) poke(ptr, new Uint8Array(8))
    const fence = cAllocator.rawAlloc(1000, 16)
    for (const ptr of blocks) cAllocator.rawFree(ptr, 1000, 16)
    const kept = cAllocator.info()!.free
    expect(kept).toBeGreaterThan(40 * MIB)
    const resident = residentBytes()
    expect(cAllocator.trim()).toBe(true)
    expect(resident - residentBytes()).toBeGreaterThan(20 * MIB)
    cAllocator.rawFree(fence, 1000, 16)
  })
})

describe('rawCAllocator', () => {
  test('has no memory for alignments that malloc does not grant', () => {
    expect(rawCAllocator.rawAlloc(64, 32)).toBe(0)
    expect(rawCAllocator.tryAlloc(64, 4096)).toBeNull()
    expectCode('OUT_OF_MEMORY', () => rawCAllocator.alloc(64, 32))
    for (const align of [1, 2, 4, 8, 16]) {
      const a = rawCAllocator.alloc(24, align)
      expect(a.ptr % 16).toBe(0)
      a.free()
    }
  })
})

describe.each([cAllocator, rawCAllocator])('wrong frees of $name', (allocator) => {
  test('of the wrong size, alignment or place are refused, and the right one works', () => {
    const ptr = allocator.rawAlloc(64, 16)
    expectCode('INVALID_POINTER', () => allocator.rawFree(ptr, 100_000, 16))
    expectCode('INVALID_POINTER', () => allocator.rawFree(ptr, 64, 64))
    // Another block may have started there before: then it counts as freed twice.
    expectAnyCode(() => allocator.rawFree(ptr + 16, 16, 16))
    expectCode('INVALID_POINTER', () => allocator.rawFree(ptr + 1, 1, 1))
    expect(allocator.owns(ptr)).toBe(true)
    allocator.rawFree(ptr, 64, 16)
  })

  test('a second time are double frees, raw as well', () => {
    const ptr = allocator.rawAlloc(64, 16)
    allocator.rawFree(ptr, 64, 16)
    expectCode('DOUBLE_FREE', () => allocator.rawFree(ptr, 64, 16))
    expectCode('DOUBLE_FREE', () => allocator.rawResize(ptr, 64, 16, 32))
    expectCode('DOUBLE_FREE', () => allocator.rawRemap(ptr, 64, 16, 128))
    expectCode('INVALID_POINTER', () => allocator.view(ptr, 64))
  })

  test('of memory that a region shows are refused', () => {
    using region = Region.malloc(64)
    const error = expectAnyCode(() => allocator.rawFree(region.address, 64, 16))
    expect(error.code).toBe('ERR_OFFHEAP_PINNED')
    expectAnyCode(() => allocator.rawRemap(region.address, 64, 16, 128))
    new Uint8Array(region.buffer).fill(1)
    expect(peek(region.address, 64).every((byte) => byte === 1)).toBe(true)
  })

  test('are refused all the same once the block was looked at', () => {
    const ptr = allocator.rawAlloc(64, 16)
    const before = allocator.stats().used
    const view = allocator.view(ptr, 64)
    const attempts: readonly (() => unknown)[] = [
      () => allocator.rawFree(ptr, 100_000, 16),
      () => allocator.rawFree(ptr, 64, 64),
      () => allocator.rawResize(ptr, 100_000, 16, 32),
      () => allocator.rawResize(ptr, 64, 64, 32),
      () => allocator.rawRemap(ptr, 100_000, 16, 32),
      () => allocator.rawRemap(ptr, 64, 64, 32),
    ]
    const accepted = attempts.filter((attempt) => !isRefused(attempt))
    expect(accepted.map(String)).toEqual([])
    expect(allocator.stats().used).toBe(before)
    expect(view.length).toBe(64)
    allocator.rawFree(ptr, 64, 16)
    expect(view.length).toBe(0)
  })

  function isRefused(attempt: () => unknown): boolean {
    try {
      attempt()
      return false
    } catch (error) {
      return (error as { code: string }).code === 'ERR_OFFHEAP_INVALID_POINTER'
    }
  }
})
