/** What is traced is what it was: in every mode the suite passes as it does without a tracer. */
import {
  BacktracingAllocator,
  BumpAllocator,
  cAllocator,
  SlabAllocator,
  type TraceOptions,
} from '../../lib/index.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const variants: Readonly<Record<string, TraceOptions>> = {
  exact: {},
  'exact, with one frame and no handles': { frames: 1, handles: false },
  sampled: { mode: 'sampled', sampleBytes: 64 },
  'switched off': { mode: 'off' },
  'full at once': { maxBlocks: 3 },
}

for (const [about, options] of Object.entries(variants)) {
  conformance({
    name: `BacktracingAllocator, ${about}, over cAllocator`,
    make: () => new BacktracingAllocator(cAllocator, options),
    largest: Infinity,
    maxAlign: 2 ** 20,
    findsDoubleFrees: true,
  })
  conformance({
    name: `BacktracingAllocator, ${about}, over a SlabAllocator`,
    make: () => new BacktracingAllocator(new SlabAllocator({ reserve: 2 ** 22 }), options),
    largest: 2 ** 22,
    maxAlign: 2 ** 16,
    exact: false,
    gathersFreed: true,
    reset: (allocator) => (allocator as BacktracingAllocator).reset(),
    findsDoubleFrees: true,
  })
  conformance({
    name: `BacktracingAllocator, ${about}, over a BumpAllocator`,
    make: () => new BacktracingAllocator(new BumpAllocator(CAPACITY), options),
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset: (allocator) => (allocator as BacktracingAllocator).reset(),
  })
}

conformance({
  name: 'BacktracingAllocator over another',
  make: () => new BacktracingAllocator(new BacktracingAllocator(cAllocator)),
  largest: Infinity,
  maxAlign: 2 ** 20,
  findsDoubleFrees: true,
})
