/** Allocators over allocators over allocators: each passes the suite wherever it stands. */
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  FailingAllocator,
  FallbackAllocator,
  FreeListAllocator,
  LimitAllocator,
  LoggingAllocator,
  nullAllocator,
  pageAllocator,
  PoolAllocator,
  Region,
  SlabAllocator,
  StackAllocator,
  TrackingAllocator,
} from '../../lib/index.js'
import type { Subject } from '../../lib/conformance/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

/** What stands below, made anew each time. */
interface Base {
  make(): Allocator
  /** Bytes that it has; Infinity where the system decides. */
  readonly bytes: number
  /** Does it round, so that an arena cannot fill it with blocks of one byte? */
  readonly rounds?: boolean
}

/** Of a slab: whole pages of 512 bytes. */
const SLAB = 2 ** 19
const slabOverPages = (): SlabAllocator => new SlabAllocator(Region.pages(SLAB))

/** A line is a parent of every arena below. */
const bases: Readonly<Record<string, Base>> = {
  cAllocator: { make: () => cAllocator, bytes: Infinity },
  pageAllocator: { make: () => pageAllocator, bytes: Infinity },
  BumpAllocator: { make: () => new BumpAllocator(CAPACITY), bytes: CAPACITY },
  'LimitAllocator over cAllocator': {
    make: () => new LimitAllocator(cAllocator, Number.MAX_SAFE_INTEGER),
    bytes: Infinity,
  },
  'TrackingAllocator over cAllocator': {
    make: () => new TrackingAllocator(cAllocator),
    bytes: Infinity,
  },
  'FallbackAllocator of a bump and cAllocator': {
    make: () => new FallbackAllocator(new BumpAllocator(4096), cAllocator),
    bytes: Infinity,
  },
  'SlabAllocator over Region.pages': { make: slabOverPages, bytes: SLAB, rounds: true },
  'LimitAllocator over SlabAllocator': {
    make: () => new LimitAllocator(slabOverPages(), CAPACITY),
    bytes: CAPACITY,
    rounds: true,
  },
  FreeListAllocator: {
    make: () => new FreeListAllocator(CAPACITY),
    bytes: CAPACITY,
    rounds: true,
  },
}

/** A line is something that an arena over each of these is under: the arena itself first. */
const tops: Readonly<Record<string, (arena: ArenaAllocator) => Allocator>> = {
  ArenaAllocator: (arena) => arena,
  'ArenaAllocator over ArenaAllocator': (arena) => new ArenaAllocator(arena),
  'LimitAllocator over ArenaAllocator': (arena) =>
    new LimitAllocator(arena, Number.MAX_SAFE_INTEGER),
  'TrackingAllocator over ArenaAllocator': (arena) => new TrackingAllocator(arena),
  'FallbackAllocator of nothing and ArenaAllocator': (arena) =>
    new FallbackAllocator(nullAllocator, arena),
  'a user-written allocator over ArenaAllocator': (arena) => new PassingAllocator(arena),
}

/** What a subject is made of, from the bottom up. */
interface Tower {
  readonly base: Allocator
  readonly arena: ArenaAllocator
}

for (const [below, { make, bytes, rounds = false }] of Object.entries(bases)) {
  for (const [above, over] of Object.entries(tops)) {
    const towers = new WeakMap<Allocator, Tower>()
    conformance({
      name: `${above} over ${below}`,
      make: () => {
        const base = make()
        const arena = new ArenaAllocator(base)
        const top = over(arena)
        towers.set(top, { base, arena })
        return top
      },
      largest: bytes,
      maxAlign: 2 ** 14,
      ...(rounds ? { exact: false } : {}),
      reset: (top) => {
        const { base, arena } = towers.get(top)!
        if (top instanceof ArenaAllocator) top.reset('free_all')
        arena.reset('free_all')
        if (base instanceof BumpAllocator) base.reset()
      },
    })
  }
}

const FINDS = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true }
const BLOCK = 500

/** The strategies, as they are and below others. */
const strategies: readonly Subject[] = [
  {
    name: 'PoolAllocator',
    make: () => new PoolAllocator(BLOCK, 37, { growTo: 300 }),
    largest: BLOCK,
    blockSize: BLOCK,
    maxAlign: 16,
    ...FINDS,
  },
  {
    name: 'StackAllocator',
    make: () => new StackAllocator(CAPACITY),
    largest: CAPACITY - 8,
    maxAlign: 2 ** 14,
    exact: false,
    freesInOrder: 'lifo',
    ...FINDS,
  },
  {
    name: 'FreeListAllocator',
    make: () => new FreeListAllocator(CAPACITY),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    exact: false,
    ...FINDS,
  },
  {
    name: 'SlabAllocator over Region.pages',
    make: slabOverPages,
    largest: SLAB,
    maxAlign: 2 ** 14,
    exact: false,
    ...FINDS,
  },
]

const covers: Readonly<Record<string, (inner: Allocator) => Allocator>> = {
  TrackingAllocator: (inner) => new TrackingAllocator(inner),
  LimitAllocator: (inner) => new LimitAllocator(inner, Number.MAX_SAFE_INTEGER),
  LoggingAllocator: (inner) => new LoggingAllocator(inner, () => {}),
  FailingAllocator: (inner) => new FailingAllocator(inner),
  'FallbackAllocator of nothing and': (inner) => new FallbackAllocator(nullAllocator, inner),
  'FallbackAllocator with no second and': (inner) => new FallbackAllocator(inner, nullAllocator),
  'a user-written allocator': (inner) => new PassingAllocator(inner),
  'three others': (inner) =>
    new TrackingAllocator(new LimitAllocator(new PassingAllocator(inner), 2 ** 40)),
}

for (const [above, over] of Object.entries(covers)) {
  for (const { name, make, ...traits } of strategies) {
    const subject = { ...traits, name: `${above} over ${name}`, make: () => over(make()) }
    // Of what was the first's, the second cannot know that it was freed.
    const findsDoubleFrees = !above.includes('no second')
    conformance({ ...subject, findsDoubleFrees })
  }
}

/** What a small bump has no room for goes to a slab, which has room for most. */
const bumps = new WeakMap<Allocator, BumpAllocator>()
conformance({
  name: 'FallbackAllocator of a bump and SlabAllocator',
  make: () => {
    const bump = new BumpAllocator(4096)
    const both = new FallbackAllocator(bump, slabOverPages())
    bumps.set(both, bump)
    return both
  },
  largest: SLAB,
  maxAlign: 2 ** 14,
  exact: false,
  reset: (both) => bumps.get(both)!.reset(),
})
