// Mallocs in shared libraries have caches of each thread, which live on in blocks that other threads
// free, and end with threads that are terminated.

import { describe, expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'
import { lacks, MALLOCS, WITH_ROOM } from '../support/mallocs.js'

const BLOCKS = 3 * 200

describe('DynamicAllocator in workers', () => {
  for (const malloc of MALLOCS) {
    describe.skipIf(lacks(malloc))(malloc.title, () => {
      test('blocks are freed by any thread, and outlive the one that made them', async () => {
        const args = [malloc.library, malloc.prefix]
        const options = { args, env: WITH_ROOM }
        const seen = await facts(import.meta.url, 'fixtures/dynamic.mjs', options)
        expect(seen).toEqual({
          freedThere: BLOCKS,
          freedHere: BLOCKS,
          pinned: BLOCKS,
          whole: BLOCKS,
          freedLater: BLOCKS,
          left: 0,
        })
      })
    })
  }
})
