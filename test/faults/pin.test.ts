// pin(): memory that a system call or another thread may still be writing is not given back.

import { describe, expect, test } from 'vitest'
import { facts } from './support/child.js'

describe.skipIf(process.platform === 'win32')('an fs.read in flight', () => {
  test.each(['malloc', 'pages', 'bump', 'allocator'])(
    'dispose is refused while pinned, the bytes arrive, and dispose works afterwards: %s',
    async (kind) => {
      const seen = await facts<Record<string, unknown>>(import.meta.url, 'fixtures/pin-read.mjs')
      expect(seen[kind]).toEqual({
        refused: 'ERR_OFFHEAP_PINNED',
        refusedByOne: 'ERR_OFFHEAP_PINNED',
        allocated: true,
        count: 5,
        text: 'hello',
        later: 'none',
        length: 0,
        left: false,
      })
    },
  )

  test('an allocator lets go of a pinned region of the caller, which stays', async () => {
    const seen = await facts<Record<string, unknown>>(import.meta.url, 'fixtures/pin-read.mjs')
    expect(seen['shared']).toEqual({
      letGo: 'none',
      region: 'ERR_OFFHEAP_PINNED',
      serves: 10,
      pinAfterDispose: 'ERR_OFFHEAP_DISPOSED',
    })
  })
})
