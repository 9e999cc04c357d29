// Memory goes back: at once where it is disposed, with the garbage where it is not.

import { describe, expect, test } from 'vitest'
import { facts } from './support/child.js'

const here = import.meta.url

describe('regions that are made and disposed', () => {
  // Every round touches a page, so that a block that is not freed shows.
  test.each([
    ['malloc', 200_000],
    ['pages', 50_000],
    ['bump', 50_000],
    ['block', 50_000],
  ])('in one synchronous loop keep RSS within 64 MiB: %s x %i', async (kind, rounds) => {
    const args = [kind, String(rounds)]
    const seen = await facts<{ grownMiB: number }>(here, 'fixtures/churn.mjs', {
      args,
    })
    expect(seen.grownMiB).toBeLessThan(64)
  })
})

describe('regions that are only forgotten', () => {
  test.each(['malloc', 'pages', 'bump'])('are freed by the garbage collector: %s', async (kind) => {
    interface Seen {
      left: number
      grownMiB: number
      externalMiB: number
    }
    const seen = await facts<Seen>(here, 'fixtures/garbage.mjs', { args: [kind] })
    expect(seen.left).toBe(0)
    // 1500 MiB passed through.
    expect(seen.grownMiB).toBeLessThan(200)
    expect(seen.externalMiB).toBeLessThan(50)
  })
})
