/** allocator.valloc: allocators in the hands of an addon that is not ours. */
import { describe, expect, test } from 'vitest'
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  DynamicAllocator,
  FreeListAllocator,
  LimitAllocator,
  nullAllocator,
  pageAllocator,
  PoolAllocator,
  rawCAllocator,
  refusedCalls,
  Region,
  SlabAllocator,
  StackAllocator,
} from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { Memory } from '../support/wasm.js'
import { loadHolder } from './holder.js'

const c = loadHolder()
const SIZE_MAX = 2n ** 64n - 1n

interface Strategy {
  name: string
  make(): Allocator & { reset(): void; region: Region }
  /** A bump keeps no sizes: C frees nothing there. */
  keepsSizes: boolean
}

const strategies: Strategy[] = [
  { name: 'bump', make: () => new BumpAllocator(65_536), keepsSizes: false },
  { name: 'stack', make: () => new StackAllocator(65_536), keepsSizes: true },
  { name: 'pool', make: () => new PoolAllocator(1024, 64), keepsSizes: true },
  { name: 'free list', make: () => new FreeListAllocator(65_536), keepsSizes: true },
  { name: 'slab', make: () => new SlabAllocator({ reserve: 65_536 }), keepsSizes: true },
]

/** How often C was refused while something ran. */
function refusals(run: () => void): number {
  const before = refusedCalls()
  run()
  return refusedCalls() - before
}

describe.each(strategies)('the valloc of a $name allocator', ({ make, keepsSizes }) => {
  test('is the same heap for C, and its bytes are seen without a copy', () => {
    using heap = make()
    using v = heap.valloc
    const first = c.allocate(v, 100)
    for (const way of [v, v.external, v.address]) {
      expect(c.isValloc(way)).toBe(true)
      const ptr = Number(c.allocate(way, 100, 16, 7))
      expect(heap.owns(ptr)).toBe(true)
      expect([...heap.view(ptr, 100)]).toEqual(Array.from({ length: 100 }, () => 7))
    }
    expect(heap.stats().used).toBeGreaterThanOrEqual(400)
    heap.reset()
    expect(heap.stats().used).toBe(0)
    const again = c.allocate(v, 100)
    expect(again).toBe(first)
    expect(heap.stats().used).toBeGreaterThanOrEqual(100)
  })

  test('frees what JavaScript allocated, and JavaScript what C did', () => {
    using heap = make()
    using v = heap.valloc
    const ours = heap.rawAlloc(1024, 16)
    expect(c.usableSize(v, BigInt(ours))).toBe(keepsSizes ? 1024 : 0)
    expect(c.release(v, BigInt(ours))).toBe(true)
    if (keepsSizes) expect(heap.stats().used).toBe(0)
    const used = heap.stats().used
    const theirs = Number(c.allocate(v, 1024))
    heap.rawFree(theirs, 1024, 16)
    expect(heap.stats().used).toBe(used)
  })

  test('gives NULL for what cannot be', () => {
    using heap = make()
    using v = heap.valloc
    const { used } = heap.stats()
    for (const size of [SIZE_MAX, SIZE_MAX - 15n, 2n ** 63n, 2n ** 32n, 100_000_000]) {
      expect(c.allocate(v, size)).toBe(0n)
      expect(c.allocateZeroed(v, size, 16)).toBe(0n)
    }
    for (const align of [3, 24, 2 ** 40]) expect(c.allocate(v, 64, align)).toBe(0n)
    const ptr = c.allocate(v, 1024)
    for (const size of [SIZE_MAX, 2n ** 32n]) expect(c.reallocate(v, ptr, size)).toBe(0n)
    heap.rawFree(Number(ptr), 1024, 16)
    expect(heap.stats().used).toBe(used)
  })

  test('refuses foreign pointers, inner ones and second frees, and counts them', () => {
    using heap = make()
    using v = heap.valloc
    const foreign = cAllocator.alloc(64)
    const ptr = c.allocate(v, 1024)
    const before = heap.stats().used
    const wrong = [foreign.address, 1n, 2n ** 47n, SIZE_MAX]
    if (keepsSizes) wrong.push(ptr + 1n, ptr + 16n)
    const counted = refusals(() => wrong.forEach((address) => c.release(v, address)))
    expect(counted).toBe(wrong.length)
    expect(heap.stats().used).toBe(before)
    c.release(v, ptr)
    if (keepsSizes) expect(refusals(() => c.release(v, ptr))).toBe(1)
    expect(refusals(() => c.release(v, 0n))).toBe(0)
    foreign.free()
  })

  test('pins: the allocator and its region are disposed after the release', () => {
    const heap = make()
    const v = heap.valloc
    expect(heap.valloc).toBe(v)
    expectCode('PINNED', () => heap.dispose())
    expectCode('PINNED', () => heap.region.dispose())
    expect(c.allocate(v, 64)).not.toBe(0n)
    v.release()
    v.release()
    expect(v.held).toBe(false)
    expect([c.isValloc(v), c.isValloc(v.external), c.isValloc(v.address)]).toEqual(
      Array.from({ length: 3 }, () => false),
    )
    expect(c.allocate(v, 64)).toBe(0n)
    using again = heap.valloc
    expect(again).not.toBe(v)
    expect(c.isValloc(again)).toBe(true)
    again.release()
    heap.dispose()
    expectCode('DISPOSED', () => heap.valloc)
  })
})

