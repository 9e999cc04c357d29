/** StackAllocator over every kind of memory. */
import type { Subject } from '../../lib/conformance/index.js'
import { Region, StackAllocator } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { conformance } from './run.js'

/** Odd, so that nothing is aligned by chance. */
const CAPACITY = 2 ** 18 + 3
const HEADER = 8

/** The allocator's region is its own: disposed with it. */
class OwningStack extends StackAllocator {
  override dispose(): void {
    super.dispose()
    this.region.dispose()
  }
}

const stackOver = (name: string, makeRegion: () => Region): Subject => ({
  name: `StackAllocator over ${name}`,
  make: () => new OwningStack(makeRegion()),
  largest: CAPACITY - HEADER,
  maxAlign: 2 ** 14,
  freesInOrder: 'lifo',
  exact: false,
  reset: (allocator) => (allocator as StackAllocator).reset(),
  findsDoubleFrees: true,
  findsWrongSizes: true,
  findsInvalidFrees: true,
  gathersFreed: true,
})

conformance(stackOver('Region.malloc', () => Region.malloc(CAPACITY)))
conformance(stackOver('Region.pages', () => Region.pages(CAPACITY)))
conformance(stackOver('Region.shared', () => Region.shared(CAPACITY)))
conformance(
  stackOver('Region.from a view at an odd offset', () =>
    Region.from(new Uint8Array(new ArrayBuffer(CAPACITY + 100), 7, CAPACITY)),
  ),
)
conformance(stackOver('Region.borrow at an odd address', () => borrowed(CAPACITY, 5)))
conformance({
  ...stackOver('a capacity', () => Region.malloc(1)),
  make: () => new StackAllocator(CAPACITY),
})
