/** realloc and resize: what is kept, what moves, and what a failure leaves behind. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  BumpAllocator,
  cAllocator,
  Layout,
  pageAllocator,
  rawCAllocator,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

const numbered = (a: Allocation): Allocation => {
  a.bytes.forEach((_, i) => (a.bytes[i] = i & 0xff))
  return a
}

const isNumbered = (a: Allocation, upTo: number): boolean =>
  a.bytes.subarray(0, upTo).every((byte, i) => byte === (i & 0xff))

describe.each([
  ['cAllocator', () => cAllocator],
  ['rawCAllocator', () => rawCAllocator],
  ['pageAllocator', () => pageAllocator],
  ['BumpAllocator', () => new BumpAllocator(2 ** 21)],
  ['a user-written allocator', () => new PassingAllocator(cAllocator)],
] as const)('realloc of %s', (_, make) => {
  test('up, down and to the same size keeps the bytes and the handle', () => {
    const allocator = make()
    const a = numbered(allocator.alloc(1000, 8))
    let kept = 1000
    for (const size of [1000, 5000, 300_000, 300_001, 100, 99, 50_000]) {
      kept = Math.min(kept, size)
      expect(allocator.realloc(a, size)).toBe(a)
      expect([a.size, a.align, a.freed]).toEqual([size, 8, false])
      expect(a.ptr % 8).toBe(0)
      expect(isNumbered(a, kept), `${kept} bytes after realloc to ${size}`).toBe(true)
    }
    a.free()
  })

  test('keeps bytes that were written past the handle, before it made a view', () => {
    const allocator = make()
    const a = allocator.alloc(64)
    allocator.view(a.ptr, 64).set([3, 1, 4, 1, 5])
    allocator.realloc(a, 100_000)
    expect([...a.bytes.subarray(0, 5)]).toEqual([3, 1, 4, 1, 5])
    a.free()
  })

  test('that fails throws, and the block is as it was', () => {
    const allocator = make()
    const a = numbered(allocator.alloc(500))
    const { ptr, bytes } = a
    const { used } = allocator.stats()
    expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 2 ** 50))
    expectCode('INVALID_LAYOUT', () => allocator.realloc(a, -1))
    expectCode('INVALID_LAYOUT', () => allocator.realloc(a, wrong('100')))
    expect(a.resize(2 ** 50)).toBe(false)
    expectCode('INVALID_LAYOUT', () => a.resize(0.5))
    expect([a.ptr, a.size, a.freed]).toEqual([ptr, 500, false])
    expect(a.bytes).toBe(bytes)
    expect(isNumbered(a, 500)).toBe(true)
    expect(allocator.stats().used).toBe(used)
    a.free()
  })
})

describe('alignment', () => {
  test('grows with a Layout that wants more, and never falls', () => {
    const a = numbered(cAllocator.alloc(100, 8))
    cAllocator.realloc(a, new Layout(200, 4096))
    expect([a.size, a.align, a.ptr % 4096]).toEqual([200, 4096, 0])
    cAllocator.realloc(a, new Layout(50, 1))
    expect(a.align).toBe(4096)
    cAllocator.realloc(a, 20_000)
    expect([a.align, a.ptr % 4096]).toEqual([4096, 0])
    expect(isNumbered(a, 50)).toBe(true)
    a.free()
  })

  test('of a block that keeps its size: its bytes are those of the new place', () => {
    const bump = new BumpAllocator(4096)
    bump.alloc(1, 1)
    const a = numbered(bump.alloc(100, 1))
    const old = a.bytes
    bump.realloc(a, new Layout(100, 64))
    expect(a.ptr % 64).toBe(0)
    old.fill(0xee)
    expect(isNumbered(a, 100)).toBe(true)
  })

  test('that the allocator does not have leaves the block as it was', () => {
    const a = numbered(rawCAllocator.alloc(100, 8))
    expectCode('OUT_OF_MEMORY', () => rawCAllocator.realloc(a, new Layout(100, 64)))
    expect([a.size, a.align]).toEqual([100, 8])
    a.free()
  })
})

describe('the way a block takes', () => {
  test('is resize, else remap, else allocate, copy and free', () => {
    const inner = new BumpAllocator(4096)
    const allocator = new PassingAllocator(inner)
    const a = numbered(allocator.alloc(100, 1))
    allocator.realloc(a, 200)
    expect(allocator.calls).toEqual({ alloc: 1, resize: 1, remap: 0, free: 0 })
    allocator.alloc(1, 1)
    allocator.realloc(a, 400)
    expect(allocator.calls).toEqual({ alloc: 3, resize: 2, remap: 1, free: 1 })
    expect(isNumbered(a, 100)).toBe(true)
  })

  test('does not free the old block before the new one is there', () => {
    const allocator = new PassingAllocator(new BumpAllocator(150))
    const a = allocator.alloc(50, 1)
    const b = allocator.alloc(50, 1)
    expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 60))
    expect(allocator.calls.free).toBe(0)
    expect([a.freed, b.freed]).toEqual([false, false])
  })

  test('does not lose the new block when the bytes cannot be copied', () => {
    // Nobody can show the bytes of a block inside another one, so the copy fails.
    let live = 0
    class Offset extends PassingAllocator {
      override rawAlloc(size: number, align: number): number {
        live++
        return super.rawAlloc(size + 16, align) + 16
      }

      override rawResize(): boolean {
        return false
      }

      override rawRemap(): number {
        return 0
      }

      override rawFree(ptr: number, size: number, align: number): void {
        live--
        super.rawFree(ptr - 16, size + 16, align)
      }
    }
    const allocator = new Offset(cAllocator, null)
    const a = allocator.alloc(64)
    expectCode('UNSUPPORTED', () => allocator.realloc(a, 128))
    expect(live, 'live blocks after the failed realloc').toBe(1)
    expect([a.size, a.freed]).toEqual([64, false])
    a.free()
    expect(live).toBe(0)
  })
})
