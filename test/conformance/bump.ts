/** A bump allocator over a region, as a subject. */
import { BumpAllocator, type Region } from '../../lib/index.js'
import type { Subject } from '../../lib/conformance/index.js'

/** Odd, so that nothing is aligned by chance. */
export const CAPACITY = 2 ** 18 + 3

/** The allocator's region is its own: disposed with it. */
class OwningBump extends BumpAllocator {
  override dispose(): void {
    super.dispose()
    this.region.dispose()
  }
}

export function bumpOver(name: string, makeRegion: () => Region): Subject {
  return {
    name: `BumpAllocator over ${name}`,
    make: () => new OwningBump(makeRegion()),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset: (allocator) => (allocator as BumpAllocator).reset(),
  }
}
