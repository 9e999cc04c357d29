/** DebugAllocator is an allocator like every other, whatever it is over and whatever it looks for. */
import {
  type Allocator,
  BumpAllocator,
  cAllocator,
  DebugAllocator,
  type DebugOptions,
  FreeListAllocator,
  LimitAllocator,
  pageAllocator,
  Region,
  SlabAllocator,
} from '../../lib/index.js'
import { PassingAllocator } from '../support/passing.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

const FINDS = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true } as const

const variants: Readonly<Record<string, DebugOptions>> = {
  'as it is': {},
  'without stacks': { stackTraceFrames: 0 },
  'without fences': { stackTraceFrames: 0, fenceBytes: 0 },
  'with wide fences and small pages': { stackTraceFrames: 0, fenceBytes: 1000, pageSize: 4096 },
  'that holds nothing back': { stackTraceFrames: 0, quarantineBytes: 0 },
  'that never gives back': { stackTraceFrames: 0, neverUnmap: true },
  'that keeps what it knew': { stackTraceFrames: 0, quarantineBytes: 0, retainMetadata: true },
  'whose resizes take stacks': { stackTraceFrames: 2, resizeStackTraces: true },
  'that believes in zeros': { stackTraceFrames: 0, backingZeroes: true },
  'with a log': { stackTraceFrames: 1, verboseLog: () => {} },
}

for (const [about, options] of Object.entries(variants)) {
  conformance({
    name: `DebugAllocator ${about} over cAllocator`,
    make: () => new DebugAllocator(cAllocator, options),
    largest: Infinity,
    maxAlign: 2 ** 20,
    ...FINDS,
  })
}

if (process.platform !== 'win32') {
  const guarded: Readonly<Record<string, DebugOptions>> = {
    'on guarded pages': { guard: true, stackTraceFrames: 0 },
    'with few guarded pages': { guard: true, guardSlots: 20, quarantineBytes: 1000 },
    'that guards some': { guardEvery: 3, stackTraceFrames: 0 },
    'that guards as many as it can': { guardEvery: 1, guardSlots: 50, stackTraceFrames: 0 },
  }
  for (const [about, options] of Object.entries(guarded)) {
    const samples = options.guardEvery !== undefined
    conformance({
      name: `DebugAllocator ${about}`,
      make: () => new DebugAllocator(cAllocator, options),
      largest: Infinity,
      maxAlign: 2 ** 14,
      // Of what is passed on the C heap knows no sizes.
      ...(samples ? { findsDoubleFrees: true } : FINDS),
    })
  }
}

const SMALL: DebugOptions = { stackTraceFrames: 0, pageSize: 2048, quarantineBytes: 4096 }

/** Of a bump what was freed comes back with a reset alone, which needs all of it. */
const bumps = new WeakMap<Allocator, BumpAllocator>()
const startAnew = (allocator: Allocator): void => {
  ;(allocator as DebugAllocator).trim()
  bumps.get(allocator)!.reset()
}

for (const fenceBytes of [0, 16, 64]) {
  conformance({
    name: `DebugAllocator with ${fenceBytes} bytes of fence over a BumpAllocator`,
    make: () => {
      const bump = new BumpAllocator(CAPACITY)
      const allocator = new DebugAllocator(bump, { ...SMALL, fenceBytes })
      bumps.set(allocator, bump)
      return allocator
    },
    largest: CAPACITY - 2 * fenceBytes,
    maxAlign: 2 ** 14,
    exact: false,
    reset: startAnew,
    ...FINDS,
  })
}

const inners: Readonly<Record<string, () => Allocator>> = {
  pageAllocator: () => pageAllocator,
  'SlabAllocator over Region.pages': () => new SlabAllocator(Region.pages(2 ** 24)),
  'FreeListAllocator over a bare buffer': () => new FreeListAllocator(new ArrayBuffer(2 ** 24)),
  'a user-written allocator': () => new PassingAllocator(cAllocator),
  'another DebugAllocator': () => new DebugAllocator(cAllocator, { stackTraceFrames: 0 }),
}

for (const [name, make] of Object.entries(inners)) {
  conformance({
    name: `DebugAllocator over ${name}`,
    make: () => new DebugAllocator(make(), { ...SMALL, memoryLimit: 2 ** 20 }),
    largest: 2 ** 20,
    maxAlign: 2 ** 14,
    exact: false,
    ...FINDS,
  })
}

conformance({
  name: 'DebugAllocator whose limit comes first',
  make: () => new DebugAllocator(cAllocator, { stackTraceFrames: 0, memoryLimit: CAPACITY }),
  largest: CAPACITY,
  maxAlign: 2 ** 20,
  exact: false,
  gathersFreed: true,
  ...FINDS,
})

conformance({
  name: 'LimitAllocator over DebugAllocator',
  make: () => new LimitAllocator(new DebugAllocator(cAllocator), Number.MAX_SAFE_INTEGER),
  largest: Infinity,
  maxAlign: 2 ** 14,
  ...FINDS,
})

conformance({
  name: 'DebugAllocator that looks for nothing',
  make: () => new DebugAllocator(cAllocator, { safety: false }),
  largest: Infinity,
  maxAlign: 2 ** 20,
  findsDoubleFrees: true,
})
