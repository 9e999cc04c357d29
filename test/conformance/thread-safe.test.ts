/** ThreadSafeAllocator over each strategy that knows its blocks, over memory of two kinds. */
import { FreeListAllocator, Region, SlabAllocator, ThreadSafeAllocator } from '../../lib/index.js'
import { conformance } from './run.js'

const CAPACITY = 2 ** 19
/** Room for whole pages wherever the region starts. */
const ROOM = CAPACITY + 511

/** The region is its own: disposed with it. */
class Owning extends ThreadSafeAllocator {
  override dispose(): void {
    super.dispose()
    this.region.dispose()
  }
}

const found = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true }
const shared = { maxAlign: 2 ** 14, exact: false, gathersFreed: true, ...found }

conformance({
  ...shared,
  name: 'ThreadSafeAllocator over a slab in Region.shared',
  make: () => new Owning(new SlabAllocator(Region.shared(ROOM))),
  largest: CAPACITY,
})
conformance({
  ...shared,
  name: 'ThreadSafeAllocator over a slab that reserves pages',
  make: () => new ThreadSafeAllocator(new SlabAllocator({ reserve: CAPACITY })),
  largest: CAPACITY,
})
conformance({
  ...shared,
  name: 'ThreadSafeAllocator over a free list in Region.malloc',
  make: () => new Owning(new FreeListAllocator(Region.malloc(CAPACITY, { align: 16 }))),
  largest: CAPACITY,
})
conformance({
  ...shared,
  name: 'ThreadSafeAllocator that attached',
  make: () => {
    using first = new Owning(new SlabAllocator(Region.shared(ROOM)))
    return ThreadSafeAllocator.attach(first.share())
  },
  largest: CAPACITY,
})
