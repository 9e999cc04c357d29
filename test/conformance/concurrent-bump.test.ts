/** ConcurrentBumpAllocator over memory of several kinds, as a bump of one thread. */
import { ConcurrentBumpAllocator, type MemoryLike, Region } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const MEMORIES: readonly (readonly [string, () => MemoryLike])[] = [
  ['a capacity', () => CAPACITY],
  ['Region.shared', () => Region.shared(CAPACITY)],
  ['Region.malloc', () => Region.malloc(CAPACITY)],
  ['Region.borrow at an odd address', () => borrowed(CAPACITY, 5)],
  ['a view at an odd offset', () => new Uint8Array(new ArrayBuffer(CAPACITY + 100), 7, CAPACITY)],
]

for (const [name, make] of MEMORIES) {
  conformance({
    name: `ConcurrentBumpAllocator over ${name}`,
    make: () => new ConcurrentBumpAllocator(make()),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset: (allocator) => (allocator as ConcurrentBumpAllocator).reset(),
  })
}
conformance({
  name: 'ConcurrentBumpAllocator that attached',
  make: () => {
    using first = new ConcurrentBumpAllocator(CAPACITY)
    return ConcurrentBumpAllocator.attach(first.share())
  },
  largest: CAPACITY,
  maxAlign: 2 ** 14,
  reset: (allocator) => (allocator as ConcurrentBumpAllocator).reset(),
})
