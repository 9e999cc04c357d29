/** The allocators over allocators: each passes the suite with whatever is below it. */
import assert from 'node:assert/strict'
import {
  type Allocator,
  BumpAllocator,
  cAllocator,
  FailingAllocator,
  FallbackAllocator,
  LimitAllocator,
  LoggingAllocator,
  nullAllocator,
  TrackingAllocator,
} from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

/** Every line must have the documented form. */
const LINE = new RegExp(
  [
    /alloc size=\S+ align=\S+ (ptr=0x[0-9a-f]+|error=ERR_OFFHEAP_\w+)/,
    /resize ptr=\S+ size=\S+ align=\S+ newSize=\S+ (ok=(true|false)|error=ERR_OFFHEAP_\w+)/,
    /remap ptr=\S+ size=\S+ align=\S+ newSize=\S+ (newPtr=0x[0-9a-f]+|error=ERR_OFFHEAP_\w+)/,
    /free ptr=\S+ size=\S+ align=\S+( error=ERR_OFFHEAP_\w+)?/,
  ]
    .map(({ source }) => `^${source}$`)
    .join('|'),
)

const checkLine = (line: string): void => assert.match(line, LINE)

type Wrap = (inner: Allocator) => Allocator

const wraps: Readonly<Record<string, Wrap>> = {
  'FallbackAllocator with no second': (inner) => new FallbackAllocator(inner, nullAllocator),
  'FallbackAllocator with no first': (inner) => new FallbackAllocator(nullAllocator, inner),
  LimitAllocator: (inner) => new LimitAllocator(inner, Number.MAX_SAFE_INTEGER),
  TrackingAllocator: (inner) => new TrackingAllocator(inner),
  LoggingAllocator: (inner) => new LoggingAllocator(inner, checkLine),
  FailingAllocator: (inner) => new FailingAllocator(inner, { resizeFailIndex: 5 }),
}

for (const [name, wrap] of Object.entries(wraps)) {
  conformance({
    name: `${name} over cAllocator`,
    make: () => wrap(cAllocator),
    largest: Infinity,
    maxAlign: 2 ** 20,
    // Of what was the first's, the second cannot know that it was freed.
    findsDoubleFrees: name !== 'FallbackAllocator with no second',
  })
  const bumps = new WeakMap<Allocator, BumpAllocator>()
  conformance({
    name: `${name} over a BumpAllocator`,
    make: () => {
      const bump = new BumpAllocator(CAPACITY)
      const allocator = wrap(bump)
      bumps.set(allocator, bump)
      return allocator
    },
    largest: CAPACITY,
    maxAlign: 2 ** 14,
    reset: (allocator) => bumps.get(allocator)!.reset(),
  })
}

conformance({
  name: 'LimitAllocator whose quota ends first',
  make: () => new LimitAllocator(cAllocator, CAPACITY),
  largest: CAPACITY,
  maxAlign: 2 ** 20,
  gathersFreed: true,
})

conformance({
  name: 'LimitAllocator over a user-written allocator',
  make: () => new LimitAllocator(new PassingAllocator(cAllocator), CAPACITY),
  largest: CAPACITY,
  maxAlign: 2 ** 20,
})

for (const capacity of [100, CAPACITY]) {
  conformance({
    name: `FallbackAllocator of a bump with ${capacity} bytes and cAllocator`,
    make: () => new FallbackAllocator(new BumpAllocator(capacity), cAllocator),
    largest: Infinity,
    maxAlign: 2 ** 20,
  })
}

conformance({
  name: 'FallbackAllocator of a quota of cAllocator and cAllocator',
  make: () => new FallbackAllocator(new LimitAllocator(cAllocator, 5000), cAllocator),
  largest: Infinity,
  maxAlign: 2 ** 20,
})

conformance({
  name: 'LimitAllocator over TrackingAllocator over FallbackAllocator',
  make: () => {
    const fallback = new FallbackAllocator(new BumpAllocator(4096), cAllocator)
    return new LimitAllocator(new TrackingAllocator(fallback), CAPACITY)
  },
  largest: CAPACITY,
  maxAlign: 2 ** 20,
})
