/** BumpAllocator and its region: who owns it, who works in it, and what happens when one of them ends. */
import { describe, expect, test } from 'vitest'
import { type Allocation, BumpAllocator, type OffheapError, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'

/** Everything that could hand out, free or look at memory. */
const operations = (
  bump: BumpAllocator,
  a: Allocation,
  ptr: number,
): readonly (() => unknown)[] => [
  () => bump.alloc(8),
  () => bump.tryAlloc(8),
  () => bump.allocZeroed(8),
  () => bump.rawAlloc(8, 8),
  () => bump.rawAlloc(0, 8),
  () => bump.rawFree(ptr, 8, 8),
  () => bump.rawResize(ptr, 8, 8, 4),
  () => bump.rawRemap(ptr, 8, 8, 4),
  () => bump.dupe('text'),
  () => bump.view(ptr, 8),
  () => bump.reset(),
  () => bump.checkpoint(),
  () => bump.realloc(a, 16),
]

describe('a region that the allocator made itself', () => {
  test('is freed with it, and its views read nothing', () => {
    const bump = new BumpAllocator(1024)
    const { region } = bump
    const { bytes } = bump.alloc(64)
    bump.dispose()
    bump.dispose()
    expect(region.disposed).toBe(true)
    expect(bytes.length).toBe(0)
  })

  test('keeps the allocator from ending while it is pinned', () => {
    const bump = new BumpAllocator(1024)
    const pin = bump.region.pin()
    expectCode('PINNED', () => bump.dispose())
    bump.alloc(8).bytes[0] = 1
    pin[Symbol.dispose]()
    bump.dispose()
    expect(bump.region.disposed).toBe(true)
  })
})

describe("the caller's region", () => {
  test('outlives the allocator', () => {
    const region = Region.malloc(1024)
    {
      using bump = new BumpAllocator(region)
      bump.alloc(8)
    }
    expect(region.disposed).toBe(false)
    expect(region.buffer.byteLength).toBe(1024)
    region.dispose()
  })

  test('is worked in by one allocator at a time', () => {
    using region = Region.malloc(1024)
    const first = new BumpAllocator(region)
    const { message } = expectCode('INVALID_ARGUMENT', () => new BumpAllocator(region))
    expect(message).toContain('BumpAllocator')
    first.alloc(8)
    first.dispose()
    const second = new BumpAllocator(region)
    expect(second.totalAllocated).toBe(0)
  })

  test('that is disposed already is refused', () => {
    const region = Region.malloc(64)
    region.dispose()
    expectCode('DISPOSED', () => new BumpAllocator(region))
  })
})

describe.each(['the region is disposed', 'the allocator is disposed'])('when %s', (what) => {
  test('every operation says so, and nothing is handed out', () => {
    const region = Region.malloc(1024)
    const bump = new BumpAllocator(region)
    const a = bump.alloc(8, 8)
    const { ptr } = a
    bump.alloc(64)
    const checkpoint = bump.checkpoint()
    if (what.startsWith('the region')) region.dispose()
    else bump.dispose()
    const silent = operations(bump, a, ptr).filter((operation) => !saysSo(operation))
    expect(silent.map(String)).toEqual([])
    expect(() => bump.rewind(checkpoint)).toThrow()
    expect([bump.owns(ptr), bump.isLast(ptr, 8), bump.remaining]).toEqual([false, false, 0])
    bump.dispose()
    region.dispose()
  })

  function saysSo(operation: () => unknown): boolean {
    try {
      operation()
    } catch (error) {
      const { code } = error as OffheapError
      return code === 'ERR_OFFHEAP_DISPOSED' || code === 'ERR_OFFHEAP_USE_AFTER_FREE'
    }
    return false
  }
})

describe('an allocator that has ended', () => {
  test('does not disturb the next one in its region', () => {
    using region = Region.malloc(1024)
    const ended = new BumpAllocator(region)
    const checkpoint = ended.checkpoint()
    ended.alloc(100)
    ended.dispose()
    using bump = new BumpAllocator(region)
    const a = bump.alloc(64)
    a.bytes.fill(1)
    const attempts = [
      () => ended.reset(),
      () => ended.rewind(checkpoint),
      () => ended.checkpoint(),
      () => ended.alloc(64).bytes.fill(2),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(/disposed|closed/)
    expect(a.freed).toBe(false)
    expect(a.bytes.every((byte) => byte === 1)).toBe(true)
    expect(bump.totalAllocated).toBe(64)
  })
})
