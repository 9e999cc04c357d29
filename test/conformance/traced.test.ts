/** The allocators pass the suite while all of them are traced, and their blocks are all accounted for. */
import { afterAll, expect, test } from 'vitest'
import * as offheap from '../../lib/index.js'
import { BacktracingAllocator, traceEverything } from '../../lib/leaks/index.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const tracing = traceEverything(offheap, { frames: 4 })
afterAll(() => tracing.stop())

const { BumpAllocator, cAllocator, FreeListAllocator, LimitAllocator } = offheap
const { PoolAllocator, SlabAllocator, StackAllocator, ThreadSafeAllocator } = offheap
const finds = { findsDoubleFrees: true, findsInvalidFrees: true }
/** Whole pages of 512 bytes, so that the largest block fills it. */
const SLAB = 1024 * 512
const bounded = { largest: CAPACITY, maxAlign: 2 ** 14, exact: false }
const slab = { ...bounded, ...finds, largest: SLAB, gathersFreed: true }
const unbounded = { largest: Infinity, maxAlign: 2 ** 20 }

conformance({ name: 'traced: cAllocator', make: () => cAllocator, ...unbounded, ...finds })
conformance({
  name: 'traced: BumpAllocator',
  make: () => new BumpAllocator(CAPACITY),
  ...bounded,
  reset: (allocator) => (allocator as InstanceType<typeof BumpAllocator>).reset(),
})
conformance({
  name: 'traced: SlabAllocator',
  make: () => new SlabAllocator({ reserve: SLAB }),
  ...slab,
})
conformance({
  name: 'traced: StackAllocator',
  make: () => new StackAllocator(CAPACITY + 8),
  ...{ ...bounded, ...finds, freesInOrder: 'lifo', gathersFreed: true },
})
conformance({
  name: 'traced: PoolAllocator',
  make: () => new PoolAllocator(500, 300),
  ...{ largest: 500, blockSize: 500, maxAlign: 16, ...finds, gathersFreed: true },
})
conformance({
  name: 'traced: FreeListAllocator',
  make: () => new FreeListAllocator(CAPACITY),
  ...{ ...bounded, ...finds, gathersFreed: true },
  largest: new FreeListAllocator(CAPACITY).largestFree,
})
conformance({
  name: 'traced: LimitAllocator over cAllocator',
  make: () => new LimitAllocator(cAllocator, Number.MAX_SAFE_INTEGER),
  ...{ ...unbounded, ...finds },
})
conformance({
  name: 'traced: ThreadSafeAllocator over a SlabAllocator',
  make: () => new ThreadSafeAllocator(new SlabAllocator({ reserve: SLAB })),
  ...slab,
})
conformance({
  name: 'traced: BacktracingAllocator over cAllocator',
  make: () => new BacktracingAllocator(cAllocator),
  ...unbounded,
})

test('at the end nothing lives, of all that was allocated', () => {
  const { sites, totals } = tracing.profile()
  expect(totals.allocs).toBeGreaterThan(1000)
  expect(sites.filter(({ liveBlocks }) => liveBlocks !== 0)).toEqual([])
  expect(totals.unknownFrees).toBe(0)
  const names = new Set(sites.map(({ allocator }) => allocator))
  expect([...names].toSorted()).toEqual([
    ...['BacktracingAllocator(cAllocator)', 'BumpAllocator', 'FreeListAllocator'],
    ...['LimitAllocator(cAllocator)', 'PoolAllocator', 'SlabAllocator', 'StackAllocator'],
    ...['ThreadSafeAllocator', 'cAllocator'],
  ])
})
