/** Random programs on StackAllocator: small, large and odd memory, with pops, resets and overruns. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Region, StackAllocator } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { bumpPrograms, TOO_MUCH } from './program.js'
import { StackMachine } from './stack-machine.js'

const OPTIONS = { numRuns: RUNS }
/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, ...TOO_MUCH]

describe('StackAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over memory of any size at any offset', () => {
    const memory = fc.record({ capacity: fc.integer({ min: 1, max: 4000 }), odd: fc.nat(64) })
    const program = bumpPrograms({ maxSize: 300, maxAlign: 256, maxOps: 60, tooMuch })
    fc.assert(
      fc.property(memory, program, ({ capacity, odd }, ops) => {
        using stack = new StackAllocator(
          new Uint8Array(new ArrayBuffer(capacity + odd), odd, capacity),
        )
        new StackMachine(stack).run(ops)
      }),
      OPTIONS,
    )
  })

  test('over memory from malloc, large alignments included', () => {
    const program = bumpPrograms({ maxSize: 20_000, maxAlign: 2 ** 14, maxOps: 40, tooMuch })
    const region = Region.malloc(2 ** 17)
    fc.assert(
      fc.property(program, (ops) => {
        using stack = new StackAllocator(region)
        new StackMachine(stack).run(ops)
      }),
      OPTIONS,
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })

  test('beyond 2^31, above a block that is never touched', () => {
    const program = bumpPrograms({ maxSize: 300, maxAlign: 256, maxOps: 60, tooMuch: TOO_MUCH })
    using region = Region.pages(2 ** 31 + 2 ** 20)
    fc.assert(
      fc.property(fc.nat(64), program, (odd, ops) => {
        const floor = 2 ** 31 - 2000 + odd
        using stack = new StackAllocator(region)
        stack.rawAlloc(floor, 1)
        new StackMachine(stack, floor).run(ops)
      }),
      OPTIONS,
    )
  })
})
