/** The allocator that never has memory, where the suite applies to it. */
import { NullAllocator } from '../../lib/index.js'
import { conformance } from './run.js'

conformance({
  name: 'NullAllocator',
  make: () => new NullAllocator(),
  largest: 0,
  maxAlign: 0,
})
