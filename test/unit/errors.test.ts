/** Errors: stable codes, and messages that say what was expected, where, and what came. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  DoubleFreeError,
  Layout,
  nullAllocator,
  OffheapError,
  OutOfMemoryError,
  Region,
  UseAfterFreeError,
} from '../../lib/index.js'
import { describe as describeValue, type ErrorName } from '../../lib/core/errors.js'
import { wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode } from '../support/errors.js'

describe('error classes', () => {
  const cases: readonly (readonly [string, OffheapError, ErrorName])[] = [
    ['OffheapError', new OffheapError('PINNED', 'text'), 'PINNED'],
    ['OutOfMemoryError', new OutOfMemoryError('heap', 24, 8), 'OUT_OF_MEMORY'],
    ['UseAfterFreeError', new UseAfterFreeError('text'), 'USE_AFTER_FREE'],
    ['DoubleFreeError', new DoubleFreeError('text'), 'DOUBLE_FREE'],
  ]

  test.each(cases)('%s has its name and its code', (name, error, code) => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(OffheapError)
    expect(error).toMatchObject({ name, code: `ERR_OFFHEAP_${code}` })
    expect(error.stack).toContain(name)
  })

  test('out of memory says for how much and for whom', () => {
    const error = expectCode('OUT_OF_MEMORY', () => nullAllocator.alloc(24, 8))
    expect(error).toMatchObject({ size: 24, align: 8 })
    expect(error.message).toMatch(/nullAllocator.*24 bytes aligned to 8/)
  })

  test('the cause is kept', () => {
    const cause = new Error('below')
    expect(new OffheapError('UNSUPPORTED', 'text', { cause }).cause).toBe(cause)
  })
})

describe('the description of a value', () => {
  const hostile = {
    toString: () => expect.fail('toString was called'),
    toJSON: () => expect.fail('toJSON was called'),
    valueOf: () => expect.fail('valueOf was called'),
    [Symbol.toPrimitive]: () => expect.fail('toPrimitive was called'),
    get [Symbol.toStringTag]() {
      return expect.fail('toStringTag was read')
    },
  }
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()

  test('names the value and its type', () => {
    const values = [5, -0, NaN, 7n, 'text', true, undefined, null, Symbol('s'), () => 0, {}, []]
    expect(values.map(describeValue)).toEqual([
      '5 of type number',
      '-0 of type number',
      'NaN of type number',
      '7n of type bigint',
      '"text" of type string',
      'true of type boolean',
      'undefined',
      'null',
      'a symbol',
      'a function',
      'an object',
      'an object',
    ])
  })

  test('never calls into the value', () => {
    for (const value of [hostile, proxy, Object.create(null)]) {
      expect(describeValue(value)).toBe('an object')
      expectCode('INVALID_LAYOUT', () => new Layout(wrong(value)))
      expectCode('INVALID_POINTER', () => cAllocator.rawFree(wrong(value), 8, 8))
    }
  })

  test('is short, whatever the value', () => {
    const long = ['x'.repeat(10_000), '\u0000'.repeat(10_000), 10n ** 5000n, -(10n ** 5000n)]
    for (const value of long) expect(describeValue(value).length).toBeLessThan(300)
    fc.assert(fc.property(fc.anything(), (value) => describeValue(value).length < 300))
  })
})

describe('messages', () => {
  const bump = new BumpAllocator(new ArrayBuffer(64))
  const calls: readonly (readonly [string, () => unknown])[] = [
    ['Layout', () => new Layout(-1)],
    ['Layout', () => new Layout(8, 3)],
    ['count of Layout.array', () => Layout.array(Layout.u8, -1)],
    ['field a of Layout.struct', () => Layout.struct({ a: wrong(5) })],
    ['Region.malloc', () => Region.malloc(0)],
    ['Region.malloc', () => Region.malloc(8, { align: 3 })],
    ['guard of Region.pages', () => Region.pages(8, { guard: wrong(1) })],
    ['Region.pages', () => Region.pages(8, { name: 'a[b]' })],
    ['Region.shared', () => Region.shared(-1)],
    ['Region.from', () => Region.from(wrong('abc'))],
    ['Region.borrow', () => Region.borrow(0, 8)],
    ['free of Region.borrow', () => Region.borrow(4096, 8, { free: wrong(1) })],
    ['BumpAllocator', () => new BumpAllocator(wrong('abc'))],
    ['capacity of BumpAllocator', () => new BumpAllocator(0)],
    ['BumpAllocator.alloc', () => bump.alloc(-1)],
    ['BumpAllocator.free', () => bump.rawFree(NaN, 8, 8)],
    ['BumpAllocator.rewind', () => bump.rewind(wrong({}))],
    ['BumpAllocator.dupe', () => bump.dupe(wrong(5))],
    ['BumpAllocator.dupeZ', () => bump.dupeZ('a\0b')],
    ['BumpAllocator.realloc', () => bump.realloc(wrong({}), 8)],
    ['Allocation.as', () => bump.alloc(1).as(wrong(Object))],
    ['cAllocator.usableSize', () => cAllocator.usableSize(-1)],
  ]

  test.each(calls)('say what was expected for %s and what came', (where, call) => {
    const { message } = expectAnyCode(call)
    expect(message).toMatch(/^Expected .+ for .+ but received .+$/)
    expect(message).toContain(`${where} but received`)
  })

  test('about a pointer give it as C prints it, with the allocator', () => {
    expect(expectCode('INVALID_POINTER', () => cAllocator.rawFree(0xabc0, 8, 8)).message).toMatch(
      /^Expected a block of cAllocator for free, but 0xabc0 /,
    )
  })
})
