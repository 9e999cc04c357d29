/** SlabAllocator over every kind of memory; whole pages of 512 bytes are used. */
import { Region, SlabAllocator } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { conformance } from './run.js'
import type { Subject } from '../../lib/conformance/index.js'

const PAGES = 1024
const CAPACITY = PAGES * 512

/** Room for whole pages wherever the region starts. */
const ROOM = CAPACITY + 511

class OwningSlab extends SlabAllocator {
  override dispose(): void {
    super.dispose()
    this.region.dispose()
  }
}

function slabOver(name: string, make: () => SlabAllocator): Subject {
  const found = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true }
  const limits = { largest: CAPACITY, maxAlign: 2 ** 14, exact: false, gathersFreed: true }
  return { name: `SlabAllocator over ${name}`, make, ...limits, ...found }
}

/** The region starts 511 bytes at most before a page; what is left over at the end is no page. */
function over(make: (size: number) => Region): () => SlabAllocator {
  return () => {
    const region = make(ROOM)
    return new OwningSlab(region)
  }
}

conformance(slabOver('a reserve', () => new SlabAllocator({ reserve: CAPACITY })))
conformance(
  slabOver(
    'Region.pages',
    over((size) => Region.pages(size)),
  ),
)
conformance(
  slabOver(
    'Region.malloc',
    over((size) => Region.malloc(size, { align: 512 })),
  ),
)
conformance(
  slabOver(
    'Region.shared',
    over((size) => Region.shared(size)),
  ),
)
conformance(
  slabOver(
    'Region.from a view at an odd offset',
    over((size) => {
      return Region.from(new Uint8Array(new ArrayBuffer(size + 100), 7, size))
    }),
  ),
)
conformance(
  slabOver(
    'Region.borrow at an odd address',
    over((size) => borrowed(size, 5)),
  ),
)
