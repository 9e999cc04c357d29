/** What is traced passes the suite as what it is over does, in each mode, and one tracer over another. */
import {
  type Allocator,
  BacktracingAllocator,
  BumpAllocator,
  cAllocator,
  SlabAllocator,
  type TraceOptions,
} from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const modes: Readonly<Record<string, TraceOptions>> = {
  exact: {},
  'exact, without handles, one frame': { handles: false, frames: 1 },
  'exact, with a ledger that is full': { maxBlocks: 3 },
  sampled: { mode: 'sampled', sampleBytes: 1000 },
  off: { mode: 'off' },
}

function traced(name: string, wrap: (inner: Allocator) => Allocator): void {
  conformance({
    name: `${name} over cAllocator`,
    make: () => wrap(cAllocator),
    largest: Infinity,
    maxAlign: 2 ** 20,
  })
  conformance({
    name: `${name} over a BumpAllocator`,
    make: () => wrap(new BumpAllocator(CAPACITY)),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    // That would be 2^18 stacks of the one line that allocates a byte.
    exact: false,
    reset: (allocator) => (allocator as BacktracingAllocator).reset(),
  })
}

for (const [mode, options] of Object.entries(modes)) {
  traced(`BacktracingAllocator, ${mode},`, (inner) => new BacktracingAllocator(inner, options))
}

traced('BacktracingAllocator over another', (inner) => {
  const below = new BacktracingAllocator(inner, { mode: 'sampled', sampleBytes: 100 })
  return new BacktracingAllocator(below)
})

conformance({
  name: 'BacktracingAllocator over a user-written allocator',
  make: () => new BacktracingAllocator(new PassingAllocator(cAllocator)),
  largest: Infinity,
  maxAlign: 2 ** 20,
})

conformance({
  name: 'BacktracingAllocator over a SlabAllocator',
  make: () => new BacktracingAllocator(new SlabAllocator({ reserve: 2 ** 20 })),
  largest: 2 ** 20,
  maxAlign: 2 ** 14,
  exact: false,
  gathersFreed: true,
  findsDoubleFrees: true,
  findsWrongSizes: true,
  findsInvalidFrees: true,
})
