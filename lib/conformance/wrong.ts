/** What callers do by mistake: each mistake is a coded error, and the allocator works on. */
import assert from 'node:assert/strict'
import type { Allocator } from '../core/allocator.js'
import { DoubleFreeError, UseAfterFreeError } from '../core/errors.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from './bad-values.js'
import { freeNewestFirst } from './blocks.js'
import { expectAnyCode, expectCode, expectOneOf } from './expect.js'
import { Shadow } from './shadow.js'
import { hasMemory, isLifo, type Subject, upTo } from './subject.js'

/** Runs `attempts` with a block alive; neither it nor the figures may change. */
function unharmed(allocator: Allocator, subject: Subject, attempts: () => void): void {
  if (!hasMemory(subject)) return attempts()
  const shadow = new Shadow(allocator)
  shadow.addHandle(allocator.alloc(upTo(subject, 100), 8))
  const { used } = allocator.stats()
  attempts()
  assert.equal(allocator.stats().used, used)
  freeNewestFirst(shadow, shadow.blocks)
  allocator.alloc(upTo(subject, 8), 8).free()
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
  const length = upTo(subject, 16)
  const a = allocator.alloc(length, 8)
  const { ptr } = a
  for (const size of [...BAD_SIZES, undefined]) {
    const about = `size ${shown(size)}`
    expectCode('INVALID_LAYOUT', () => a.resize(wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.realloc(a, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(ptr, length, 8, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(ptr, length, 8, wrong(size)), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(ptr, wrong(size), 8, length), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(ptr, wrong(size), 8, length), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawFree(ptr, wrong(size), 8), about)
  }
  for (const align of [...BAD_ALIGNS, undefined]) {
    const about = `align ${shown(align)}`
    expectCode('INVALID_LAYOUT', () => allocator.rawResize(ptr, length, wrong(align), 1), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawRemap(ptr, length, wrong(align), 1), about)
    expectCode('INVALID_LAYOUT', () => allocator.rawFree(ptr, length, wrong(align)), about)
  }
  assert.equal(a.size, length)
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
  const a = allocator.alloc(upTo(subject, 64), 8)
  const inside = (): void => allocator.rawFree(a.ptr + 1, 8, 8)
  const refused = isLifo(subject)
    ? (['INVALID_POINTER', 'OUT_OF_ORDER'] as const)
    : (['INVALID_POINTER'] as const)
  expectOneOf(refused, inside, 'an address inside a block')
  const all = (): void => allocator.rawFree(a.ptr, 2 ** 40, 8)
  expectCode('INVALID_POINTER', all, 'a size larger than all')
  a.free()
}

export function views(allocator: Allocator, subject: Subject): void {
  for (const ptr of [...BAD_POINTERS, 0, 4096, Number.MAX_SAFE_INTEGER]) {
    expectCode('INVALID_POINTER', () => allocator.view(wrong(ptr), 1), `pointer ${shown(ptr)}`)
  }
  if (!hasMemory(subject)) return
  const length = upTo(subject, 64)
  const ptr = allocator.rawAlloc(length, 8)
  for (const size of [...BAD_SIZES, undefined]) {
    expectCode('INVALID_LAYOUT', () => allocator.view(ptr, wrong(size)), `size ${shown(size)}`)
  }
  expectCode('INVALID_POINTER', () => allocator.view(ptr, 2 ** 40))
  const view = allocator.view(ptr, length)
  assert.equal(view.length, length)
  view[length - 1] = 99
  assert.equal(allocator.view(ptr, length)[length - 1], 99)
  assert.equal(allocator.view(ptr, 0).length, 0)
  allocator.rawFree(ptr, length, 8)
}

export function owns(allocator: Allocator, subject: Subject): void {
  for (const ptr of [...BAD_POINTERS, 0, -0, 1, Number.MAX_SAFE_INTEGER]) {
    assert.equal(allocator.owns(wrong(ptr)), false, shown(ptr))
  }
  if (!hasMemory(subject)) return
  const a = allocator.alloc(upTo(subject, 64))
  assert.equal(allocator.owns(a.ptr), true)
  a.free()
}

/** Of handles; what raw operations find is in found.ts. */
export function handlesFreedOnce(allocator: Allocator, subject: Subject): void {
  const length = upTo(subject, 64)
  const older = allocator.alloc(length, 8)
  const newer = allocator.alloc(length, 8)
  const [a, b] = isLifo(subject) ? [newer, older] : [older, newer]
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
  assert.equal(allocator.stats().used, used - length, 'freed once')
  assert.equal(b.bytes.length, length)
  assert.notEqual(b.ptr, ptr)
  b.free()
}
