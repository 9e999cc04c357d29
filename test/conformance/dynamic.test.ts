/** The suite over mallocs in shared libraries, each in a process of its own. */
import { describe, expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'
import { lacks, MALLOCS, WITH_ROOM } from '../support/mallocs.js'

type Results = Record<string, string | null>

describe('DynamicAllocator', () => {
  for (const malloc of MALLOCS) {
    describe.skipIf(lacks(malloc))(malloc.title, () => {
      test('passes every check', async () => {
        const args = [malloc.library, malloc.prefix]
        const options = { args, env: WITH_ROOM }
        const results = await facts<Results>(import.meta.url, 'fixtures/dynamic.mjs', options)
        const failed = Object.entries(results).filter(([, failure]) => failure !== null)
        expect(failed).toEqual([])
        expect(Object.keys(results).length).toBeGreaterThan(10)
      })
    })
  }
})
