/** What callers do by mistake: each mistake is a coded error, and the allocator works on. */
import assert from 'node:assert/strict'
import { type Allocator, DoubleFreeError, UseAfterFreeError } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode } from '../support/errors.js'
import { Shadow } from '../support/shadow.js'
import { hasMemory, type Subject } from './subject.js'

/** Runs `attempts` with a block alive; neither it nor the figures may change. */
function unharmed(allocator: Allocator, subject: Subject, attempts: () => void): void {
  if (!hasMemory(subject)) return attempts()
  const shadow = new Shadow(allocator)
  const a = allocator.alloc(100, 8)
  shadow.addHandle(a)
  const { used } = allocator.stats()
  attempts()
  assert.equal(allocator.stats().used, used)
  shadow.check()
  a.free()
  allocator.alloc(8).free()
}

export function layouts(allocator: Allocator, subject: Subject): void {
  unharmed(allocator, subject, () => {
    for (const size of BAD_SIZES) {
      const about = `size ${shown(size)}`
      expectCode('INVALID_LAYOUT', () => allocator.alloc(wrong(size)), about)
      expectCode('INVALID_LAYOUT', () => allocator.tryAlloc(wrong(size)), about)
      expectCode('INVALID_LAYOUT', () => allocator.allocZeroed(wrong(size)), about)
      expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(wrong(size), 8), about)
    }
    for (const align of BAD_ALIGNS) {
      const about = `align ${shown(align)}`
      expectCode('INVALID_LAYOUT', () => allocator.alloc(16, wrong(align)), about)
      expectCode('INVALID_LAYOUT', () => allocator.tryAlloc(16, wrong(align)), about)
      expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(16, wrong(align)), about)
    }
  })
  if (!hasMemory(subject)) return
  const a = allocator.alloc(16, 8)
  for (const size of [...BAD_SIZES, undefined]) {
    const about = `new size ${shown(size)}`
    expectCode('INVALID_LAYOUT', () => a.resize(wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.realloc(a, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(a.ptr, 16, 8, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(a.ptr, 16, 8, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawFree(a.ptr, wrong(size), 8), about)
  }
  assert.equal(a.size, 16)
  a.free()
}

export function pointers(allocator: Allocator, subject: Subject): void {
  unharmed(allocator, subject, () => {
    for (const ptr of [...BAD_POINTERS, 0, 4096, 2 ** 47 - 4096, Number.MAX_SAFE_INTEGER]) {
      const about = `pointer ${shown(ptr)}`
      expectCode('INVALID_POINTER', () => allocator.rawFree(wrong(ptr), 8, 8), about)
      expectCode('INVALID_POINTER', () => allocator.rawResize(wrong(ptr), 8, 8, 4), about)
      expectCode('INVALID_POINTER', () => allocator.rawRemap(wrong(ptr), 8, 8, 16), about)
    }
    for (const handle of [undefined, null, 5, {}, 'a']) {
      expectAnyCode(() => allocator.free(wrong(handle)), shown(handle))
      expectAnyCode(() => allocator.realloc(wrong(handle), 8), shown(handle))
    }
  })
  if (!hasMemory(subject)) return
  const a = allocator.alloc(64, 8)
  expectCode(
    'INVALID_POINTER',
    () => allocator.rawFree(a.ptr + 1, 8, 8),
    'an address inside a block',
  )
  expectCode(
    'INVALID_POINTER',
    () => allocator.rawFree(a.ptr, 2 ** 40, 8),
    'a size larger than all',
  )
  a.free()
}

export function views(allocator: Allocator, subject: Subject): void {
  for (const ptr of [...BAD_POINTERS, 0, 4096, Number.MAX_SAFE_INTEGER]) {
    expectCode('INVALID_POINTER', () => allocator.view(wrong(ptr), 1), `pointer ${shown(ptr)}`)
  }
  if (!hasMemory(subject)) return
  const ptr = allocator.rawAlloc(64, 8)
  for (const size of [...BAD_SIZES, undefined]) {
    expectCode('INVALID_LAYOUT', () => allocator.view(ptr, wrong(size)), `size ${shown(size)}`)
  }
  expectCode('INVALID_POINTER', () => allocator.view(ptr, 2 ** 40))
  const view = allocator.view(ptr, 64)
  assert.equal(view.length, 64)
  view[63] = 99
  assert.equal(allocator.view(ptr, 64)[63], 99)
  assert.equal(allocator.view(ptr, 0).length, 0)
  allocator.rawFree(ptr, 64, 8)
}

export function owns(allocator: Allocator, subject: Subject): void {
  for (const ptr of [...BAD_POINTERS, 0, -0, 1, Number.MAX_SAFE_INTEGER]) {
    assert.equal(allocator.owns(wrong(ptr)), false, shown(ptr))
  }
  if (!hasMemory(subject)) return
  const a = allocator.alloc(64)
  assert.equal(allocator.owns(a.ptr), true)
  a.free()
}

export function doubleFree(allocator: Allocator): void {
  const a = allocator.alloc(64, 8)
  const b = allocator.alloc(64, 8)
  const { ptr } = a
  const { used } = allocator.stats()
  a.free()
  assert.equal(a.freed, true)
  assert(expectCode('DOUBLE_FREE', () => a.free()) instanceof DoubleFreeError)
  expectCode('DOUBLE_FREE', () => allocator.free(a))
  a[Symbol.dispose]()
  const uses: readonly (() => unknown)[] = [
    () => a.ptr,
    () => a.size,
    () => a.align,
    () => a.address,
    () => a.bytes,
    () => a.buffer,
    () => a.as(Uint8Array),
    () => a.resize(8),
    () => allocator.realloc(a, 8),
  ]
  for (const use of uses) assert(expectCode('USE_AFTER_FREE', use) instanceof UseAfterFreeError)
  assert.equal(allocator.stats().used, used - 64, 'freed once')
  assert.equal(b.bytes.length, 64)
  assert.notEqual(b.ptr, ptr)
  b.free()
}
