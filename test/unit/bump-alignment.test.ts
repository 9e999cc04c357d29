/** BumpAllocator aligns addresses, whatever its memory starts at and however far it reaches. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BumpAllocator, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { peek } from '../support/memory.js'
import { borrowed } from '../support/regions.js'

describe('over memory that starts anywhere', () => {
  test.each([0, 1, 3, 8, 15, 31])('an address is aligned over a view at offset %i', (offset) => {
    const bump = new BumpAllocator(new Uint8Array(new ArrayBuffer(2 ** 16), offset))
    for (let align = 1; align <= 2 ** 13; align *= 2) {
      const a = bump.alloc(5, align)
      expect(a.ptr % align, `align ${align}`).toBe(0)
      a.bytes.fill(align & 0xff)
      expect(peek(a.ptr, 5).every((byte) => byte === (align & 0xff))).toBe(true)
    }
  })

  test.each([1, 5, 8])('an address is aligned over memory that C handed over at + %i', (offset) => {
    const bump = new BumpAllocator(borrowed(20_000, offset))
    for (const align of [16, 1, 4096, 64, 2]) {
      const a = bump.alloc(7, align)
      expect(a.ptr % align).toBe(0)
      expect(a.ptr).toBeGreaterThanOrEqual(bump.region.address)
    }
    bump.region.dispose()
  })

  test('padding is all that alignment costs', () => {
    const bump = new BumpAllocator(Region.malloc(1000, { align: 256 }))
    bump.alloc(1, 1)
    bump.alloc(1, 256)
    expect(bump.totalAllocated).toBe(257)
    bump.alloc(15, 1)
    bump.alloc(16, 16)
    expect(bump.totalAllocated).toBe(288)
  })

  test('an alignment larger than the memory is out of memory, not misaligned', () => {
    const bump = new BumpAllocator(new Uint8Array(new ArrayBuffer(1100), 1, 1000))
    for (const align of [2 ** 30, 2 ** 31, 2 ** 40, 2 ** 52]) {
      const ptr = bump.rawAlloc(1, align)
      expect(ptr % align).toBe(0)
    }
  })
})

describe('over 4 GiB - 4 KiB', () => {
  const SIZE = 2 ** 32 - 4096
  let region: Region
  let bump: BumpAllocator
  beforeAll(() => {
    region = Region.pages(SIZE)
    bump = new BumpAllocator(region)
  })
  afterAll(() => region.dispose())

  test('blocks beyond 2 GiB are where they should be', () => {
    bump.reset()
    const { address } = region
    const ends = [2 ** 31 - 8, 2 ** 31 + 64, 3 * 2 ** 30, SIZE - 64]
    const blocks = ends.map((end, i) => {
      bump.rawAlloc(end - bump.totalAllocated, 1)
      const a = bump.alloc(16, 8)
      a.bytes.fill(i)
      return a
    })
    for (const [i, a] of blocks.entries()) {
      expect(a.ptr).toBe(address + ends[i]!)
      expect(a.bytes.byteOffset).toBe(ends[i]!)
      expect([...peek(a.ptr, 2)]).toEqual([i, i])
      expect(bump.owns(a.ptr)).toBe(true)
      expect(a.address).toBe(BigInt(a.ptr))
    }
    const last = blocks.at(-1)!
    expect(bump.isLast(last.ptr, 16)).toBe(true)
    expect(last.resize(64)).toBe(true)
    expect(last.resize(65)).toBe(false)
    expect([bump.remaining, bump.totalAllocated]).toEqual([0, SIZE])
    last.free()
    expect([bump.remaining, bump.totalAllocated]).toEqual([64, SIZE - 64])
    expect(bump.stats()).toMatchObject({ capacity: SIZE, peak: SIZE, peakFootprint: SIZE })
  })

  test('raw blocks beyond 2 GiB are where they should be', () => {
    bump.reset()
    const { address } = region
    expect(bump.rawAlloc(2 ** 31 + 16, 1)).toBe(address)
    const ptr = bump.rawAlloc(16, 16)
    expect(ptr).toBe(address + 2 ** 31 + 16)
    expect(bump.rawAlloc(0, 1)).toBe(ptr + 16)
    bump.view(ptr, 16).fill(0x5c)
    expect(peek(ptr, 16).every((byte) => byte === 0x5c)).toBe(true)
    expect(bump.rawResize(ptr + 16, 0, 1, 2 ** 30)).toBe(true)
    bump.rawFree(ptr + 16, 2 ** 30, 1)
    expect(bump.totalAllocated).toBe(2 ** 31 + 32)
  })

  test('a checkpoint beyond 2 GiB keeps older blocks from growing past it', () => {
    bump.reset()
    const low = bump.alloc(2 ** 31 + 100, 1)
    const high = bump.alloc(100, 1)
    const checkpoint = bump.checkpoint()
    expect(high.resize(200)).toBe(false)
    bump.rewind(checkpoint)
    expect(high.resize(200)).toBe(true)
    expect(low.freed).toBe(false)
  })

  test('one block takes all of it, and not a byte more', () => {
    bump.reset()
    expect(bump.tryAlloc(SIZE + 1, 1)).toBeNull()
    const a = bump.alloc(SIZE, 1)
    expect(a.size).toBe(SIZE)
    expect(bump.stats().used).toBe(SIZE)
    expect(bump.tryAlloc(1, 1)).toBeNull()
    a.free()
    expect(bump.totalAllocated).toBe(0)
  })

  test('checkpoints, gaps and rewinds beyond 2 GiB add up', () => {
    bump.reset()
    bump.rawAlloc(2 ** 31 + 100, 1)
    const checkpoint = bump.checkpoint()
    const kept = bump.totalAllocated
    const gap = bump.alloc(2 ** 30, 1)
    bump.alloc(16, 1)
    gap.free()
    expect(bump.stats().used).toBe(kept + 16)
    bump.rewind(checkpoint)
    expect(bump.totalAllocated).toBe(kept)
    expect(bump.stats()).toMatchObject({ used: kept, footprint: kept })
  })

  test('alignments of 1 GiB and 2 GiB are those of the address', () => {
    for (const align of [2 ** 30, 2 ** 31]) {
      bump.reset()
      const a = bump.alloc(16, align)
      expect(a.ptr % align).toBe(0)
      expect(a.ptr - region.address).toBeLessThan(align)
    }
  })

  test('more is refused, and the region is not taken', () => {
    expectCode('INVALID_ARGUMENT', () => new BumpAllocator(SIZE + 1))
    using large = Region.pages(SIZE + 1)
    expectCode('INVALID_ARGUMENT', () => new BumpAllocator(large))
    using part = new BumpAllocator(new Uint8Array(large.buffer, 0, SIZE))
    expect(part.remaining).toBe(SIZE)
  })

  test('figures beyond 2 GiB are no negative ones', () => {
    bump.reset()
    expect([bump.remaining, bump.totalAllocated, bump.stats().used]).toEqual([SIZE, 0, 0])
    const gap = bump.alloc(2 ** 31 + 100, 1)
    bump.alloc(10, 1)
    gap.free()
    expect(bump.stats()).toMatchObject({ used: 10, footprint: 2 ** 31 + 110 })
  })
})
