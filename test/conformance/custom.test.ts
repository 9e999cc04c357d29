/** Allocators as users write them pass the suite with the four raw operations alone. */
import { BumpAllocator, cAllocator } from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

conformance({
  name: 'a user-written allocator over cAllocator',
  make: () => new PassingAllocator(cAllocator),
  largest: Infinity,
  maxAlign: 2 ** 20,
})

conformance({
  name: 'a user-written allocator over a BumpAllocator',
  make: () => new PassingAllocator(new BumpAllocator(CAPACITY)),
  largest: CAPACITY,
  maxAlign: 2 ** 14,
  reset: (allocator) => ((allocator as PassingAllocator).inner as BumpAllocator).reset(),
})
