// One heap for many workers: blocks change hands, workers end at any moment, the heap stays whole.

import { describe, expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'
import { sanitized } from '../support/memory.js'

const here = import.meta.url

describe('ThreadSafeAllocator', () => {
  test('blocks that one worker fills, another checks and frees', async () => {
    const seen = await facts(here, 'fixtures/exchange.mjs', { args: ['4', '1000'] })
    expect(seen).toEqual({
      damaged: 0,
      received: 4000,
      sameAddress: true,
      used: 0,
      worked: true,
      whileHeld: { heaps: 1, holders: 1 },
      afterwards: { heaps: 0, holders: 0 },
      late: 'ERR_OFFHEAP_DISPOSED',
    })
  })

  test('two hundred workers, each terminated at some moment of its work, lose nothing', async () => {
    interface Storm {
      errors: string[]
      worked: number
      damaged: number
      poisoned: boolean
      most: number
      left: { heaps: number; holders: number }
      lost: number
      grownMiB: number
      afterwards: { heaps: number; holders: number }
    }
    const args = ['200', '42']
    const seen = await facts<Storm>(here, 'fixtures/storm.mjs', { args })
    expect(seen.errors).toEqual([])
    expect(seen.worked).toBeGreaterThan(100)
    expect(seen.damaged).toBe(0)
    expect(seen.poisoned).toBe(false)
    expect(seen.most).toBeGreaterThan(1)
    expect(seen.left).toEqual({ heaps: 1, holders: 1 })
    expect(seen.afterwards).toEqual({ heaps: 0, holders: 0 })
    // Between the call into C and the store of its result nothing asks whether the thread is to
    // end, in any V8 so far. One that did would leave a block, of 12 KiB at most, in no table.
    expect(seen.lost).toBeLessThan(24_000)
    if (!sanitized) expect(seen.grownMiB).toBeLessThan(100)
  })

  test('a heap lives while any thread holds it, and no longer', async () => {
    expect(await facts(here, 'fixtures/holders.mjs')).toEqual({
      alone: { heaps: 1, holders: 1 },
      readable: true,
      used: 0,
      late: 'ERR_OFFHEAP_DISPOSED',
      forgotten: { heaps: 0, holders: 0 },
      lent: { heaps: 1, holders: 1 },
    })
  })
})

describe('ConcurrentBumpAllocator', () => {
  test('workers that allocate at once never get the same byte', async () => {
    expect(await facts(here, 'fixtures/bump-race.mjs', { args: ['4'] })).toEqual({
      intact: true,
      busy: 4,
      full: true,
      unaccounted: 0,
    })
  })
})
