// Mallocs in shared libraries, used wrongly: whatever reaches them that is no block of theirs ends
// the process, so nothing may.

import { describe, expect, test } from 'vitest'
import { sanitized } from '../support/memory.js'
import { lacks, MALLOCS, WITH_ROOM } from '../support/mallocs.js'
import { facts } from './support/child.js'

interface Seen {
  dynamic: number
  process: number
  limits: { wrong: number[][]; had: boolean }
  wrongFrees: Record<string, (string | number)[]>
  shared: { sees: boolean; owns: boolean; length: number; stale: boolean }
  handles: { whole: boolean; stale: number; length: number; after: string[] }
  used: number
  trim: string
}

const INVALID = 'ERR_OFFHEAP_INVALID_POINTER'

describe('DynamicAllocator', () => {
  for (const malloc of MALLOCS) {
    const { library, prefix } = malloc
    describe.skipIf(lacks(malloc))(malloc.title, () => {
      const seen = (): Promise<Seen> =>
        facts(import.meta.url, 'fixtures/dynamic.mjs', { args: [library, prefix], env: WITH_ROOM })

      test('ends well with live blocks, those that JS looks at included', seen)

      test.skipIf(sanitized)('leaves the malloc of Node what it is', async () => {
        const { dynamic, process } = await seen()
        expect(process).toBeGreaterThanOrEqual(100_000)
        expect(dynamic).toBeLessThan(50_000)
      })

      test('every size and alignment is a block that has them, or none', async () => {
        expect((await seen()).limits).toEqual({ wrong: [], had: true })
      })

      test('no pointer reaches it that is no live block of its own', async () => {
        const { foreign, elsewhere, interior, odd, twice, ...rest } = (await seen()).wrongFrees
        for (const codes of [foreign, elsewhere, interior]) {
          // Where a block of another kind starts, one of this may have been freed before.
          for (const code of codes!) expect(code).toMatch(/INVALID_POINTER|DOUBLE_FREE/)
        }
        expect(odd).toEqual(Array(4).fill(INVALID))
        expect(rest['null']).toEqual(Array(4).fill(INVALID))
        expect(twice).toEqual(Array(3).fill('ERR_OFFHEAP_DOUBLE_FREE'))
        expect(rest['size']).toEqual(Array(3).fill(INVALID))
        expect(rest['align']).toEqual(Array(3).fill(INVALID))
        expect(rest['usable']).toEqual([0, 0, 0])
      })

      test('two allocators over it are one heap', async () => {
        expect((await seen()).shared).toEqual({ sees: true, owns: false, length: 0, stale: true })
      })

      test('handles follow a block that moves, and end with it', async () => {
        const { handles, used, trim } = await seen()
        const after = ['ERR_OFFHEAP_USE_AFTER_FREE', 'ERR_OFFHEAP_DOUBLE_FREE']
        expect(handles).toEqual({ whole: true, stale: 0, length: 0, after })
        // The one that lives, and the one that the twin freed: figures are each allocator's own.
        expect(used).toBe(101_000)
        expect(trim).toBe('boolean')
      })
    })
  }
})
