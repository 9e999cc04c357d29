/** Random programs on the allocators in C, their bytes seen through views and past them. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { cAllocator, pageAllocator, rawCAllocator } from '../../lib/index.js'
import type { Allocator } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import type { Access } from '../support/shadow.js'
import { Machine } from './machine.js'
import { programs, type Range, TOO_MUCH } from './program.js'

const subjects: readonly (readonly [Allocator, Range])[] = [
  [cAllocator, { maxSize: 5000, maxAlign: 4096, maxOps: 40, tooMuch: TOO_MUCH }],
  [rawCAllocator, { maxSize: 5000, maxAlign: 16, maxOps: 40, tooMuch: TOO_MUCH }],
  [pageAllocator, { maxSize: 50_000, maxAlign: 4096, maxOps: 12, tooMuch: TOO_MUCH }],
]
const usedBefore = subjects.map(([allocator]) => allocator.stats().used)

describe.each(subjects)(
  '$name behaves as its model',
  { timeout: RUNS_TIMEOUT },
  (allocator, range) => {
    test.each<Access>(['view', 'past'])('raw blocks are reached by: %s', (access) => {
      fc.assert(
        fc.property(programs(range), (ops) => new Machine(allocator, access).run(ops)),
        { numRuns: RUNS },
      )
    })
  },
)

afterAll(() => {
  expect(subjects.map(([allocator]) => allocator.stats().used)).toEqual(usedBefore)
})
