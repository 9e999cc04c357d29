/** Memories that grow: by the allocator that ran out of room, by the module, by the caller. */
import { describe, expect, test } from 'vitest'
import { type Allocation, BumpAllocator, Layout, Region } from '../../lib/index.js'
import { MAX_CAPACITY } from '../../lib/core/state.js'
import { expectCode } from '../support/errors.js'
import { Memory, PAGE } from '../support/wasm.js'

const START = 1024

/** Strategies take what a region has for their capacity, so that is not to change behind their back. */
test('a region takes notice of a growth when it needs more, and not before', () => {
  const memory = new Memory({ initial: 1, maximum: 40 })
  const region = Region.wasm(memory, { start: START })
  const bump = new BumpAllocator(region)
  memory.grow(3)
  expect(region.byteLength).toBe(PAGE - START)
  expect(bump.stats().capacity).toBe(PAGE - START)
  bump.alloc(PAGE)
  expect(memory.buffer.byteLength).toBe(4 * PAGE)
  expect(region.byteLength).toBe(4 * PAGE - START)
  expect(bump.stats().capacity).toBe(4 * PAGE - START)
})

test('a region knows how long it can become', () => {
  const memory = new Memory({ initial: 1 })
  expect(Region.wasm(memory, { start: START })._mostBytes()).toBe(MAX_CAPACITY)
  expect(Region.wasm(memory, { start: START, end: 5000 })._mostBytes()).toBe(5000 - START)
  expect(Region.wasm(memory, { start: START, end: 9 * PAGE })._mostBytes()).toBe(9 * PAGE - START)
})

describe('how much it grows', () => {
  const grown = (initial: number, options: { maximum?: number; end?: number }, ask: number) => {
    const { maximum, ...range } = options
    const memory = new Memory({ initial, ...(maximum === undefined ? {} : { maximum }) })
    const region = Region.wasm(memory, { start: START, ...range })
    const bump = new BumpAllocator(region)
    bump.alloc(region.byteLength, 1)
    const pages = bump.tryAlloc(ask, 1) === null ? 0 : memory.buffer.byteLength / PAGE
    expect(region.byteLength + START).toBeLessThanOrEqual(memory.buffer.byteLength)
    return pages
  }

  test('what is needed, in whole pages, or an eighth', () => {
    expect(grown(1, {}, 1)).toBe(2)
    expect(grown(1, {}, PAGE)).toBe(2)
    expect(grown(1, {}, PAGE + 1)).toBe(3)
    expect(grown(80, {}, 1)).toBe(90)
    expect(grown(80, {}, 20 * PAGE)).toBe(100)
  })

  test('not past its end', () => {
    expect(grown(80, { end: 85 * PAGE }, 1)).toBe(85)
    expect(grown(80, { end: 85 * PAGE + 1 }, 1)).toBe(86)
    expect(grown(80, { end: 85 * PAGE + 1 }, 5 * PAGE + 1)).toBe(86)
    expect(grown(80, { end: 85 * PAGE + 1 }, 5 * PAGE + 2)).toBe(0)
  })

  test('what is needed and no more where the maximum forbids an eighth', () => {
    expect(grown(80, { maximum: 83 }, 1)).toBe(81)
    expect(grown(80, { maximum: 83 }, 3 * PAGE)).toBe(83)
    expect(grown(80, { maximum: 83 }, 3 * PAGE + 1)).toBe(0)
  })

  test('a large alignment counts as well', () => {
    const memory = new Memory({ initial: 1 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: START }))
    expect(bump.rawAlloc(1, 2 * PAGE)).toBe(2 * PAGE)
    expect(memory.buffer.byteLength).toBe(3 * PAGE)
    expect(bump.rawAlloc(0, 4 * PAGE)).toBe(4 * PAGE)
    expect(bump.totalAllocated).toBe(4 * PAGE + 1 - START)
  })
})

test('what does not fit is refused, with nothing grown and nothing taken', () => {
  const memory = new Memory({ initial: 1, maximum: 10 })
  const bump = new BumpAllocator(Region.wasm(memory, { start: START }))
  bump.alloc(8)
  for (const size of [10 * PAGE, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 50, Number.MAX_SAFE_INTEGER]) {
    expect(bump.rawAlloc(size, 1)).toBe(0)
    expect(bump.tryAlloc(size, 1)).toBeNull()
    expectCode('OUT_OF_MEMORY', () => bump.alloc(size, 1))
  }
  expectCode('OUT_OF_MEMORY', () => bump.alloc(8, 2 ** 40))
  expectCode('INVALID_LAYOUT', () => bump.alloc(-1))
  expectCode('INVALID_LAYOUT', () => bump.alloc(8, 3))
  expect(memory.buffer.byteLength).toBe(PAGE)
  expect(bump.totalAllocated).toBe(8)
})

describe('resizing the last block', () => {
  test('grows the memory', () => {
    const memory = new Memory({ initial: 1, maximum: 4 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: START }))
    bump.alloc(8)
    const a = bump.dupe('kept')
    expect(a.resize(2 * PAGE)).toBe(true)
    expect([a.size, a.bytes.length]).toEqual([2 * PAGE, 2 * PAGE])
    expect(a.buffer.toString('latin1', 0, 4)).toBe('kept')
    expect(bump.realloc(a, 3 * PAGE).size).toBe(3 * PAGE)
    expect(a.resize(4 * PAGE)).toBe(false)
    expect([a.size, memory.buffer.byteLength]).toEqual([3 * PAGE, 4 * PAGE])
    expect(bump.rawResize(a.ptr, 3 * PAGE, 16, 2 ** 50)).toBe(false)
  })

  test('but not for a block that may not grow', () => {
    const memory = new Memory({ initial: 1, maximum: 4 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: START }))
    const a = bump.alloc(8)
    const checkpoint = bump.checkpoint()
    expect(a.resize(2 * PAGE)).toBe(false)
    expect(memory.buffer.byteLength).toBe(PAGE)
    bump.rewind(checkpoint)
    expect(a.resize(2 * PAGE)).toBe(true)
  })
})

