/** Random programs on the collected heap, their bytes seen through views and past them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GcAllocator } from '../../lib/index.js'
import { gcToTest } from '../support/gc.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import type { Access } from '../support/shadow.js'
import { Machine } from './machine.js'
import { programs, TOO_MUCH } from './program.js'

const range = { maxSize: 5000, maxAlign: 4096, maxOps: 40, tooMuch: TOO_MUCH }

describe.skipIf(!gcToTest)(
  'GcAllocator (libgc) behaves as its model',
  { timeout: RUNS_TIMEOUT },
  () => {
    test.each<Access>(['view', 'past'])('raw blocks are reached by: %s', (access) => {
      const allocator = new GcAllocator()
      fc.assert(
        fc.property(programs(range), fc.boolean(), (ops, collects) => {
          new Machine(allocator, access).run(ops)
          if (collects) allocator.collect()
        }),
        { numRuns: RUNS },
      )
      expect(allocator.stats().used).toBe(0)
    })
  },
)
