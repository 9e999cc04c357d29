// Blocks of the C heap and of pages, once JS has looked at their bytes: no view outlives its block, and
// no raw operation pulls the memory out from under a view.

import { describe, expect, test } from 'vitest'
import { facts } from './support/child.js'

const here = import.meta.url
const ALL = ['cAllocator', 'rawCAllocator', 'pageAllocator']
type Facts = Record<string, Record<string, Record<string, unknown>>>

const shown = () => facts<Facts>(here, 'fixtures/shown.mjs')

describe('a block whose bytes were looked at', () => {
  test('rawFree detaches every view of it, and the pointer is dead', async () => {
    const seen = await shown()
    for (const name of ALL) {
      expect(seen[name]!['rawFreed'], name).toEqual({
        error: 'none',
        lengths: [0, 0],
        read: 'undefined',
        left: false,
        again: 'ERR_OFFHEAP_DOUBLE_FREE',
        view: 'ERR_OFFHEAP_INVALID_POINTER',
      })
    }
  })

  test('a handle on a block that was freed by its raw pointer reads nothing', async () => {
    const seen = await shown()
    for (const name of ALL) {
      const { length, bytes, buffer, free } = seen[name]!['behindItsBack']!
      expect(length, name).toBe(0)
      expect([bytes, buffer], name).toEqual(Array(2).fill('ERR_OFFHEAP_INVALID_POINTER'))
      expect(free, name).toBe('ERR_OFFHEAP_DOUBLE_FREE')
    }
  })

  test('realloc and resize keep the bytes, and no stale view reaches freed memory', async () => {
    const seen = await shown()
    for (const name of ['cAllocator', 'pageAllocator']) {
      expect(seen[name]!['resized'], name).toMatchObject({
        grown: true,
        realigned: true,
        kept: true,
        staleDead: true,
        used: 0,
      })
    }
  })

  test('the raw operations never take memory away that a view reaches', async () => {
    const seen = await shown()
    for (const name of ALL) {
      expect(seen[name]!['raw'], name).toEqual({
        shrink: true,
        stillThere: 7,
        grow: false,
        remap: 0,
        wrongSize: 'ERR_OFFHEAP_INVALID_POINTER',
        wrongAlign: 'ERR_OFFHEAP_INVALID_POINTER',
        length: 0,
        used: 0,
      })
    }
  })

  test('a buffer that was moved away leaves no trace on the next block at its address', async () => {
    const seen = await shown()
    for (const name of ALL)
      expect(seen[name]!['reused'], name).toEqual({ found: true, error: 'none' })
  })

  test('decommit under a view reads as zeros', async () => {
    const { decommit } = await shown()
    expect(decommit).toEqual({
      pages: 2,
      bytes: [5, 0, 5],
      beyond: 'ERR_OFFHEAP_INVALID_POINTER',
    })
  })
})

describe('a block that another thread looks at', () => {
  test('is refused to everybody else, stays intact, and is freed after that thread', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/shown-elsewhere.mjs')
    for (const name of ALL) {
      expect(seen[name], name).toEqual({
        free: 'ERR_OFFHEAP_PINNED',
        resize: 'ERR_OFFHEAP_PINNED',
        remap: 'ERR_OFFHEAP_PINNED',
        view: 'ERR_OFFHEAP_INVALID_POINTER',
        owned: true,
        intact: true,
        readAfter: true,
        freeAfter: 'none',
        left: false,
      })
    }
  })
})
