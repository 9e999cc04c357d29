/** Addresses where they enter: numbers inside, bigints at the edge. */
import { expect, test } from 'vitest'
import { checkPointer, toPointer } from '../../lib/core/pointer.js'
import { BAD_POINTERS, shown } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const MAX = Number.MAX_SAFE_INTEGER

test('every safe integer that is not negative is an address', () => {
  for (const value of [0, 1, 2 ** 31, 2 ** 32, 2 ** 47, MAX]) {
    expect(checkPointer(value, 'here')).toBe(value)
    expect(toPointer(value, 'here')).toBe(value)
    expect(toPointer(BigInt(value), 'here')).toBe(value)
  }
})

test.each(BAD_POINTERS.map((value) => [shown(value), value]))('%s is none', (_, value) => {
  expectCode('INVALID_POINTER', () => checkPointer(value, 'here'))
  if (typeof value !== 'bigint') expectCode('INVALID_POINTER', () => toPointer(value, 'here'))
})

test('a bigint is never rounded', () => {
  for (const value of [-1n, BigInt(MAX) + 1n, 2n ** 64n - 1n]) {
    const error = expectCode('INVALID_POINTER', () => toPointer(value, 'my function'))
    expect(error.message).toContain('my function')
    expect(error.message).toContain(String(value))
  }
})
