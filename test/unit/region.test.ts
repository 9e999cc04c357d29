/** Regions of every kind, and the sizes that they may have. */
import { describe, expect, test } from 'vitest'
import { Region } from '../../lib/index.js'
import { BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { regionBehaves } from '../support/region-suite.js'
import { KINDS } from '../support/regions.js'

for (const kind of KINDS) regionBehaves(kind)

describe('sizes', () => {
  const makers = {
    malloc: (size: never) => Region.malloc(size),
    pages: (size: never) => Region.pages(size),
    shared: (size: never) => Region.shared(size),
    borrow: (size: never) => Region.borrow(4096, size),
  }

  test.each(Object.entries(makers))('of Region.%s are checked', (_, make) => {
    for (const size of [...BAD_SIZES, 0, -0, undefined]) {
      expectCode('INVALID_LAYOUT', () => make(wrong(size)), shown(size))
    }
  })

  test('that no system has are out of memory', () => {
    for (const size of [2 ** 52, Number.MAX_SAFE_INTEGER]) {
      expectCode('OUT_OF_MEMORY', () => Region.malloc(size))
      expectCode('OUT_OF_MEMORY', () => Region.malloc(size, { align: 4096 }))
      expectCode('OUT_OF_MEMORY', () => Region.pages(size))
      expectCode('OUT_OF_MEMORY', () => Region.shared(size))
    }
  })

  test('that this version of Node cannot show are out of memory or work', () => {
    for (const make of [Region.malloc, Region.pages, Region.shared]) {
      const size = 2 ** 32 + 2 ** 20
      try {
        using region = make(size)
        expect(region.buffer.byteLength).toBe(size)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_OFFHEAP_OUT_OF_MEMORY' })
      }
    }
  })
})
