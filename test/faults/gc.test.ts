// The collected heap: what is reclaimed and what never is, and the end of threads and processes that
// use it. In child processes: a mistake here ends them.

import { describe, expect, test } from 'vitest'
import { gcToTest } from '../support/gc.js'
import { sanitized } from '../support/memory.js'
import { expectExit, facts, run } from './support/child.js'

const here = import.meta.url

describe.skipIf(!gcToTest)('the collected heap (libgc)', () => {
  test('reclaims what nothing reaches, tells of it, and never what is held', async () => {
    interface Seen {
      held: number
      lost: number
      told: number
      toldOfHeld: number
      byItself: boolean
      toldByItself: boolean
      heldStill: boolean
      heapMiB: number
    }
    const seen = await facts<Seen>(here, 'fixtures/gc-reclaim.mjs', { args: ['20000'] })
    expect(seen).toMatchObject({ held: 10_000, toldOfHeld: 0, heldStill: true })
    // Conservative: a few words may look like addresses. V8 too keeps what was last in a register.
    expect(seen.lost).toBeLessThan(100)
    expect(seen.told).toBe(10_000 - seen.lost)
    expect(seen).toMatchObject({ byItself: true, toldByItself: true })
    expect(seen.heapMiB).toBeLessThan(64)
  })

  test('keeps a block for its handle and for everything that shows it', async () => {
    interface Kept {
      kept: number
      left: number
    }
    const COUNT = 300
    const args = [String(COUNT)]
    const seen = await facts<Record<string, Kept>>(here, 'fixtures/gc-views.mjs', { args })
    expect(Object.keys(seen)).toHaveLength(12)
    for (const [name, { kept, left }] of Object.entries(seen)) {
      expect(kept, `${name}: blocks that are whole`).toBe(COUNT)
      // Holds were never let go.
      if (name === 'hold') expect(left).toBe(COUNT)
      else expect(left, `${name}: blocks left afterwards`).toBeLessThan(COUNT / 10)
    }
  })

  test('serves threads that come and end in every way, and lets go what their handles held', async () => {
    const args = ['16']
    const seen = await facts<Record<string, number>>(here, 'fixtures/gc-workers.mjs', {
      args,
    })
    expect(seen).toMatchObject({ workers: 16, rawWhole: 16, mineWhole: 1000 })
    expect(seen['handlesLeft']).toBeLessThan((16 * 500) / 20)
  })

  test('handles that are forgotten do not pile up, nor do those that are freed', async () => {
    interface Seen {
      mostUsedMiB: number
      grownMiB: number
    }
    const seen = await facts<Seen>(here, 'fixtures/gc-forgotten.mjs')
    // 2 GiB pass through.
    expect(seen.mostUsedMiB).toBeLessThan(800)
    if (!sanitized) expect(seen.grownMiB).toBeLessThan(150)
  })

  test('is refused where it would need signals', async () => {
    const env = { GC_ENABLE_INCREMENTAL: '1' }
    expect(await facts(here, 'fixtures/gc-refused.mjs', { env })).toEqual({
      attempts: ['ERR_OFFHEAP_UNSUPPORTED', 'ERR_OFFHEAP_UNSUPPORTED'],
      serves: 'none',
    })
  })

  test.each(['exit', 'exitHandler', 'natural', 'garbage', 'fork'])(
    'leaves signals and children to the process, which ends well: %s',
    async (way) => {
      expectExit(await run(here, 'fixtures/gc-end.mjs', { args: [way] }), 3)
    },
  )

  test('an uncaught error ends the process as always', async () => {
    const outcome = await run(here, 'fixtures/gc-end.mjs', { args: ['throw'] })
    expectExit(outcome, 1)
    expect(outcome.stderr).toContain('on purpose')
  })
})
