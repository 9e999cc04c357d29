/** FailingAllocator: fails from an index on, as Zig's does. */
import { expect, test } from 'vitest'
import { BumpAllocator, cAllocator, FailingAllocator, nullAllocator } from '../../lib/index.js'
import { BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { collectGarbage } from '../support/memory.js'

const sizesThatAreNoIndex = BAD_SIZES.filter((size) => size !== Infinity)

test('never fails unless it is told to', () => {
  const allocator = new FailingAllocator(cAllocator)
  for (let i = 0; i < 100; i++) allocator.alloc(10).free()
  expect([allocator.failIndex, allocator.resizeFailIndex]).toEqual([Infinity, Infinity])
  expect(allocator.allocIndex).toBe(100)
  expect([allocator.hasInducedFailure, allocator.failureStack]).toEqual([false, null])
})

test('serves as many allocations as its index says, and none after', () => {
  const allocator = new FailingAllocator(cAllocator, { failIndex: 2 })
  const [a, b] = [allocator.alloc(1), allocator.alloc(2)]
  expect(allocator.hasInducedFailure).toBe(false)
  expectCode('OUT_OF_MEMORY', () => allocator.alloc(3))
  expect(allocator.rawAlloc(4, 1)).toBe(0)
  expect(allocator.hasInducedFailure).toBe(true)
  a.free()
  expect(allocator.tryAlloc(1), 'a free makes no room').toBeNull()
  b.free()
  expect([allocator.allocIndex, allocator.allocations, allocator.deallocations]).toEqual([2, 2, 2])
  expect([allocator.allocatedBytes, allocator.freedBytes]).toEqual([3, 3])
})

test('an index of 0 fails at once', () => {
  const allocator = new FailingAllocator(cAllocator, { failIndex: 0 })
  expect(allocator.rawAlloc(0, 1)).toBe(0)
  expect(allocator.hasInducedFailure).toBe(true)
})

test('memory that is really out is no induced failure, and no allocation', () => {
  const allocator = new FailingAllocator(nullAllocator, { failIndex: 1 })
  expect([allocator.rawAlloc(8, 8), allocator.rawAlloc(8, 8)]).toEqual([0, 0])
  expect([allocator.allocIndex, allocator.hasInducedFailure]).toEqual([0, false])
})

test('resizes and remaps have an index of their own, in common', () => {
  const allocator = new FailingAllocator(new BumpAllocator(1000), { resizeFailIndex: 2 })
  const a = allocator.alloc(100, 1)
  expect(a.resize(5000), 'what is refused anyway does not count').toBe(false)
  expect(a.resize(40)).toBe(true)
  expect(allocator.rawRemap(a.ptr, 40, 1, 60)).toBe(a.ptr)
  expect(allocator.resizeIndex).toBe(2)
  expect(allocator.rawResize(a.ptr, 60, 1, 40)).toBe(false)
  expect(allocator.rawRemap(a.ptr, 60, 1, 70)).toBe(0)
  expect([allocator.resizeIndex, allocator.hasInducedFailure]).toEqual([2, false])
  expect([allocator.allocatedBytes, allocator.freedBytes]).toEqual([120, 60])
  allocator.rawFree(a.ptr, 60, 1)
  expect([allocator.allocatedBytes, allocator.freedBytes]).toEqual([120, 120])
})

test('a realloc with refused resizes allocates, copies and frees', () => {
  const allocator = new FailingAllocator(cAllocator, { resizeFailIndex: 0, failIndex: 2 })
  const a = allocator.dupe('text')
  allocator.realloc(a, 8)
  expect(a.buffer.toString('latin1', 0, 4)).toBe('text')
  expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, 16))
  expect([a.size, a.buffer.toString('latin1', 0, 4)]).toEqual([8, 'text'])
  a.free()
  expect([allocator.allocations, allocator.deallocations]).toEqual([2, 2])
})

test('what is wrong is told also where it fails', () => {
  const allocator = new FailingAllocator(cAllocator, { failIndex: 0, resizeFailIndex: 0 })
  for (const size of BAD_SIZES) {
    expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(wrong(size), 8), shown(size))
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(4096, 8, 8, wrong(size)), shown(size))
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(4096, wrong(size), 8, 8), shown(size))
    expectCode('INVALID_POINTER', () => allocator.rawRemap(wrong(size), 8, 8, 8), shown(size))
  }
  expect(allocator.hasInducedFailure).toBe(false)
  expectCode('INVALID_POINTER', () => allocator.rawFree(4096, 8, 8))
  expect([allocator.deallocations, allocator.freedBytes]).toEqual([0, 0])
})

test('the stack is that of the first failure, and has no frame of the operation itself', () => {
  const allocator = new FailingAllocator(cAllocator, { failIndex: 0 })
  function firstToFail(): void {
    allocator.tryAlloc(8)
  }
  function secondToFail(): void {
    allocator.tryAlloc(8)
  }
  firstToFail()
  secondToFail()
  const stack = allocator.failureStack!
  expect(stack).toContain('firstToFail')
  expect(stack).toContain('failing-allocator.test.ts')
  expect(stack).not.toContain('secondToFail')
  expect(stack).not.toContain('rawAlloc')
  expect(stack.split('\n').every((line) => /^ {4}at /.test(line))).toBe(true)
})

test('the stack is text that keeps nothing alive', async () => {
  const allocator = new FailingAllocator(cAllocator, { failIndex: 0 })
  class Held {
    readonly big = new Uint8Array(1000)
    fail(): void {
      allocator.tryAlloc(8)
    }
  }
  const ref = (() => {
    const held = new Held()
    held.fail()
    return new WeakRef(held)
  })()
  await collectGarbage()
  expect(ref.deref()).toBeUndefined()
  expect(typeof allocator.failureStack).toBe('string')
})

test('works where stacks are switched off, or made into something else', () => {
  const { stackTraceLimit, prepareStackTrace } = Error
  try {
    Error.stackTraceLimit = 0
    const none = new FailingAllocator(cAllocator, { failIndex: 0 })
    none.tryAlloc(8)
    Error.stackTraceLimit = 10
    Error.prepareStackTrace = (_error, frames) => frames
    const frames = new FailingAllocator(cAllocator, { failIndex: 0 })
    frames.tryAlloc(8)
    expect([none.failureStack, frames.failureStack]).toEqual(['', ''])
    expect([none.hasInducedFailure, frames.hasInducedFailure]).toEqual([true, true])
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    Error.prepareStackTrace = prepareStackTrace
  }
})

test('options are looked at', () => {
  for (const options of [null, 5, 'failIndex', Symbol('o'), 5n, true]) {
    const make = (): unknown => new FailingAllocator(cAllocator, wrong(options))
    expectCode('INVALID_ARGUMENT', make, shown(options))
  }
  for (const option of ['failIndex', 'resizeFailIndex']) {
    for (const index of sizesThatAreNoIndex) {
      const make = (): unknown => new FailingAllocator(cAllocator, wrong({ [option]: index }))
      expect(expectCode('INVALID_ARGUMENT', make, shown(index)).message).toContain(option)
    }
  }
  const all = { failIndex: undefined, resizeFailIndex: Infinity }
  expect(new FailingAllocator(cAllocator, all).failIndex).toBe(Infinity)
})
