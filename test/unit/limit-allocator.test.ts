/** LimitAllocator: a quota that is exact whatever happens to the blocks. */
import { describe, expect, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  FailingAllocator,
  LimitAllocator,
  LoggingAllocator,
  nullAllocator,
  OutOfMemoryError,
} from '../../lib/index.js'
import { BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

test('grants its bytes to the last one, and not one more', () => {
  const allocator = new LimitAllocator(cAllocator, 100)
  const a = allocator.alloc(60)
  expect([allocator.limit, allocator.remaining]).toEqual([100, 40])
  expect(allocator.rawAlloc(41, 1)).toBe(0)
  expect(allocator.tryAlloc(41)).toBeNull()
  const error = expectCode('OUT_OF_MEMORY', () => allocator.alloc(41, 8))
  expect(error).toBeInstanceOf(OutOfMemoryError)
  expect(error).toMatchObject({ size: 41, align: 8 })
  const b = allocator.alloc(40)
  expect(allocator.remaining).toBe(0)
  expect(allocator.tryAlloc(0)).toBeNull()
  a.free()
  expect(allocator.remaining).toBe(60)
  b.free()
  expect(allocator.remaining).toBe(100)
})

test('an empty block counts as one byte, through every change', () => {
  const allocator = new LimitAllocator(cAllocator, 3)
  const [a, b, c] = [allocator.alloc(0), allocator.alloc(0), allocator.alloc(1)]
  expect([allocator.remaining, allocator.stats().used]).toEqual([0, 3])
  expect(allocator.tryAlloc(0)).toBeNull()
  expect(a.resize(1)).toBe(true)
  expect(allocator.remaining).toBe(0)
  expect(a.resize(2)).toBe(false)
  expect(c.resize(0)).toBe(true)
  expect(allocator.remaining).toBe(0)
  for (const one of [a, b, c]) one.free()
  expect(allocator.remaining).toBe(3)
})

test('a quota of 0 grants nothing', () => {
  const allocator = new LimitAllocator(cAllocator, 0)
  expect([allocator.rawAlloc(0, 1), allocator.rawAlloc(1, 1)]).toEqual([0, 0])
})

test('resizes and remaps take from it and give back', () => {
  const allocator = new LimitAllocator(new BumpAllocator(1000), 100)
  const ptr = allocator.rawAlloc(50, 1)
  expect(allocator.rawResize(ptr, 50, 1, 101)).toBe(false)
  expect(allocator.rawRemap(ptr, 50, 1, 101)).toBe(0)
  expect(allocator.remaining).toBe(50)
  expect(allocator.rawResize(ptr, 50, 1, 100)).toBe(true)
  expect(allocator.remaining).toBe(0)
  expect(allocator.rawRemap(ptr, 100, 1, 30)).toBe(ptr)
  expect(allocator.remaining).toBe(70)
  expect(allocator.rawRemap(ptr, 30, 1, 90)).toBe(ptr)
  expect(allocator.stats()).toMatchObject({ used: 90, peak: 100 })
  allocator.rawFree(ptr, 90, 1)
  expect(allocator.remaining).toBe(100)
})

test('a growth that the quota refuses is not asked for', () => {
  const inner = new PassingAllocator(cAllocator)
  const allocator = new LimitAllocator(inner, 100)
  const a = allocator.alloc(50)
  expect(a.resize(200)).toBe(false)
  expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 200))
  expect(inner.calls).toMatchObject({ alloc: 1, resize: 0, remap: 0 })
  expect([a.size, allocator.remaining]).toEqual([50, 50])
  a.free()
})

test('a realloc that has to copy needs room for both blocks', () => {
  const inner = new FailingAllocator(cAllocator, { resizeFailIndex: 0 })
  const allocator = new LimitAllocator(inner, 100)
  const a = allocator.alloc(40)
  expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 61))
  expect([a.size, allocator.remaining]).toEqual([40, 60])
  allocator.realloc(a, 60)
  expect(allocator.stats()).toMatchObject({ used: 60, peak: 100 })
  a.free()
})

