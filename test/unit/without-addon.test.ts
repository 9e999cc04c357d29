/**
 * What works where the addon does not load, and what the rest says. Each test file is a process of its
 * own: this one never loads the addon.
 */
import { describe, expect, test, vi } from 'vitest'
import {
  Allocator,
  BumpAllocator,
  cAllocator,
  ConcurrentBumpAllocator,
  Layout,
  nullAllocator,
  pageAllocator,
  rawCAllocator,
  Region,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

vi.hoisted(() => {
  process.env['OFFHEAP_ADDON'] = '/nonexistent/offheap.node'
})

const memories = {
  'an ArrayBuffer': () => new ArrayBuffer(1000),
  'a view at an odd offset': () => new Uint8Array(new ArrayBuffer(1100), 7, 1000),
  'a SharedArrayBuffer': () => new SharedArrayBuffer(1000),
}

describe.each(Object.entries(memories))('BumpAllocator over %s', (_, make) => {
  test('works', () => {
    const bump = new BumpAllocator(make())
    expect(bump.region.addressable).toBe(false)
    const a = bump.alloc(100, 64)
    const b = bump.alloc(Layout.array(Layout.f64, 3))
    a.bytes.fill(1)
    b.as(Float64Array).set([1.5, 2.5, 3.5])
    expect([a.ptr % 64, b.ptr % 8]).toEqual([0, 0])
    expect(a.bytes.every((byte) => byte === 1)).toBe(true)
    expect([...b.as(Float64Array)]).toEqual([1.5, 2.5, 3.5])
    const checkpoint = bump.checkpoint()
    expect(bump.dupeZ('Grüße').buffer.toString()).toBe('Grüße\0')
    bump.rewind(checkpoint)
    bump.realloc(a, 200)
    expect(a.bytes.subarray(0, 100).every((byte) => byte === 1)).toBe(true)
    b.free()
    bump.reset()
    expect(b.freed).toBe(true)
    expect(bump.alloc(900, 1).size).toBe(900)
    expect(bump.tryAlloc(101, 1)).toBeNull()
    bump.dispose()
  })

  test('gives no address to C, also of blocks that were resized or moved', () => {
    const bump = new BumpAllocator(make())
    const a = bump.alloc(64)
    const resized = bump.alloc(64)
    resized.resize(32)
    const moved = bump.alloc(64)
    bump.alloc(1)
    bump.realloc(moved, 100)
    for (const block of [a, resized, moved]) {
      const { message } = expectCode('UNSUPPORTED', () => block.address)
      expect(message).toContain('addon')
    }
  })
})

test('ConcurrentBumpAllocator works, also for another thread', () => {
  const bump = new ConcurrentBumpAllocator(1000)
  const a = bump.alloc(100, 64)
  a.bytes.fill(1)
  expect(a.ptr % 64).toBe(0)
  expectCode('UNSUPPORTED', () => a.address)
  expectCode('LIBRARY_NOT_FOUND', () => bump.valloc)
  const other = ConcurrentBumpAllocator.attach(bump.share())
  expect(other.stats()).toEqual(bump.stats())
  const b = other.alloc(900, 1)
  expect(bump.tryAlloc(1, 1)).toBeNull()
  b.free()
  expect(bump.remaining).toBe(900)
  other.dispose()
  bump.dispose()
})

describe('Region.from', () => {
  test('works, says that its address is not real, and gives each buffer another', () => {
    const regions = [100, 2 ** 20, 1].map((size) => Region.from(new ArrayBuffer(size)))
    for (const [i, region] of regions.entries()) {
      expect(region.addressable).toBe(false)
      expect(Number.isSafeInteger(region.address)).toBe(true)
      for (const other of regions.slice(i + 1)) {
        const apart =
          region.address + region.byteLength <= other.address ||
          other.address + other.byteLength <= region.address
        expect(apart).toBe(true)
      }
      region.dispose()
      expect(region.disposed).toBe(true)
    }
  })

  test('addresses are congruent to the offset in the buffer', () => {
    const buffer = new ArrayBuffer(2 ** 17)
    for (const offset of [0, 1, 4095, 65_537]) {
      expect(Region.from(new Uint8Array(buffer, offset)).address % 65_536).toBe(offset % 65_536)
    }
  })
})

test('a user-written allocator over such a region gives no address to C either', () => {
  const region = Region.from(new ArrayBuffer(100))
  class First extends Allocator {
    constructor() {
      super(region)
    }
    override rawAlloc(): number {
      return region.address
    }
    override rawResize(): boolean {
      return true
    }
    override rawRemap(): number {
      return 0
    }
    override rawFree(): void {}
  }
  const a = new First().alloc(8)
  a.bytes[0] = 1
  expectCode('UNSUPPORTED', () => a.address)
})

test('the rest says that the addon is not built, and how it is', () => {
  const needs: readonly (() => unknown)[] = [
    () => Region.malloc(64),
    () => Region.pages(64),
    () => Region.shared(64),
    () => Region.borrow(4096, 64),
    () => new BumpAllocator(64),
    () => cAllocator.alloc(64),
    () => cAllocator.rawAlloc(64, 16),
    () => cAllocator.rawFree(4096, 64, 16),
    () => cAllocator.usableSize(4096),
    () => cAllocator.trim(),
    () => cAllocator.info(),
    () => rawCAllocator.alloc(64),
    () => pageAllocator.alloc(64),
    () => pageAllocator.pageSize,
  ]
  for (const need of needs) {
    const error = expectCode('LIBRARY_NOT_FOUND', need, String(need))
    expect(error.message).toMatch(/is not built: .*Build it: npm run build:native$/)
    expect(error.message).toContain('/nonexistent/offheap.node')
    expect(error.cause).toBeInstanceOf(Error)
  }
})

test('wrong input is still told as wrong input', () => {
  expectCode('INVALID_LAYOUT', () => Region.malloc(-1))
  expectCode('INVALID_LAYOUT', () => cAllocator.alloc(wrong('8')))
  expectCode('INVALID_ARGUMENT', () => Region.from(wrong(5)))
  expectCode('OUT_OF_MEMORY', () => nullAllocator.alloc(8))
})

test('owns never throws, though there is nobody to ask', () => {
  for (const allocator of [cAllocator, rawCAllocator, pageAllocator, nullAllocator]) {
    expect(allocator.owns(4096), allocator.name).toBe(false)
  }
})