test('a region of the caller is pinned too', () => {
  using region = Region.malloc(4096)
  const heap = new SlabAllocator(region)
  const v = heap.valloc
  expectCode('PINNED', () => region.dispose())
  expectCode('PINNED', () => heap.dispose())
  v.release()
  heap.dispose()
})

test('memory that C allocated comes back as a region, whose dispose gives it back to C', () => {
  using heap = new SlabAllocator()
  using v = heap.valloc
  const address = c.allocate(v, 5000, 64, 42)
  const region = Region.borrow(address, 5000, { free: (ptr) => c.release(v, BigInt(ptr)) })
  expect(new Uint8Array(region.buffer)[4999]).toBe(42)
  expect(heap.stats().used).toBe(5000)
  region.dispose()
  expect(heap.stats().used).toBe(0)
})

test('realloc moves a block with its bytes, and a failed one leaves it', () => {
  using heap = new SlabAllocator({ reserve: 65_536 })
  using v = heap.valloc
  const small = c.allocate(v, 100, 16, 9)
  const moved = c.reallocate(v, small, 20_000)
  expect(moved).not.toBe(0n)
  expect(heap.view(Number(moved), 100).every((byte) => byte === 9)).toBe(true)
  expect(c.reallocate(v, moved, 1_000_000)).toBe(0n)
  expect(heap.view(Number(moved), 100).every((byte) => byte === 9)).toBe(true)
  expect(c.usableSize(v, moved)).toBeGreaterThanOrEqual(20_000)
  c.release(v, moved)
  expect(heap.stats().used).toBe(0)
})

// The process's own malloc once more, as a library: it is everywhere. Others are in test/faults/dynamic.test.ts.
const again = new DynamicAllocator({ library: 'libc.so.6' })

describe.each([
  ['a DynamicAllocator', again],
  ['cAllocator', cAllocator],
  ['rawCAllocator', rawCAllocator],
  ['pageAllocator', pageAllocator],
] as const)('the valloc of %s', (_, allocator) => {
  test('is one heap with JavaScript, from any thread', () => {
    using v = allocator.valloc
    const ptr = c.allocateInThread(v, 3000)
    expect(allocator.owns(Number(ptr))).toBe(true)
    expect(allocator.view(Number(ptr), 3000)[2999]).toBe(0x5a)
    expect(c.usableSize(v, ptr)).toBeGreaterThanOrEqual(3000)
    expect(refusals(() => c.release(v, ptr + 16n))).toBe(1)
  })

  test('frees what C allocated once', () => {
    using v = allocator.valloc
    const ptr = c.allocateZeroed(v, 10, 100)
    const grown = c.reallocate(v, ptr, 100_000)
    const last = grown === 0n ? ptr : grown
    expect(refusals(() => c.release(v, last))).toBe(0)
    expect(refusals(() => c.release(v, last))).toBe(1)
  })
})

test('the null allocator has no memory for C either', () => {
  using v = nullAllocator.valloc
  expect(c.allocate(v, 1)).toBe(0n)
})

test('an arena and a quota are called back, and hold for C too', () => {
  using inner = new SlabAllocator()
  using quota = new LimitAllocator(inner, 1000)
  using v = quota.valloc
  const ptr = c.allocate(v, 900, 16, 1)
  expect(inner.owns(Number(ptr))).toBe(true)
  expect(c.allocate(v, 200)).toBe(0n)
  expect(c.usableSize(v, ptr)).toBe(900)
  expect(refusals(() => c.release(v, ptr + 16n))).toBe(1)
  c.release(v, ptr)
  expect(quota.stats().used).toBe(0)
  v.release()

  using arena = new ArenaAllocator(inner)
  using w = arena.valloc
  for (let i = 0; i < 100; i++) expect(c.allocate(w, 1000)).not.toBe(0n)
  expectCode('PINNED', () => arena.dispose())
  arena.reset('free_all')
  expect(inner.stats().used).toBe(0)
})

test('is for C only where addresses are', () => {
  const memory = new Memory({ initial: 1 })
  using heap = new BumpAllocator(Region.wasm(memory, { start: 16 }))
  expectCode('UNSUPPORTED', () => heap.valloc)
})

test('is told from everything else', () => {
  const others = [undefined, null, 0, 5, 0n, 'v', {}, { external: 1 }, [], Symbol(), () => 1]
  for (const other of [...others, c.stranger(), { external: c.stranger() }]) {
    expect(c.isValloc(other)).toBe(false)
    expect(c.allocate(other, 16)).toBe(0n)
  }
})
