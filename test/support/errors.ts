/** Expecting errors of this library. */
import assert from 'node:assert/strict'
import { OffheapError } from '../../lib/index.js'
import type { ErrorName } from '../../lib/core/errors.js'

/** What `run` throws: it must be an OffheapError with this code. */
export function expectCode(name: ErrorName, run: () => unknown, about = ''): OffheapError {
  const error = whatIsThrown(run, `${about} nothing was thrown, not ERR_OFFHEAP_${name}`)
  assert(error instanceof OffheapError, `${about} threw an error without a code: ${String(error)}`)
  assert.equal(error.code, `ERR_OFFHEAP_${name}`, `${about} ${error.message}`)
  return error
}

/** The same, for calls that several things are wrong with. */
export function expectAnyCode(run: () => unknown, about = ''): OffheapError {
  const error = whatIsThrown(run, `${about} nothing was thrown`)
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
