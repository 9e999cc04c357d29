/** PoolAllocator over every kind of memory, with blocks of several shapes. */
import type { Subject } from '../../lib/conformance/index.js'
import { PoolAllocator, type PoolOptions, Region } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { conformance } from './run.js'

/** No multiple of an alignment, so that blocks do not lie where their size would put them. */
const SIZE = 500
/** No multiple of the 32 that a group has. */
const BLOCKS = 300
const BYTES = 2 ** 18 + 3

/** The allocator's region is its own: disposed with it. */
class OwningPool extends PoolAllocator {
  override dispose(): void {
    super.dispose()
    this.region.dispose()
  }
}

const subject = (name: string, make: () => PoolAllocator, maxAlign = 16): Subject => ({
  name: `PoolAllocator ${name}`,
  make,
  largest: SIZE,
  blockSize: SIZE,
  maxAlign,
  findsDoubleFrees: true,
  findsWrongSizes: true,
  findsInvalidFrees: true,
  gathersFreed: true,
})

const poolOver = (name: string, makeRegion: () => Region): Subject =>
  subject(`over ${name}`, () => new OwningPool(SIZE, makeRegion()))

const poolOf = (name: string, count: number, options: PoolOptions): Subject =>
  subject(name, () => new PoolAllocator(SIZE, count, options), options.align)

conformance(poolOver('Region.malloc', () => Region.malloc(BYTES)))
conformance(poolOver('Region.pages', () => Region.pages(BYTES)))
conformance(poolOver('Region.shared', () => Region.shared(BYTES)))
conformance(
  poolOver('Region.from a view at an odd offset', () =>
    Region.from(new Uint8Array(new ArrayBuffer(BYTES + 100), 7, BYTES)),
  ),
)
conformance(poolOver('Region.borrow at an odd address', () => borrowed(BYTES, 5)))
conformance(poolOf('of a number of blocks', BLOCKS, {}))
conformance(poolOf('aligned to 4096', BLOCKS, { align: 4096 }))
conformance(poolOf('that grows, by no multiple of 32', 37, { growTo: BLOCKS }))
conformance({
  ...subject('of whole pages', () => new PoolAllocator(4096, 130)),
  largest: 4096,
  blockSize: 4096,
})
