/** Random programs on BumpAllocator: small, large and odd memory, with checkpoints and resets. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BumpAllocator, Region } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { BumpMachine } from './bump-machine.js'
import { bumpPrograms, TOO_MUCH } from './program.js'

const OPTIONS = { numRuns: RUNS }
/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, ...TOO_MUCH]

describe('BumpAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over memory of any size at any offset', () => {
    const memory = fc.record({ capacity: fc.integer({ min: 1, max: 4000 }), odd: fc.nat(64) })
    const program = bumpPrograms({ maxSize: 300, maxAlign: 256, maxOps: 60, tooMuch })
    fc.assert(
      fc.property(memory, program, ({ capacity, odd }, ops) => {
        using allocator = new BumpAllocator(
          new Uint8Array(new ArrayBuffer(capacity + odd), odd, capacity),
        )
        new BumpMachine(allocator).run(ops)
      }),
      OPTIONS,
    )
  })

  test('over memory from malloc, large alignments included', () => {
    const program = bumpPrograms({ maxSize: 20_000, maxAlign: 2 ** 14, maxOps: 40, tooMuch })
    const region = Region.malloc(2 ** 17)
    fc.assert(
      fc.property(program, (ops) => {
        using allocator = new BumpAllocator(region)
        new BumpMachine(allocator).run(ops)
      }),
      OPTIONS,
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })
})
