// Uses every allocator class and every kind of region, as a process does that has been up for a
// while: from then on V8 has seen all of their shapes where the library's shared code meets them. A
// figure taken without this is that of a program that uses one class only.

import * as offheap from 'offheap'

const { Allocator, cAllocator, nullAllocator, pageAllocator, rawCAllocator } = offheap
const { ArenaAllocator, BumpAllocator, Region } = offheap

const CAPACITY = 1 << 20
const ROUNDS = 2000
/** Of those that go to the kernel each time. */
const SLOW_ROUNDS = 200

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

/** Instances of each exported class by its name, on regions of every kind. */
const makers = {
  ArenaAllocator: () =>
    [cAllocator, pageAllocator, new BumpAllocator(CAPACITY)].map(
      (parent) => new ArenaAllocator(parent, { limit: CAPACITY }),
    ),
  BumpAllocator: () =>
    [
      CAPACITY,
      Region.malloc(CAPACITY),
      Region.pages(CAPACITY),
      Region.shared(CAPACITY),
      new ArrayBuffer(CAPACITY),
      new Uint8Array(CAPACITY),
    ].map((memory) => new BumpAllocator(memory)),
  CAllocator: () => [cAllocator],
  RawCAllocator: () => [rawCAllocator],
  PageAllocator: () => [pageAllocator],
  NullAllocator: () => [nullAllocator],
}

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

/** Some tens of milliseconds. */
export function useEveryClass() {
  assertComplete()
  let sum = 0
  for (const make of [...Object.values(makers), () => [new HandWritten()]]) {
    for (const allocator of make()) {
      const fast = allocator instanceof BumpAllocator || allocator instanceof ArenaAllocator
      sum += use(allocator, fast ? ROUNDS : SLOW_ROUNDS)
      allocator.dispose()
    }
  }
  return sum
}
