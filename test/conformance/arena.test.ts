/** ArenaAllocator over allocators of every kind: in one chunk, and in as many as it happens to take. */
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  pageAllocator,
  Region,
} from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const reset = (allocator: Allocator): void => void (allocator as ArenaAllocator).reset('free_all')

/** An arena that ends its parent too, which is its own. */
class OwningArena extends ArenaAllocator {
  override dispose(): void {
    super.dispose()
    this.parent.dispose()
  }
}

const system: readonly (readonly [string, () => Allocator])[] = [
  ['cAllocator', () => cAllocator],
  ['pageAllocator', () => pageAllocator],
  ['a user-written allocator', () => new PassingAllocator(cAllocator)],
]

for (const [name, parent] of system) {
  conformance({
    name: `ArenaAllocator over ${name}, in chunks`,
    make: () => new ArenaAllocator(parent()),
    largest: Infinity,
    maxAlign: 2 ** 20,
    reset,
  })

  conformance({
    name: `ArenaAllocator over ${name}, in one chunk as long as its limit`,
    make: () => {
      const arena = new ArenaAllocator(parent(), { limit: CAPACITY })
      arena.rawAlloc(CAPACITY, 1)
      arena.reset()
      return arena
    },
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset: (allocator) => void (allocator as ArenaAllocator).reset('retain_capacity'),
  })
}

const regions: Readonly<Record<string, () => Region>> = {
  'Region.malloc': () => Region.malloc(CAPACITY, { align: 64 }),
  'Region.shared': () => Region.shared(CAPACITY),
  // Chunks are aligned to 16: from an odd address on, 9 bytes are padding.
  'Region.from a view at an odd offset': () =>
    Region.from(new Uint8Array(new ArrayBuffer(CAPACITY + 16), 7, CAPACITY + 9)),
}

/** A bump can make its last block longer, so there is one chunk, and it gets every byte. */
for (const [name, region] of Object.entries(regions)) {
  conformance({
    name: `ArenaAllocator over a BumpAllocator over ${name}`,
    make: () => new OwningArena(new BumpAllocator(region())),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset,
  })
}
