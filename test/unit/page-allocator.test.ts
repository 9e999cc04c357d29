/** pageAllocator: whole pages, given back in parts, grown in place, and counted as what they are. */
import { describe, expect, test } from 'vitest'
import { pageAllocator } from '../../lib/index.js'
import { BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode } from '../support/errors.js'
import { mappingAt, MIB, peek, poke, processGauge, residentBytes } from '../support/memory.js'

const PAGE = pageAllocator.pageSize
const filled = (size: number): Uint8Array => new Uint8Array(size).fill(0xee)

describe('pages', () => {
  test('start at multiples of the page and of the alignment, all zeros', () => {
    for (const align of [1, 16, PAGE, 4 * PAGE, MIB]) {
      const ptr = pageAllocator.rawAlloc(100, align)
      expect(ptr % Math.max(align, PAGE)).toBe(0)
      expect(peek(ptr, PAGE).every((byte) => byte === 0)).toBe(true)
      poke(ptr, filled(PAGE))
      pageAllocator.rawFree(ptr, 100, align)
    }
  })

  test.runIf(process.platform === 'linux')(
    'go back to the system with the free',
    processGauge,
    () => {
      const before = residentBytes()
      const ptr = pageAllocator.rawAlloc(64 * MIB, PAGE)
      pageAllocator.view(ptr, 64 * MIB).fill(1)
      expect(residentBytes() - before).toBeGreaterThan(50 * MIB)
      pageAllocator.rawFree(ptr, 64 * MIB, PAGE)
      expect(residentBytes() - before).toBeLessThan(10 * MIB)
      expect(mappingAt(ptr)).toBeUndefined()
    },
  )

  test('are not touched by an allocation', processGauge, () => {
    const before = residentBytes()
    const ptr = pageAllocator.rawAlloc(1024 * MIB, PAGE)
    expect(residentBytes() - before).toBeLessThan(10 * MIB)
    pageAllocator.rawFree(ptr, 1024 * MIB, PAGE)
  })

  test('a block of few bytes has the rest of its page', () => {
    const a = pageAllocator.alloc(10)
    expect(a.resize(PAGE)).toBe(true)
    expect(a.bytes.length).toBe(PAGE)
    expect(pageAllocator.view(a.ptr, PAGE).length).toBe(PAGE)
    expectCode('INVALID_POINTER', () => pageAllocator.view(a.ptr, PAGE + 1))
    a.free()
  })
})

describe('growth', () => {
  test('in place takes the addresses that a shrink has left', () => {
    const ptr = pageAllocator.rawAlloc(64 * PAGE, PAGE)
    poke(ptr, filled(64 * PAGE))
    expect(pageAllocator.rawResize(ptr, 64 * PAGE, PAGE, PAGE)).toBe(true)
    const grown = pageAllocator.rawResize(ptr, PAGE, PAGE, 32 * PAGE)
    const size = grown ? 32 * PAGE : PAGE
    expect(peek(ptr, PAGE).every((byte) => byte === 0xee)).toBe(true)
    if (grown) expect(peek(ptr + PAGE, 31 * PAGE).every((byte) => byte === 0)).toBe(true)
    pageAllocator.rawFree(ptr, size, PAGE)
  })

  test('by remap keeps the bytes, in place or not, and what is new is zeros', () => {
    let ptr = pageAllocator.rawAlloc(2 * PAGE, PAGE)
    const wall = pageAllocator.rawAlloc(2 * PAGE, PAGE)
    poke(ptr, filled(2 * PAGE))
    let size = 2 * PAGE
    for (const pages of [3, 300, 4]) {
      const moved = pageAllocator.rawRemap(ptr, size, PAGE, pages * PAGE)
      if (moved === 0) continue
      expect(peek(moved, 2 * PAGE).every((byte) => byte === 0xee)).toBe(true)
      if (moved !== ptr) expect(pageAllocator.owns(ptr)).toBe(false)
      ptr = moved
      size = pages * PAGE
      expect(peek(ptr + 2 * PAGE, PAGE).every((byte) => byte === 0)).toBe(true)
    }
    pageAllocator.rawFree(ptr, size, PAGE)
    pageAllocator.rawFree(wall, 2 * PAGE, PAGE)
  })
})

