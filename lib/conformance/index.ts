/**
 * offheap/conformance: what every allocator has to do, for whoever writes one. Say what yours is able
 * to do in a {@link Subject} and hand it to {@link checkConformance}, or bind {@link checks} to a test
 * runner, a test each. See docs/writing-an-allocator.md.
 */
import assert from 'node:assert/strict'
import { unexpected } from '../core/errors.js'
import { type Check, checks } from './checks.js'
import { assertSubject, type Subject } from './subject.js'

export { type Check, checks, type Subject }

/**
 * Holds an allocator to every check that applies to it, each with a fresh one. Throws at the first
 * check that fails, with an Error that names the subject and the check, and has what went wrong
 * as its `cause`; ERR_OFFHEAP_INVALID_ARGUMENT for what is no Subject. About a tenth of a second
 * for a fast allocator of 256 KiB.
 */
export function checkConformance(subject: Subject): void {
  assertSubject(subject, 'checkConformance')
  for (const check of checks) if (check.appliesTo(subject)) runCheck(check, subject)
}

/**
 * Runs one check, whether it applies or not: makes an allocator, holds it to the check, sees that no
 * bytes are left in use, and disposes it. Throws as {@link checkConformance} does.
 */
export function runCheck(check: Check, subject: Subject): void {
  assertSubject(subject, 'runCheck')
  if (typeof check?.run !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a Check', 'runCheck', check)
  }
  const failures: unknown[] = []
  const attempt = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      failures.push(error)
    }
  }
  attempt(() => {
    const allocator = subject.make()
    attempt(() => {
      const { used } = allocator.stats()
      check.run(allocator, subject)
      assert.equal(allocator.stats().used, used, 'bytes in use that the check did not leave')
    })
    allocator.dispose()
  })
  if (failures.length === 0) return
  const reasons = failures.map((error) => (error instanceof Error ? error.message : String(error)))
  throw new Error(`${subject.name}: ${check.about}: ${reasons.join('; then ')}`, {
    cause: failures[0],
  })
}
