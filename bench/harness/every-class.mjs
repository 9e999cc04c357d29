// Uses every allocator class and every kind of region, as a process does that has been up for a
// while: from then on V8 has seen all of their shapes where the library's shared code meets them. A
// figure taken without this is that of a program that uses one class only.

import * as offheap from 'offheap'

const { Allocator, cAllocator, nullAllocator, pageAllocator, rawCAllocator } = offheap
const { ArenaAllocator, BumpAllocator, FreeListAllocator, PoolAllocator } = offheap
const { Region, SlabAllocator, StackAllocator } = offheap
const { FailingAllocator, FallbackAllocator, LimitAllocator } = offheap
const { BacktracingAllocator, DebugAllocator, LoggingAllocator, TrackingAllocator } = offheap
const { ConcurrentBumpAllocator, DynamicAllocator, GcAllocator, ThreadSafeAllocator } = offheap

const CAPACITY = 1 << 20
/** As large as the largest block that is asked for. */
const BLOCK = 288
const ROUNDS = 800
/** Of those that go into native code, or may. */
const SLOW_ROUNDS = 100

/** What a user may write: the four raw operations, and everything else inherited. */
class HandWritten extends Allocator {
  rawAlloc(size, align) {
    return cAllocator.rawAlloc(size, align)
  }
  rawResize(ptr, size, align, newSize) {
    return cAllocator.rawResize(ptr, size, align, newSize)
  }
  rawRemap(ptr, size, align, newSize) {
    return cAllocator.rawRemap(ptr, size, align, newSize)
  }
  rawFree(ptr, size, align) {
    cAllocator.rawFree(ptr, size, align)
  }
}

/** Memory of every kind. */
const memories = () => [
  Region.malloc(CAPACITY),
  Region.pages(CAPACITY),
  Region.shared(CAPACITY),
  new ArrayBuffer(CAPACITY),
  new Uint8Array(CAPACITY),
]

/** What a wrapper may lie over: a strategy and the C heap. */
const inners = () => [new SlabAllocator({ reserve: CAPACITY }), cAllocator]

/** One of a library that the system may lack. */
function ifThere(make) {
  try {
    return [make()]
  } catch (error) {
    if (error.code === 'ERR_OFFHEAP_LIBRARY_NOT_FOUND') return []
    throw error
  }
}

let logged = 0
const countCharacters = (line) => {
  logged += line.length
}

/** Instances of each exported class by its name, on regions of every kind. */
const makers = {
  ArenaAllocator: () =>
    [cAllocator, pageAllocator, new BumpAllocator(CAPACITY)].map(
      (parent) => new ArenaAllocator(parent, { limit: CAPACITY }),
    ),
  BacktracingAllocator: () =>
    [new SlabAllocator({ reserve: CAPACITY }), cAllocator].flatMap((inner) =>
      ['exact', 'sampled', 'off'].map((mode) => new BacktracingAllocator(inner, { mode })),
    ),
  BumpAllocator: () => [CAPACITY, ...memories()].map((memory) => new BumpAllocator(memory)),
  CAllocator: () => [cAllocator],
  ConcurrentBumpAllocator: () =>
    [CAPACITY, Region.shared(CAPACITY)].map((memory) => new ConcurrentBumpAllocator(memory)),
  DebugAllocator: () =>
    [{}, { guardEvery: 100 }].flatMap((options) =>
      [new SlabAllocator({ reserve: 4 * CAPACITY }), cAllocator].map(
        (inner) => new DebugAllocator(inner, { pageSize: 4096, ...options }),
      ),
    ),
  DynamicAllocator: () => ifThere(() => new DynamicAllocator({ library: 'libc.so.6' })),
  GcAllocator: () => ifThere(() => new GcAllocator()),
  RawCAllocator: () => [rawCAllocator],
  PageAllocator: () => [pageAllocator],
  NullAllocator: () => [nullAllocator],
  FailingAllocator: () => inners().map((inner) => new FailingAllocator(inner)),
  FallbackAllocator: () =>
    inners().map((inner) => new FallbackAllocator(new BumpAllocator(CAPACITY), inner)),
  FreeListAllocator: () => [CAPACITY, ...memories()].map((memory) => new FreeListAllocator(memory)),
  LimitAllocator: () => inners().map((inner) => new LimitAllocator(inner, CAPACITY)),
  LoggingAllocator: () => inners().map((inner) => new LoggingAllocator(inner, countCharacters)),
  PoolAllocator: () => [
    new PoolAllocator(BLOCK, 1000),
    ...memories().map((memory) => new PoolAllocator(BLOCK, memory)),
  ],
  SlabAllocator: () => [
    new SlabAllocator({ reserve: CAPACITY }),
    ...memories().map((memory) => new SlabAllocator(memory)),
  ],
  ThreadSafeAllocator: () => [
    new ThreadSafeAllocator(new SlabAllocator(Region.shared(CAPACITY))),
    new ThreadSafeAllocator(new BumpAllocator(CAPACITY)),
  ],
  StackAllocator: () => [CAPACITY, ...memories()].map((memory) => new StackAllocator(memory)),
  TrackingAllocator: () => inners().map((inner) => new TrackingAllocator(inner)),
}

/** Those that work in a region and need no native code. */
const FAST = new Set([
  'ArenaAllocator',
  'BumpAllocator',
  'FreeListAllocator',
  'PoolAllocator',
  'SlabAllocator',
  'StackAllocator',
])

/** So that a class which is added to the library cannot be forgotten here. */
function assertComplete() {
  const classes = Object.entries(offheap).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof Allocator,
  )
  const missing = classes.map(([name]) => name).filter((name) => !(name in makers))
  if (missing.length > 0) throw new Error(`every-class.mjs does not use ${missing.join(', ')}`)
}

/** Handles and raw blocks through every operation. These call sites see all classes. */
function use(allocator, rounds) {
  let sum = 0
  for (let i = 0; i < rounds; i++) {
    const size = 16 + (i & 127)
    let a = allocator.tryAlloc(size)
    if (a === null) {
      if (!('reset' in allocator)) return sum
      allocator.reset()
      a = allocator.alloc(size)
    }
    a.bytes[0] = i
    sum += a.ptr + a.bytes.length
    a = allocator.realloc(a, size * 2)
    allocator.free(a)
    const ptr = allocator.rawAlloc(size, 8)
    if (ptr === 0) continue
    sum += allocator.view(ptr, size).length
    if (allocator.rawResize(ptr, size, 8, size - 8)) allocator.rawFree(ptr, size - 8, 8)
    else allocator.rawFree(ptr, size, 8)
  }
  return sum + allocator.stats().used
}

/** A tenth of a second or two. */
export function useEveryClass() {
  assertComplete()
  let sum = 0
  const all = { ...makers, HandWritten: () => [new HandWritten()] }
  for (const [name, make] of Object.entries(all)) {
    for (const allocator of make()) {
      sum += use(allocator, FAST.has(name) ? ROUNDS : SLOW_ROUNDS)
      allocator.dispose()
    }
  }
  return sum + logged
}
