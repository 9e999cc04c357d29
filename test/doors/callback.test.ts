/** Allocators that are written in TypeScript, called by C. */
import { beforeEach, expect, test } from 'vitest'
import { Allocator, cAllocator, type Pointer, refusedCalls } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { loadHolder } from './holder.js'

const c = loadHolder()

/** Passes on to the C heap; says what it was asked; does something odd on demand. */
class Spoken extends Allocator {
  readonly heard: string[] = []
  before: (operation: string) => void = () => {}

  private hear(operation: string, ...rest: number[]): void {
    this.heard.push([operation, ...rest].join(' '))
    this.before(operation)
  }

  override rawAlloc(size: number, align: number): Pointer {
    this.hear('alloc', size, align)
    return cAllocator.rawAlloc(size, align)
  }

  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    this.hear('resize', size, align, newSize)
    return cAllocator.rawResize(ptr, size, align, newSize)
  }

  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    this.hear('remap', size, align, newSize)
    return cAllocator.rawRemap(ptr, size, align, newSize)
  }

  override rawFree(ptr: Pointer, size: number, align: number): void {
    this.hear('free', size, align)
    cAllocator.rawFree(ptr, size, align)
  }
}

let mine: Spoken
beforeEach(() => {
  mine = new Spoken()
})

test('are told the sizes and alignments that C does not keep', () => {
  using v = mine.valloc
  const ptr = c.allocate(v, 100, 64, 5)
  expect(c.usableSize(v, ptr)).toBe(100)
  const moved = c.reallocate(v, ptr, 5000, 64)
  expect(c.usableSize(v, moved)).toBe(5000)
  expect(mine.view(Number(moved), 100).every((byte) => byte === 5)).toBe(true)
  c.release(v, moved)
  expect(mine.heard).toEqual(['alloc 100 64', 'remap 100 64 5000', 'free 5000 64'])
})

test('are asked to allocate and free where they cannot remap', () => {
  mine.rawRemap = () => 0
  using v = mine.valloc
  const ptr = c.allocate(v, 100, 16, 5)
  const moved = c.reallocate(v, ptr, 5000)
  expect(mine.view(Number(moved), 100).every((byte) => byte === 5)).toBe(true)
  c.release(v, moved)
  expect(mine.heard).toEqual(['alloc 100 16', 'alloc 5000 16', 'free 100 16', 'free 5000 16'])
})

test('that throw are out of memory for C, and the call is counted', () => {
  using v = mine.valloc
  const ptr = c.allocate(v, 100)
  const before = refusedCalls()
  mine.before = (operation) => {
    throw new Error(operation)
  }
  expect(c.allocate(v, 100)).toBe(0n)
  expect(c.reallocate(v, ptr, 200)).toBe(0n)
  c.release(v, ptr)
  mine.before = () => {}
  // Also: reallocate fell back to allocating.
  expect(refusedCalls() - before).toBe(4)
  expect(c.usableSize(v, ptr)).toBe(100)
  c.release(v, ptr)
  expect(cAllocator.owns(Number(ptr))).toBe(false)
})

test('work on their own thread only', () => {
  using v = mine.valloc
  const before = refusedCalls()
  expect(c.allocateInThread(v, 100)).toBe(0n)
  expect(refusedCalls() - before).toBe(1)
  expect(mine.heard).toEqual([])
})

test('are not asked about what they did not give', () => {
  using v = mine.valloc
  const foreign = cAllocator.alloc(64)
  const before = refusedCalls()
  c.release(v, foreign.address)
  expect(c.reallocate(v, foreign.address, 100)).toBe(0n)
  expect(c.usableSize(v, foreign.address)).toBe(0)
  expect(refusedCalls() - before).toBe(2)
  expect(mine.heard).toEqual([])
  foreign.free()
})

test('answer what is no address with out of memory', () => {
  using v = mine.valloc
  const answers = [-1, 1.5, Number.NaN, Infinity, 2 ** 60, '16', null, undefined, {}, 10n, true]
  for (const answer of answers) {
    mine.rawAlloc = () => answer as number
    expect(c.allocate(v, 0)).toBe(0n)
  }
})

test('may use C again while C calls them', () => {
  using v = mine.valloc
  const inner: bigint[] = []
  mine.before = () => {
    mine.before = () => {}
    inner.push(c.allocate(cAllocator.valloc, 300), c.allocate(v, 200))
  }
  const outer = c.allocate(v, 100)
  expect(c.usableSize(v, outer)).toBe(100)
  expect(c.usableSize(v, inner[1]!)).toBe(200)
  for (const ptr of [outer, inner[1]!]) c.release(v, ptr)
  c.release(cAllocator.valloc, inner[0]!)
  cAllocator.valloc.release()
})

test('cannot be disposed while C holds them', () => {
  const v = mine.valloc
  expectCode('PINNED', () => mine.dispose())
  v.release()
  mine.dispose()
  expectCode('DISPOSED', () => mine.valloc)
  expect(c.allocate(v, 16)).toBe(0n)
})
