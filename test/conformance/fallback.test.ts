/** Regions where the runtime refuses external buffers: their memory is V8's, and they work the same. */
import { test, vi } from 'vitest'
import { expect } from 'vitest'
import { Region } from '../../lib/index.js'
import { bumpOver, CAPACITY } from './bump.js'
import { conformance } from './run.js'

vi.hoisted(() => {
  process.env['OFFHEAP_NO_EXTERNAL_BUFFERS'] = '1'
})

test('the switch works: an unaligned start in a larger buffer gives it away', () => {
  const region = Region.malloc(100, { align: 2 ** 20 })
  expect(region.buffer.byteLength).toBe(100 + 2 ** 20)
  expect(region.address % 2 ** 20).toBe(0)
})

conformance(bumpOver('Region.malloc of V8 memory', () => Region.malloc(CAPACITY)))
conformance(bumpOver('Region.pages of V8 memory', () => Region.pages(CAPACITY)))
