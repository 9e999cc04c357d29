// A process that has no WebAssembly.
import { expect, test } from 'vitest'
import { facts } from './support/child.js'

interface Seen {
  kind: string
  codes: string[]
  size: number
}

test('--jitless: the library works, and there is no memory to make a region of', async () => {
  const options = { flags: ['--jitless'] }
  const seen = await facts<Seen>(import.meta.url, 'fixtures/no-wasm.mjs', options)
  expect(seen.kind).toBe('undefined')
  expect(new Set(seen.codes)).toEqual(new Set(['ERR_OFFHEAP_INVALID_ARGUMENT']))
  expect(seen.size).toBe(16)
})
