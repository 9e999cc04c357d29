// However a process ends while regions live, it ends with its own exit code and not in a crash:
// finalizers, cleanup hooks and exit handlers come in an order that differs between the ways to end.

import { describe, expect, test } from 'vitest'
import { expectExit, facts, run, runtime } from './support/child.js'

const here = import.meta.url

describe('the end of a process with live regions', () => {
  test.each(['exit', 'exitHandler', 'natural', 'garbage'])('%s', async (way) => {
    const outcome = await run(here, 'fixtures/exit.mjs', { args: [way] })
    expect(outcome.stdout).toBe('loaded\n')
    expectExit(outcome, 3)
  })

  test.each(['throw', 'reject'])('uncaught: %s', async (way) => {
    const outcome = await run(here, 'fixtures/exit.mjs', { args: [way] })
    expectExit(outcome, 1)
    expect(outcome.stderr).toContain('on purpose')
  })
})

describe('the end of a worker: finalizers against cleanup hooks', () => {
  interface Ended {
    exits: number[]
    errors: string[]
    /** Blocks that are still allocated after the workers ended, by the state that they were in. */
    left: Record<string, number>
  }
  const codes: Record<string, number> = { exit: 3, collected: 3, terminate: 1, throw: 1 }

  test.each(['natural', 'collected', 'exit', 'terminate', 'throw'])(
    'hundreds of regions, alive, disposed, garbage and viewed, are freed with it: %s',
    async (way) => {
      // Of buffers that V8 is still sweeping, on a thread of its own, when the worker ends, nothing is
      // left to ask: they may have been moved away, so they are kept. Whether it still sweeps is a
      // race, which a worker that ends at once mostly loses. 'collected' waits for the sweeper: 16 a
      // thread are then not told apart.
      const isRace = runtime.transfer && way !== 'collected'
      const untold = runtime.transfer ? 3 * 16 : 0
      const seen = await facts<Ended>(here, 'fixtures/hooks.mjs', { args: [way, '300'] })
      expect(new Set(seen.exits)).toEqual(new Set([codes[way] ?? 0]))
      expect(seen.errors).toEqual(way === 'throw' ? Array(3).fill('on purpose') : [])
      // What was moved away may be held by another thread, so it may be kept.
      const { moved, garbage, ...left } = seen.left
      expect(moved ?? 0).toBeLessThanOrEqual(3 * 60)
      expect(left).toEqual({ alive: 0, disposed: 0, viewed: 0 })
      expect(garbage ?? 0).toBeLessThanOrEqual(isRace ? 3 * 60 : untold)
    },
  )
})
