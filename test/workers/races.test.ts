// What one thread asks about a block while another frees it: a program's mistake, and no reason to crash.

import { describe, expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'

interface Seen {
  rounds: number
  codes: string[]
}

describe('a block that another thread frees at this moment', () => {
  // The window is nanoseconds wide. What asks malloc about the block falls into it within seconds.
  test.each([
    ['owns', 2500],
    ['usableSize', 2500],
    ['rawResize', 2500],
    ['rawRemap', 500],
    ['rawFree', 500],
    ['view', 2500],
    ['pageOwns', 500],
    ['pageFree', 500],
    ['pageDecommit', 500],
  ])('is refused or answered for, and never read: %s', async (question, milliseconds) => {
    const options = { args: [question, String(milliseconds)] }
    const seen = await facts<Seen>(import.meta.url, 'fixtures/race.mjs', options)
    // Whoever comes second is told so.
    const fine = ['ERR_OFFHEAP_DOUBLE_FREE', 'ERR_OFFHEAP_INVALID_POINTER', 'ERR_OFFHEAP_PINNED']
    expect(seen.codes.filter((code) => !fine.includes(code))).toEqual([])
    expect(seen.rounds).toBeGreaterThan(100)
  })
})