describe('what the inner allocator refuses is given back', () => {
  test('an allocation', () => {
    const allocator = new LimitAllocator(nullAllocator, 100)
    expect(allocator.rawAlloc(50, 1)).toBe(0)
    expect(allocator.remaining).toBe(100)
    expect(allocator.stats().peak).toBe(0)
  })

  test('a growth', () => {
    const allocator = new LimitAllocator(new BumpAllocator(100), 1000)
    const a = allocator.alloc(60, 1)
    expect(a.resize(101)).toBe(false)
    expect(allocator.rawRemap(a.ptr, 60, 1, 101)).toBe(0)
    expect(allocator.remaining).toBe(940)
    expect(allocator.stats().peak).toBe(60)
  })

  test('a shrinkage', () => {
    const inner = new FailingAllocator(cAllocator, { resizeFailIndex: 0 })
    const allocator = new LimitAllocator(inner, 100)
    const a = allocator.alloc(60)
    expect(a.resize(10)).toBe(false)
    expect(allocator.rawRemap(a.ptr, 60, 16, 10)).toBe(0)
    expect(allocator.remaining).toBe(40)
    a.free()
  })

  test('whatever it throws', () => {
    const inner = new (class extends PassingAllocator {
      broken = false
      override rawAlloc(size: number, align: number): number {
        if (this.broken) throw new Error('broken')
        return super.rawAlloc(size, align)
      }
      override rawResize(): boolean {
        throw new Error('broken')
      }
      override rawRemap(): number {
        throw new Error('broken')
      }
    })(cAllocator)
    const allocator = new LimitAllocator(inner, 100)
    const a = allocator.alloc(60)
    inner.broken = true
    expect(() => allocator.rawAlloc(10, 1)).toThrow('broken')
    for (const size of [10, 100]) {
      expect(() => a.resize(size)).toThrow('broken')
      expect(() => allocator.rawRemap(a.ptr, 60, 16, size)).toThrow('broken')
    }
    expect(allocator.remaining).toBe(40)
    expectCode('INVALID_POINTER', () => allocator.rawFree(4096, 8, 8))
    expect(allocator.remaining).toBe(40)
    a.free()
  })
})

test('holds also when the inner allocator comes back for more', () => {
  const nested: number[] = []
  const logging = new LoggingAllocator(cAllocator, () => nested.push(allocator.rawAlloc(40, 1)))
  const allocator: LimitAllocator = new LimitAllocator(logging, 100)
  const ptr = allocator.rawAlloc(70, 1)
  expect([ptr === 0, nested, allocator.remaining]).toEqual([false, [0], 30])
})

test('two quotas over one bump share its memory', () => {
  const bump = new BumpAllocator(150)
  const [a, b] = [new LimitAllocator(bump, 100), new LimitAllocator(bump, 100)]
  a.alloc(100, 1)
  expect(b.tryAlloc(51, 1)).toBeNull()
  expect(b.remaining).toBe(100)
  b.alloc(50, 1)
  expect([a.stats().capacity, new LimitAllocator(bump, 200).stats().capacity]).toEqual([100, 150])
})

test('arguments are looked at where the inner allocator is not asked', () => {
  const allocator = new LimitAllocator(cAllocator, 10)
  for (const size of BAD_SIZES) {
    expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(wrong(size), 8), shown(size))
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(4096, 8, 8, wrong(size)), shown(size))
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(4096, wrong(size), 8, 80), shown(size))
  }
  expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(1000, 3))
  expectCode('INVALID_POINTER', () => allocator.rawResize(-1, 8, 8, 1000))
  expect(allocator.remaining).toBe(10)
})

test('the quota is a size', () => {
  for (const bytes of [...BAD_SIZES, undefined]) {
    const make = (): unknown => new LimitAllocator(cAllocator, wrong(bytes))
    expectCode('INVALID_ARGUMENT', make, shown(bytes))
  }
  expect(new LimitAllocator(cAllocator, Number.MAX_SAFE_INTEGER).remaining).toBe(2 ** 53 - 1)
})

test('blocks of the inner allocator that are freed here add nothing to the quota', () => {
  const allocator = new LimitAllocator(cAllocator, 100)
  allocator.rawFree(cAllocator.rawAlloc(50, 16), 50, 16)
  expect(allocator.remaining).toBe(100)
})
