/** FreeListAllocator over every kind of memory. */
import { FreeListAllocator, Region } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import { conformance } from './run.js'

const CAPACITY = 2 ** 18 + 64

const MEMORIES: readonly (readonly [string, (size: number) => Region])[] = [
  ['Region.malloc', (size) => Region.malloc(size)],
  ['Region.pages', (size) => Region.pages(size)],
  ['Region.shared', (size) => Region.shared(size)],
  [
    'a view at an odd offset',
    (size) => Region.from(new Uint8Array(new ArrayBuffer(size + 100), 7, size)),
  ],
  ['Region.borrow at an odd address', (size) => borrowed(size, 5)],
]

for (const [name, make] of MEMORIES) {
  const probe = new FreeListAllocator(make(CAPACITY))
  conformance({
    name: `FreeListAllocator over ${name}`,
    make: () => new FreeListAllocator(make(CAPACITY)),
    largest: probe.largestFree,
    maxAlign: 2 ** 14,
    exact: false,
    gathersFreed: true,
    findsDoubleFrees: true,
    findsWrongSizes: true,
    findsInvalidFrees: true,
  })
  probe.dispose()
}
