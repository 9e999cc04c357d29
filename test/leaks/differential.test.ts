// A program that is traced gets the same addresses, answers and errors as one that is not.

import { expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'

interface Said {
  digest: string
  said: string[]
}

const run = (how: string, seed: number): Promise<Said> =>
  facts<Said>(import.meta.url, 'fixtures/differential/program.mjs', { args: [how, String(seed)] })

const ways = ['everything exact', 'everything sampled', 'everything off', 'everything full']
const wrapped = ['wrapped exact', 'wrapped sampled', 'wrapped off', 'wrapped full']

test.each([...ways, ...wrapped])('%s', async (how) => {
  for (const seed of [1, 20_261_121]) {
    const plain = await run('plain', seed)
    const traced = await run(how, seed)
    expect(new Set(plain.said).size).toBeGreaterThan(200)
    // The first difference says more than two digests.
    const at = plain.said.findIndex((answer, i) => answer !== traced.said[i])
    const difference = at === -1 ? null : { at, plain: plain.said[at], traced: traced.said[at] }
    expect(difference).toBeNull()
    expect(traced.digest).toBe(plain.digest)
  }
})
