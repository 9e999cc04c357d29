/** Binds the suite to vitest. */
import { describe, test } from 'vitest'
import { checks, runCheck, type Subject } from '../../lib/conformance/index.js'

/** A test for each check that applies to the subject, with a fresh allocator. */
export function conformance(subject: Subject): void {
  describe(subject.name, () => {
    const asked = checks.filter((check) => check.appliesTo(subject))
    test.each(asked.map((check) => [check.about, check] as const))('%s', (_, check) =>
      runCheck(check, subject),
    )
  })
}
