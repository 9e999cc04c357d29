/** Random programs on PoolAllocator: blocks of any shape, memory at any offset, and growth. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { PoolAllocator } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { PoolMachine } from './pool-machine.js'
import { bumpPrograms, TOO_MUCH } from './program.js'

const OPTIONS = { numRuns: RUNS }
/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, ...TOO_MUCH]
const program = bumpPrograms({ maxSize: 150, maxAlign: 256, maxOps: 80, tooMuch })

const shapes = fc.record({
  size: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 200 })),
  align: fc.nat(7).map((bits) => 2 ** bits),
})
/** Around the 32 blocks that have their bits in one word. */
const counts = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 70 }))

describe('PoolAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('with a number of blocks', () => {
    fc.assert(
      fc.property(shapes, counts, program, ({ size, align }, most, ops) => {
        using pool = new PoolAllocator(size, most, { align })
        new PoolMachine(pool, { size, align, most }).run(ops)
      }),
      OPTIONS,
    )
  })

  test('over memory of any size at any offset', () => {
    const memory = fc.record({ spare: fc.nat(150), odd: fc.nat(130) })
    fc.assert(
      fc.property(
        shapes,
        counts,
        memory,
        program,
        ({ size, align }, count, { spare, odd }, ops) => {
          const stride = Math.ceil(Math.max(size, 8) / align) * align
          const length = count * stride + align - 1 + spare
          const view = new Uint8Array(new ArrayBuffer(length + odd), odd, length)
          using pool = new PoolAllocator(size, view, { align })
          const { address } = pool.region
          const start = Math.ceil(address / align) * align - address
          const most = Math.floor((length - start) / stride)
          new PoolMachine(pool, { size, align, most }).run(ops)
        },
      ),
      OPTIONS,
    )
  })

  test('growing', () => {
    fc.assert(
      fc.property(shapes, counts, fc.nat(100), program, ({ size, align }, count, more, ops) => {
        const growTo = count + more
        using pool = new PoolAllocator(size, count, { align, growTo })
        new PoolMachine(pool, { size, align, most: growTo }).run(ops)
      }),
      OPTIONS,
    )
  })
})
