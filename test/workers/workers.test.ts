// Regions and blocks in worker threads: each thread may end at any moment, by itself or terminated,
// and neither takes the process with it, nor memory that others still read, nor leaves its own behind.

import { describe, expect, test } from 'vitest'
import { facts, runtime } from '../faults/support/child.js'
import { sanitized } from '../support/memory.js'

const here = import.meta.url

describe('a worker that is terminated while it holds memory', () => {
  interface Held {
    exits: number[]
    left: number
    freed: number
  }
  const held = (kind: string) => facts<Held>(here, 'fixtures/held.mjs', { args: [kind] })
  const exits = Array(4).fill(1)

  test.each(['malloc', 'pages', 'bump', 'unpinned'])('its regions are freed: %s', async (kind) => {
    expect(await held(kind)).toMatchObject({ exits, left: 0 })
  })

  test('pinned regions keep their memory: a system call may still write to it', async () => {
    const seen = await held('pinned')
    expect(seen).toMatchObject({ exits, left: 4 * 50 })
  })

  test.each(['block', 'page'])(
    'blocks that it looked at stay, as those of malloc do, and others can free them: %s',
    async (kind) => {
      expect(await held(kind)).toMatchObject({ exits, left: 4 * 50, freed: 4 * 50 })
    },
  )
})

describe('a worker that is terminated inside of the addon', () => {
  // The termination reaches native code as an exception that can be neither caught nor thrown on;
  // whoever tries ends the process.
  test.each(['load', 'work'])('ends alone: %s', async (moment) => {
    const args = [moment, sanitized ? '40' : '60']
    const seen = await facts(here, 'fixtures/interrupted.mjs', { args })
    expect(seen).toEqual({ serves: 'none' })
  })
})

describe('memory that was moved to another thread', () => {
  interface Moved {
    facts: Record<string, { kept: boolean; readable: boolean; writable: boolean }>
    serves: string
  }

  // Before 22 there is no way to move it: a transfer list copies.
  test.runIf(runtime.transfer).each(['terminate', 'exit'])(
    'stays readable after the worker that made it has died: %s',
    async (way) => {
      const seen = await facts<Moved>(here, 'fixtures/moved.mjs', { args: [way] })
      expect(Object.keys(seen.facts)).toHaveLength(9)
      for (const [name, fact] of Object.entries(seen.facts)) {
        expect(fact, name).toEqual({ kept: true, readable: true, writable: true })
      }
      expect(seen.serves).toBe('none')
    },
  )
})

describe('shared regions', () => {
  test('are one memory at one address in every worker, and outlive each of them', async () => {
    expect(await facts(here, 'fixtures/shared.mjs')).toEqual({
      sameAddress: true,
      stale: ['ERR_OFFHEAP_DISPOSED'],
      parts: [true, true, true, true],
      counted: 40_000,
      afterDispose: 1 << 16,
      use: 'ERR_OFFHEAP_DISPOSED',
    })
  })
})

describe('many workers', () => {
  test('load the addon at the same moment', async () => {
    const seen = await facts(here, 'fixtures/load.mjs', { args: ['16'] })
    expect(seen).toEqual({ sound: 16, here: 'none' })
  })

  test('each ended at some moment of its work, end nothing else and leave little', async () => {
    interface Chaos {
      errors: string[]
      messages: number
      intact: boolean
      grownMiB: number
    }
    const count = sanitized ? 40 : 100
    const args = [`${count}`, '42']
    const seen = await facts<Chaos>(here, 'fixtures/chaos.mjs', { args })
    expect(seen.errors).toEqual([])
    expect(seen.intact).toBe(true)
    // The three quarters after the first may keep what is pinned or may be held elsewhere, some MiB
    // each where buffers can be moved, and what the C library retains of their arenas.
    if (!sanitized) expect(seen.grownMiB).toBeLessThan(runtime.transfer ? 400 : 100)
    // Two in three are waited for.
    expect(seen.messages).toBeGreaterThanOrEqual(Math.floor((count * 2) / 3))
  })
})