describe('decommit', () => {
  test('gives back the whole pages inside the span, which read as zeros', processGauge, () => {
    const SIZE = 16 * MIB
    const before = residentBytes()
    const a = pageAllocator.alloc(SIZE)
    a.bytes.fill(0xee)
    const given = pageAllocator.decommit(a.ptr, PAGE / 2, SIZE - PAGE)
    expect(given).toBe(SIZE - 2 * PAGE)
    expect(residentBytes() - before).toBeLessThan(4 * MIB)
    expect(a.bytes[PAGE - 1]).toBe(0xee)
    expect(a.bytes.subarray(PAGE, SIZE - PAGE).every((byte) => byte === 0)).toBe(true)
    expect(a.bytes[SIZE - PAGE]).toBe(0xee)
    a.bytes.fill(1)
    expect(peek(a.ptr + MIB, 1)[0]).toBe(1)
    a.free()
  })

  test('of less than a page gives back nothing', () => {
    const a = pageAllocator.alloc(2 * PAGE)
    a.bytes.fill(0xee)
    for (const [offset, size] of [
      [0, PAGE - 1],
      [1, PAGE],
      [0, 0],
      [2 * PAGE, 0],
    ] as const) {
      expect(pageAllocator.decommit(a.ptr, offset, size)).toBe(0)
    }
    expect(a.bytes.every((byte) => byte === 0xee)).toBe(true)
    a.free()
  })

  test('reaches into no other block', () => {
    const ptr = pageAllocator.rawAlloc(2 * PAGE, PAGE)
    const spans = [
      [0, 2 * PAGE + 1],
      [2 * PAGE, 1],
      [3 * PAGE, 0],
      [PAGE, 2 ** 53 - 1],
    ] as const
    for (const [offset, size] of spans) {
      expectCode('INVALID_POINTER', () => pageAllocator.decommit(ptr, offset, size))
    }
    for (const bad of [...BAD_POINTERS, 0, PAGE, ptr + 1]) {
      expectCode('INVALID_POINTER', () => pageAllocator.decommit(wrong(bad), 0, PAGE), shown(bad))
    }
    for (const bad of [...BAD_SIZES, undefined]) {
      expectCode('INVALID_LAYOUT', () => pageAllocator.decommit(ptr, wrong(bad), PAGE), shown(bad))
      expectCode('INVALID_LAYOUT', () => pageAllocator.decommit(ptr, 0, wrong(bad)), shown(bad))
    }
    pageAllocator.rawFree(ptr, 2 * PAGE, PAGE)
    expectCode('INVALID_POINTER', () => pageAllocator.decommit(ptr, 0, PAGE))
  })
})

describe('stats', () => {
  test('count payload as it was asked for, and pages for the footprint', () => {
    const before = pageAllocator.stats()
    const a = pageAllocator.alloc(100)
    const b = pageAllocator.alloc(PAGE + 1)
    const during = pageAllocator.stats()
    expect(during.used - before.used).toBe(PAGE + 101)
    expect(during.footprint - before.footprint).toBe(3 * PAGE)
    pageAllocator.realloc(b, 10 * PAGE)
    expect(pageAllocator.stats().footprint - before.footprint).toBe(11 * PAGE)
    a.free()
    b.free()
    const after = pageAllocator.stats()
    expect([after.used, after.footprint]).toEqual([before.used, before.footprint])
    expect(after.peakFootprint - before.footprint).toBeGreaterThanOrEqual(11 * PAGE)
  })

  test('say what a block occupies, also when it shrinks while JS looks at it', () => {
    const before = pageAllocator.stats().footprint
    const ptr = pageAllocator.rawAlloc(100 * PAGE, PAGE)
    pageAllocator.view(ptr, 1).fill(1)
    expect(pageAllocator.rawResize(ptr, 100 * PAGE, PAGE, PAGE)).toBe(true)
    // The buffer that shows the block keeps all of its pages.
    const mapped = pageAllocator.view(ptr, 100 * PAGE).length
    expect(pageAllocator.stats().footprint - before).toBe(mapped)
    pageAllocator.rawFree(ptr, PAGE, PAGE)
    expect(pageAllocator.stats().footprint).toBe(before)
  })

  test('are right again after a free that names a smaller size', () => {
    const before = pageAllocator.stats().footprint
    const ptr = pageAllocator.rawAlloc(10 * PAGE, PAGE)
    pageAllocator.rawFree(ptr, 1, PAGE)
    expect(pageAllocator.owns(ptr)).toBe(false)
    expect(pageAllocator.stats().footprint).toBe(before)
  })
})

describe('wrong frees', () => {
  test('are refused: unmapped twice, in the middle, too large, of another alignment', () => {
    const ptr = pageAllocator.rawAlloc(4 * PAGE, PAGE)
    // Another block may have started there before: then it counts as freed twice.
    expectAnyCode(() => pageAllocator.rawFree(ptr + PAGE, PAGE, PAGE))
    expectCode('INVALID_POINTER', () => pageAllocator.rawFree(ptr, 5 * PAGE, PAGE))
    expectCode('INVALID_POINTER', () => pageAllocator.rawFree(ptr, 4 * PAGE, 16 * PAGE))
    poke(ptr, filled(4 * PAGE))
    pageAllocator.rawFree(ptr, 4 * PAGE, PAGE)
    expectCode('DOUBLE_FREE', () => pageAllocator.rawFree(ptr, 4 * PAGE, PAGE))
  })
})
