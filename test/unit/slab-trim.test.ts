/** SlabAllocator.trim: resident memory of this process falls, and the heap goes on. */
import { describe, expect, test } from 'vitest'
import { Region, SlabAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { collectGarbage, MIB, processGauge, residentBytes } from '../support/memory.js'
import { KINDS } from '../support/regions.js'

const TOUCHED = 200 * MIB

/** What is resident now, in MiB more than `before`. */
const grown = (before: number): number => (residentBytes() - before) / MIB

/** Blocks of these sizes in turn, every byte written, until they have `bytes` bytes. */
function touch(slab: SlabAllocator, sizes: readonly number[], bytes: number): number[] {
  const ptrs: number[] = []
  for (let i = 0, left = bytes; left > 0; i++) {
    const size = sizes[i % sizes.length]!
    const ptr = slab.rawAlloc(size, 16)
    slab.view(ptr, size).fill(i | 1)
    ptrs.push(ptr)
    left -= size
  }
  return ptrs
}

describe('of 200 MiB that were written and freed, nearly all is given back', () => {
  test.each([
    ['large blocks', [MIB, 70_000, 3000]],
    ['small blocks', [2000, 512, 1024]],
    ['all kinds', [64, 40_000, 300, 2_000_000, 2032]],
  ])('%s', async (_, sizes) => {
    await collectGarbage()
    using slab = new SlabAllocator({ reserve: 2 ** 29 })
    touch(slab, sizes, MIB)
    slab.reset()
    slab.trim()
    const before = residentBytes()
    const ptrs = touch(slab, sizes, TOUCHED)
    expect(grown(before)).toBeGreaterThan(190)
    for (const ptr of ptrs) slab.freePtr(ptr)
    // Free, but still resident: no system call was made.
    expect(grown(before)).toBeGreaterThan(190)
    const given = slab.trim()
    expect(given).toBeGreaterThan(199 * MIB)
    expect(given).toBeLessThan(230 * MIB)
    // What stays is the heap's own bookkeeping, and what V8 does meanwhile.
    await collectGarbage()
    expect(grown(before)).toBeLessThan(60)
    expect(slab.stats().used).toBe(0)

    const again = touch(slab, sizes, 20 * MIB)
    for (const [i, ptr] of again.entries()) {
      const size = sizes[i % sizes.length]!
      const bytes = slab.view(ptr, size)
      if (bytes[0] !== ((i | 1) & 255) || bytes[size - 1] !== bytes[0]) throw new Error(`${i}`)
      slab.rawFree(ptr, size, 16)
    }
    expect(slab.stats().used).toBe(0)
    expect(slab.rawAlloc(2 ** 29, 16)).toBe(slab.region.address)
  })
})

test(
  'pages between blocks that live are given back, and the blocks are whole',
  processGauge,
  async () => {
    await collectGarbage()
    using slab = new SlabAllocator({ reserve: 2 ** 29 })
    const before = residentBytes()
    const ptrs = touch(slab, [MIB, 100], TOUCHED)
    const live = ptrs.filter((ptr, i) => {
      if (i % 20 === 2 || i % 2 === 1) return true
      slab.freePtr(ptr)
      return false
    })
    expect(slab.trim()).toBeGreaterThan(170 * MIB)
    expect(grown(before)).toBeLessThan(60)
    const { used } = slab.stats()
    for (const ptr of live) {
      const size = slab.usableSize(ptr) === MIB ? MIB : 100
      const bytes = slab.view(ptr, size)
      expect([bytes[0]! & 1, bytes.every((byte) => byte === bytes[0])]).toEqual([1, true])
    }
    for (const ptr of live) slab.freePtr(ptr)
    expect([used > 20 * MIB, slab.stats().used]).toEqual([true, 0])
  },
)

test(
  'a reset, and blocks that were freed at the top, are given back too',
  processGauge,
  async () => {
    await collectGarbage()
    using slab = new SlabAllocator({ reserve: 2 ** 28 })
    for (const free of [
      () => slab.reset(),
      (ptrs: number[]) => ptrs.forEach((p) => slab.freePtr(p)),
    ]) {
      const ptrs = touch(slab, [MIB], 60 * MIB)
      const before = residentBytes()
      free(ptrs)
      expect(slab.trim()).toBe(60 * MIB)
      expect(grown(before)).toBeLessThan(-50)
    }
  },
)

test('nothing is left to be given back by a second trim', () => {
  using slab = new SlabAllocator({ reserve: 2 ** 26 })
  const ptrs = touch(slab, [5000], 10 * MIB)
  expect(slab.trim()).toBe(0)
  for (const ptr of ptrs.slice(100)) slab.freePtr(ptr)
  expect(slab.trim()).toBeGreaterThan(9 * MIB)
  expect(slab.trim()).toBe(0)
})

test('the footprint is never above its peak, whatever was given back and used again', () => {
  using slab = new SlabAllocator({ reserve: 2 ** 23 })
  const figures = () => {
    const { footprint, peakFootprint } = slab.stats()
    expect(footprint).toBeLessThanOrEqual(peakFootprint)
  }
  const take = (size: number): number => {
    const ptr = slab.rawAlloc(size, 1)
    figures()
    return ptr
  }
  const ptrs = [653_133, 754_011, 654_725].map(take)
  slab.freePtr(ptrs[1]!)
  figures()
  for (const size of [732_511, 715_479, 5000, 753, 5000]) take(size)
  slab.trim()
  figures()
})

test('what was given back reads 0, whatever it held', () => {
  using slab = new SlabAllocator({ reserve: 2 ** 24 })
  const ptrs = touch(slab, [MIB], 8 * MIB)
  for (const ptr of ptrs) slab.freePtr(ptr)
  expect(slab.trim()).toBe(8 * MIB)
  const all = slab.alloc(8 * MIB)
  expect(all.ptr).toBe(ptrs[0])
  expect(all.bytes.some((byte) => byte !== 0)).toBe(false)
})

test.each(KINDS)('over memory of kind $name, is 0 bytes unless pages can go', ({ name, make }) => {
  using region = make(2 ** 18)
  using slab = new SlabAllocator(region)
  const kept = slab.dupe('kept')
  const ptrs = touch(slab, [5000, 100, 600], 2 ** 17)
  for (const ptr of ptrs) slab.freePtr(ptr)
  const given = slab.trim()
  if (name.startsWith('pages')) expect(given).toBeGreaterThan(2 ** 16)
  else expect(given).toBe(0)
  expect([kept.buffer.toString(), slab.stats().used]).toEqual(['kept', 4])
  const again = touch(slab, [5000, 100, 600], 2 ** 17)
  for (const ptr of again) slab.freePtr(ptr)
  expect([kept.buffer.toString(), slab.stats().used]).toEqual(['kept', 4])
})

test('of a heap that is gone is an error', () => {
  const region = Region.pages(2 ** 16)
  const slab = new SlabAllocator(region)
  region.dispose()
  expectCode('DISPOSED', () => slab.trim())
})
