/** Random programs on ArenaAllocator, with checkpoints and resets, over parents of every temper. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Allocator, ArenaAllocator, BumpAllocator, cAllocator } from '../../lib/index.js'
import { MoodyAllocator } from '../support/moody.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { ArenaMachine } from './arena-machine.js'
import { bumpPrograms, type Op, TOO_MUCH } from './program.js'

const OPTIONS = { numRuns: RUNS }
/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, ...TOO_MUCH]
const program = bumpPrograms({ maxSize: 2000, maxAlign: 512, maxOps: 60, tooMuch })

/** A parent that allows 2 GiB would be given its time; this one never has so much. */
const sane = (_: string, size: number): boolean => size < 2 ** 24

/** Runs a program; whatever it did, the parent has back what it gave. */
function run(arena: ArenaAllocator, willing: boolean, ops: readonly Op[]): void {
  const { parent } = arena
  const before = parent.stats().used
  new ArenaMachine(arena, willing).run(ops)
  arena.dispose()
  expect(parent.stats().used, 'bytes that the parent did not get back').toBe(before)
}

/** Counts what goes through it, as the machine compares that with what the arena holds. */
class Counting extends MoodyAllocator {
  private live = 0

  override rawAlloc(size: number, align: number): number {
    const ptr = super.rawAlloc(size, align)
    if (ptr !== 0) this.live += size
    return ptr
  }

  override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
    if (!super.rawResize(ptr, size, align, newSize)) return false
    this.live += newSize - size
    return true
  }

  override rawFree(ptr: number, size: number, align: number): void {
    super.rawFree(ptr, size, align)
    this.live -= size
  }

  override stats(): ReturnType<Allocator['stats']> {
    return { ...super.stats(), used: this.live }
  }
}

describe('ArenaAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over the C heap, without a limit', () => {
    fc.assert(
      fc.property(program, (ops) =>
        run(new ArenaAllocator(new Counting(cAllocator, sane)), true, ops),
      ),
      OPTIONS,
    )
  })

  test('over the C heap, with a limit', () => {
    fc.assert(
      fc.property(program, fc.nat(8000), (ops, limit) => {
        run(new ArenaAllocator(new Counting(cAllocator, sane), { limit }), true, ops)
      }),
      OPTIONS,
    )
  })

  test('over a bump, in whose memory chunks grow in place and which runs out', () => {
    const memory = fc.record({ capacity: fc.integer({ min: 1, max: 9000 }), odd: fc.nat(64) })
    fc.assert(
      fc.property(memory, program, ({ capacity, odd }, ops) => {
        using bump = new BumpAllocator(
          new Uint8Array(new ArrayBuffer(capacity + odd), odd, capacity),
        )
        run(new ArenaAllocator(new Counting(bump, sane)), false, ops)
      }),
      OPTIONS,
    )
  })

  test('over a parent that says no now and then', () => {
    const refusals = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 })
    const limits = fc.oneof(fc.constant(Infinity), fc.nat(8000))
    fc.assert(
      fc.property(refusals, limits, fc.boolean(), program, (answers, limit, upward, ops) => {
        using bump = new BumpAllocator(2 ** 16)
        let asked = 0
        const moody = (what: string, size: number): boolean =>
          sane(what, size) && answers[asked++ % answers.length]!
        const parent = new Counting(upward ? bump : cAllocator, moody)
        run(new ArenaAllocator(parent, { limit }), false, ops)
      }),
      OPTIONS,
    )
  })

  test('over another arena', () => {
    const before = cAllocator.stats().used
    fc.assert(
      fc.property(program, (ops) => {
        using below = new ArenaAllocator(cAllocator, { limit: 2 ** 22 })
        run(new ArenaAllocator(new Counting(below, sane)), false, ops)
      }),
      OPTIONS,
    )
    expect(cAllocator.stats().used).toBe(before)
  })
})
