/** BumpAllocator over every kind of memory. */
import { BumpAllocator, Region } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { bumpOver, CAPACITY } from './bump.js'
import { conformance } from './run.js'

conformance(bumpOver('Region.malloc', () => Region.malloc(CAPACITY)))
conformance(bumpOver('Region.pages', () => Region.pages(CAPACITY)))
conformance(bumpOver('Region.pages with guards', () => Region.pages(CAPACITY, { guard: true })))
conformance(bumpOver('Region.shared', () => Region.shared(CAPACITY)))
conformance(bumpOver('Region.from an ArrayBuffer', () => Region.from(new ArrayBuffer(CAPACITY))))
conformance(
  bumpOver('Region.from a view at an odd offset', () =>
    Region.from(new Uint8Array(new ArrayBuffer(CAPACITY + 100), 7, CAPACITY)),
  ),
)
conformance(bumpOver('Region.borrow at an odd address', () => borrowed(CAPACITY, 5)))
conformance({
  ...bumpOver('a capacity', () => Region.malloc(1)),
  make: () => new BumpAllocator(CAPACITY),
})