describe.each([false, true])('handles live through a growth (shared: %s)', (shared) => {
  const setUp = () => {
    const memory = new Memory({ initial: 1, maximum: 40, shared })
    const region = Region.wasm(memory, { start: START })
    return { memory, region, bump: new BumpAllocator(region) }
  }

  test('and so do their bytes; views follow when they are asked for again', () => {
    const { memory, bump } = setUp()
    const a = bump.alloc(Layout.array(Layout.f64, 3))
    const empty = bump.alloc(0)
    a.as(Float64Array).set([1.5, 2.5, 3.5])
    const [view, emptyView] = [a.bytes, empty.bytes]
    expect([a.bytes, empty.bytes]).toEqual([view, emptyView])
    expect(a.bytes === view && empty.bytes === emptyView).toBe(true)

    memory.grow(1)
    expect(view.length).toBe(shared ? 24 : 0)
    expect([...a.as(Float64Array)]).toEqual([1.5, 2.5, 3.5])
    expect(a.buffer.length).toBe(24)
    expect([empty.bytes.length, empty.buffer.length, empty.as(Uint8Array).length]).toEqual([
      0, 0, 0,
    ])
    expect(empty.bytes.buffer.byteLength).toBeGreaterThanOrEqual(PAGE)
    empty.as(Float64Array)

    const b = bump.alloc(2 * PAGE)
    b.bytes.fill(7)
    expect(b.bytes[2 * PAGE - 1]).toBe(7)
    expect(bump.view(b.ptr + 2 * PAGE - 1, 1)[0]).toBe(7)
    expect([...a.as(Float64Array)]).toEqual([1.5, 2.5, 3.5])
  })

  test('the region shows all of its bytes at any time', () => {
    const { memory, region, bump } = setUp()
    for (let i = 0; i < 5; i++) {
      expect(region.buffer.byteLength).toBeGreaterThanOrEqual(START + region.byteLength)
      const all = new Uint8Array(region.buffer, region.byteOffset, region.byteLength)
      all[region.byteLength - 1] = i
      if (i % 2 === 0) memory.grow(1)
      else bump.alloc(region.byteLength - bump.totalAllocated + 1, 1)
      expect(bump.view(START + all.length, 0).length).toBe(0)
    }
    expect(region.byteLength).toBeGreaterThan(2 * PAGE)
  })

  test('a region of headers shows them again', () => {
    const { memory, region } = setUp()
    region._dataAgain().setInt32(100, 42)
    memory.grow(1)
    const read = (offset: number): number => {
      try {
        return region._data.getInt32(offset)
      } catch {
        return region._dataAgain().getInt32(offset)
      }
    }
    expect(read(100)).toBe(42)
    expect(region._extend(2 * PAGE)).toBe(true)
    new DataView(memory.buffer).setInt32(START + 2 * PAGE, 43)
    expect([read(100), read(2 * PAGE)]).toEqual([42, 43])
    region.dispose()
    expect(() => read(100)).toThrow()
    expect(region._extend(1)).toBe(false)
  })

  test('resets, checkpoints and rewinds are as elsewhere', () => {
    const { bump } = setUp()
    const kept = bump.alloc(8)
    const checkpoint = bump.checkpoint()
    const gone: Allocation = bump.alloc(3 * PAGE)
    bump.rewind(checkpoint)
    expect([kept.freed, gone.freed]).toEqual([false, true])
    bump.reset()
    expect(kept.freed).toBe(true)
    const { byteLength } = bump.region
    expect(bump.alloc(byteLength, 1).ptr).toBe(START)
    expect(bump.stats().peakFootprint).toBe(byteLength)
  })
})

describe('at 4 GiB', () => {
  test('a region ends one page of 4 KiB before', () => {
    // Not shared with anything, and only a few pages of it are touched.
    const memory = new Memory({ initial: 65_535, maximum: 65_536 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: 1 }))
    const { region } = bump
    const low = bump.alloc(2 ** 31, 1)
    const high = bump.alloc(65_535 * PAGE - 1 - 2 ** 31, 1)
    low.bytes[2 ** 31 - 1] = 1
    high.bytes[high.size - 1] = 2
    expect(bump.remaining).toBe(0)
    const last = bump.alloc(MAX_CAPACITY - region.byteLength, 1)
    last.bytes[last.size - 1] = 3
    expect(memory.buffer.byteLength).toBe(2 ** 32)
    expect(region.byteLength).toBe(MAX_CAPACITY)
    expect([bump.remaining, bump.tryAlloc(1, 1)]).toEqual([0, null])
    expect(new Uint8Array(memory.buffer, MAX_CAPACITY, 1)[0]).toBe(3)
    expect([low.bytes[2 ** 31 - 1], high.bytes[high.size - 1]]).toEqual([1, 2])
    expect(Region.wasm(memory, { start: 16, end: 2 ** 32 }).byteLength).toBe(MAX_CAPACITY)
  })
})
