/** Strategies for whose state there is no memory. */
import { expect, test } from 'vitest'
import { type Allocator, FreeListAllocator, Region, SlabAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { without } from '../support/scarce.js'

test.each<[string, (region: Region) => Allocator]>([
  ['FreeListAllocator', (region) => new FreeListAllocator(region)],
  ['SlabAllocator', (region) => new SlabAllocator(region)],
])('%s: out of memory, and the region is free for another', (_, make) => {
  using region = Region.malloc(100_000)
  expectCode('OUT_OF_MEMORY', () => without(1000, () => make(region)))
  expect(region.disposed).toBe(false)
  using allocator = make(region)
  expect(allocator.rawAlloc(100, 8)).not.toBe(0)
})
