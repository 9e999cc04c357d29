/** Expecting errors of this library. */
import assert from 'node:assert/strict'
import { type ErrorName, OffheapError } from '../core/errors.js'

/** What `run` throws: it must be an OffheapError with this code. */
export function expectCode(name: ErrorName, run: () => unknown, about = ''): OffheapError {
  return expectOneOf([name], run, about)
}

/** The same, where more than one code is right. */
export function expectOneOf(
  names: readonly ErrorName[],
  run: () => unknown,
  about = '',
): OffheapError {
  const codes = names.map((name) => `ERR_OFFHEAP_${name}`)
  const expected = codes.join(' or ')
  const error = coded(whatIsThrown(run, `${about} nothing was thrown, not ${expected}`), about)
  assert(codes.includes(error.code), `${about} ${error.code}, not ${expected}: ${error.message}`)
  return error
}

/** The same, for calls that several things are wrong with. */
export function expectAnyCode(run: () => unknown, about = ''): OffheapError {
  return coded(whatIsThrown(run, `${about} nothing was thrown`), about)
}

function coded(error: unknown, about: string): OffheapError {
  assert(error instanceof OffheapError, `${about} threw an error without a code: ${String(error)}`)
  return error
}

function whatIsThrown(run: () => unknown, otherwise: string): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return assert.fail(otherwise)
}
