/** Allocators over allocators over allocators: each passes the suite wherever it stands. */
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  FallbackAllocator,
  LimitAllocator,
  nullAllocator,
  pageAllocator,
  TrackingAllocator,
} from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

/** What stands below, made anew each time. */
interface Base {
  make(): Allocator
  /** Bytes that it has; Infinity where the system decides. */
  readonly bytes: number
}

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

for (const [below, { make, bytes }] of Object.entries(bases)) {
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
      reset: (top) => {
        const { base, arena } = towers.get(top)!
        if (top instanceof ArenaAllocator) top.reset('free_all')
        arena.reset('free_all')
        if (base instanceof BumpAllocator) base.reset()
      },
    })
  }
}
