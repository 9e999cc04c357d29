// What the runtime or the system refuses: sizes beyond what it can show, and external buffers at all.

import { describe, expect, test } from 'vitest'
import { facts, runtime } from './support/child.js'

const here = import.meta.url

describe('a request larger than the runtime can show', () => {
  // Node 20 shows at most 4 GiB: it throws after it has already run the finalizer, which is a double
  // free for whoever frees the block as well. From 22 on the whole region works.
  const expected = runtime.major >= 22 ? 'works' : 'ERR_OFFHEAP_OUT_OF_MEMORY'

  test('5 GiB of pages work at both ends, or are a coded error and nothing is freed twice', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/oversize.mjs')
    expect(seen).toMatchObject({ pages: expected, again: expected, sound: true, leftInC: 0 })
    // The C heap may say no for its own reasons on a machine with less memory.
    expect([expected, 'ERR_OFFHEAP_OUT_OF_MEMORY']).toContain(seen['malloc'])
    expect(seen['externalMiB']).toBeLessThan(100)
  })

  test('more than there are addresses is out of memory', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/oversize.mjs')
    expect(seen).toMatchObject({
      shared: 'ERR_OFFHEAP_OUT_OF_MEMORY',
      beyond: 'ERR_OFFHEAP_OUT_OF_MEMORY',
      mallocBeyond: 'ERR_OFFHEAP_OUT_OF_MEMORY',
    })
  })

  test('a block too large to be shown can still be allocated and freed', async () => {
    const seen = await facts<Record<string, Record<string, unknown>>>(
      here,
      'fixtures/oversize-block.mjs',
    )
    const view = runtime.major >= 22 ? 'none' : 'ERR_OFFHEAP_UNSUPPORTED'
    expect(seen['pageAllocator']).toEqual({ view, free: 'none', used: 0 })
    for (const name of ['cAllocator', 'rawCAllocator']) {
      expect(seen[name], name).toMatchObject({ free: 'none', used: 0 })
      expect([view, 'no memory'], name).toContain(seen[name]!['view'])
    }
  })
})

describe('a runtime that refuses external buffers', () => {
  const options = { env: { OFFHEAP_NO_EXTERNAL_BUFFERS: '1' } }

  test.each(['malloc', 'mallocAligned', 'mallocWide', 'pages', 'pagesOptions'])(
    'a region is V8 memory with the right address and alignment: %s',
    async (kind) => {
      const seen = await facts<Record<string, unknown>>(here, 'fixtures/refused.mjs', options)
      expect(seen[kind]).toEqual({
        aligned: true,
        there: true,
        holds: true,
        ownBuffer: true,
        detached: true,
        gone: 'ERR_OFFHEAP_DISPOSED',
      })
    },
  )

  test('a bump allocator works in it', async () => {
    expect(await facts(here, 'fixtures/refused.mjs', options)).toMatchObject({ bump: true })
  })

  test('what cannot do without external buffers says so, and leaks nothing', async () => {
    const unsupported = 'ERR_OFFHEAP_UNSUPPORTED'
    expect(await facts(here, 'fixtures/refused.mjs', options)).toMatchObject({
      borrow: unsupported,
      bytes: unsupported,
      pageBytes: unsupported,
      zeroed: unsupported,
      dupe: unsupported,
      dupeZ: unsupported,
      realign: unsupported,
      pageRealign: unsupported,
      grow: 'none',
      leaked: 'none',
      free: 'none',
    })
  })
})
