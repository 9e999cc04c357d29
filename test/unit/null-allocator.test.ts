/** nullAllocator: a default for "no allocator given". */
import { expect, test } from 'vitest'
import { BumpAllocator, cAllocator, NullAllocator, nullAllocator } from '../../lib/index.js'
import { BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

test('isNull knows it, and nothing else', () => {
  expect(nullAllocator.isNull(nullAllocator)).toBe(true)
  expect(nullAllocator.isNull(new NullAllocator())).toBe(true)
  for (const other of [cAllocator, new BumpAllocator(8), undefined, null, 0, {}, NullAllocator]) {
    expect(nullAllocator.isNull(other)).toBe(false)
  }
})

test('it has no memory, not even for nothing', () => {
  expect(nullAllocator.rawAlloc(0, 1)).toBe(0)
  expect(nullAllocator.tryAlloc(1)).toBeNull()
  expectCode('OUT_OF_MEMORY', () => nullAllocator.dupe(''))
  expectCode('OUT_OF_MEMORY', () => nullAllocator.dupeZ('text'))
})

test('blocks of others are not its own', () => {
  using a = cAllocator.alloc(8)
  expectCode('INVALID_POINTER', () => nullAllocator.free(a))
  expectCode('INVALID_POINTER', () => nullAllocator.realloc(a, 16))
  expectCode('INVALID_POINTER', () => nullAllocator.rawFree(a.ptr, 8, 16))
  expectCode('INVALID_POINTER', () => nullAllocator.view(a.ptr, 8))
  expect(a.freed).toBe(false)
})

test('new sizes are checked before it says that it has no such block', () => {
  for (const size of BAD_SIZES) {
    expectCode(
      'INVALID_LAYOUT',
      () => nullAllocator.rawResize(4096, 8, 8, wrong(size)),
      shown(size),
    )
    expectCode('INVALID_LAYOUT', () => nullAllocator.rawRemap(4096, 8, 8, wrong(size)), shown(size))
  }
})

test('it is never over', () => {
  nullAllocator.dispose()
  expectCode('OUT_OF_MEMORY', () => nullAllocator.alloc(1))
})
