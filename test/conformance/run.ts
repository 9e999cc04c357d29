/** Binds the suite to vitest. */
import { describe, expect, test } from 'vitest'
import type { Subject } from './subject.js'
import { checks } from './suite.js'

/** A test for each check that applies to the subject, with a fresh allocator. */
export function conformance(subject: Subject): void {
  describe(subject.name, () => {
    for (const { about, run, appliesTo } of checks) {
      if (!appliesTo(subject)) continue
      test(about, () => {
        using allocator = subject.make()
        const before = allocator.stats().used
        run(allocator, subject)
        expect(allocator.stats().used, 'bytes that the check left behind').toBe(before)
      })
    }
  })
}
