/** StackAllocator, PoolAllocator and FreeListAllocator over several kinds of memory. */
import { FreeListAllocator, PoolAllocator, Region, StackAllocator } from '../../lib/index.js'
import { borrowed } from '../support/regions.js'
import type { Subject } from '../../lib/conformance/index.js'
import { conformance } from './run.js'

const CAPACITY = 2 ** 18 + 64
const BLOCK = 4096
const FOUND = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true }

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
  const pool: Subject = {
    name: `PoolAllocator over ${name}`,
    make: () => new PoolAllocator(BLOCK, make(BLOCK * 130)),
    largest: BLOCK,
    blockSize: BLOCK,
    maxAlign: 16,
    ...FOUND,
  }
  conformance(pool)

  const probe = new FreeListAllocator(make(CAPACITY))
  conformance({
    name: `FreeListAllocator over ${name}`,
    make: () => new FreeListAllocator(make(CAPACITY)),
    largest: probe.largestFree,
    maxAlign: 2 ** 14,
    exact: false,
    gathersFreed: true,
    ...FOUND,
  })
  probe.dispose()

  const stack = new StackAllocator(make(CAPACITY))
  conformance({
    name: `StackAllocator over ${name}`,
    make: () => new StackAllocator(make(CAPACITY)),
    largest: stack.remaining - 8,
    maxAlign: 2 ** 14,
    exact: false,
    freesInOrder: 'lifo',
    reset: (allocator) => (allocator as StackAllocator).reset(),
    ...FOUND,
  })
  stack.dispose()
}
