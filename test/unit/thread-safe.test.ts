/** ThreadSafeAllocator in one thread: taking over, sharing, and what is refused. */
import { describe, expect, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  ConcurrentBumpAllocator,
  FreeListAllocator,
  type HeapToken,
  LimitAllocator,
  nullAllocator,
  OutOfMemoryError,
  pageAllocator,
  PoolAllocator,
  Region,
  SlabAllocator,
  StackAllocator,
  ThreadSafeAllocator,
} from '../../lib/index.js'
import { loadAddon } from '../../lib/native/binding.js'
import type { RegionAllocator } from '../../lib/core/region-allocator.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { Memory } from '../support/wasm.js'

const SIZE = 2 ** 20

const makers: Record<string, (region: Region) => RegionAllocator> = {
  slab: (region) => new SlabAllocator(region),
  'free list': (region) => new FreeListAllocator(region),
  bump: (region) => new BumpAllocator(region),
}

const sharedSlab = (): ThreadSafeAllocator =>
  new ThreadSafeAllocator(new SlabAllocator(Region.shared(SIZE)))

/** Heaps that are held in this process, which only this file uses. */
const held = (): { heaps: number; holders: number } => loadAddon().native.shared.count()

describe('taking over', () => {
  test.each(Object.entries(makers))(
    'goes on where the %s left off, with the figures that it had',
    (_, make) => {
      const inner = make(Region.shared(SIZE))
      const sizes = [1, 0, 16, 100, 3000, 40_000, 17, 2032]
      const blocks = sizes.map((size) => ({ size, ptr: inner.rawAlloc(size, 16) }))
      inner.view(blocks[3]!.ptr, 100).fill(7)
      const [gone] = blocks.splice(5, 1)
      inner.rawFree(gone!.ptr, gone!.size, 16)
      const { name: _name, ...before } = inner.stats()
      using heap = new ThreadSafeAllocator(inner)
      const { name, ...after } = heap.stats()
      expect(after).toEqual(before)
      expect(name).toBe('ThreadSafeAllocator')
      expect(heap.view(blocks[2]!.ptr, 100).every((byte) => byte === 7)).toBe(false)
      expect(heap.view(blocks[3]!.ptr, 100).every((byte) => byte === 7)).toBe(true)
      for (const { ptr, size } of blocks.toReversed()) heap.rawFree(ptr, size, 16)
      expect(heap.stats()).toMatchObject({ used: 0, peak: before.peak })
    },
  )

  test('of a pool: its blocks are whole ones', () => {
    const pool = new PoolAllocator(64, 100)
    const { capacity } = pool.stats()
    using heap = new ThreadSafeAllocator(pool)
    const a = heap.alloc(10, 8)
    expect(heap.stats()).toMatchObject({ used: 64, capacity })
    expect(heap.usableSize(a.ptr)).toBe(64)
    expect(a.resize(64)).toBe(true)
    expect(heap.tryAlloc(65)).toBeNull()
    a.free()
    expectCode('DOUBLE_FREE', () => heap.rawFree(pool.region.address, 64, 8))
    expect(heap.stats()).toMatchObject({ used: 0, peak: 64 })
  })

  test('ends the inner allocator and its handles, and only those', () => {
    const region = Region.shared(SIZE)
    const inner = new SlabAllocator(region)
    const a = inner.alloc(100)
    const { ptr } = a
    using heap = new ThreadSafeAllocator(inner)
    expectCode('DISPOSED', () => inner.alloc(1))
    expectCode('DISPOSED', () => inner.rawFree(ptr, 100, 16))
    expectCode('USE_AFTER_FREE', () => a.bytes)
    expectCode('DISPOSED', () => inner.valloc)
    inner.dispose()
    expect(region.disposed).toBe(false)
    expect(heap.adopt(ptr, 100).bytes.length).toBe(100)
    expectCode('INVALID_ARGUMENT', () => new BumpAllocator(region))
  })

  test('frees the region that it made itself, and leaves that of others', () => {
    const inner = new SlabAllocator({ reserve: SIZE })
    const own = inner.region
    const heap = new ThreadSafeAllocator(inner)
    const a = heap.alloc(10)
    heap.dispose()
    heap.dispose()
    expect(own.disposed).toBe(true)
    expectCode('DISPOSED', () => a.bytes)

    using region = Region.shared(SIZE)
    const other = new ThreadSafeAllocator(new SlabAllocator(region))
    other.dispose()
    expect(region.disposed).toBe(false)
    new BumpAllocator(region).dispose()
  })

  test.each([
    ['cAllocator', () => cAllocator],
    ['pageAllocator', () => pageAllocator],
    ['nullAllocator', () => nullAllocator],
    ['a bump that needs no lock', () => new ConcurrentBumpAllocator(SIZE)],
    ['a stack', () => new StackAllocator(SIZE)],
    ['what wraps another', () => new LimitAllocator(cAllocator, 100)],
    ['one that is shared already', sharedSlab],
    [
      'WebAssembly memory',
      () => new SlabAllocator(Region.wasm(new Memory({ initial: 8 }), { start: 16 })),
    ],
  ])('is refused for %s, which stays as it was', (_, make) => {
    const inner = make()
    expectCode('UNSUPPORTED', () => new ThreadSafeAllocator(inner))
    if (inner !== nullAllocator) inner.alloc(16).free()
    inner.dispose()
  })

  test('is refused for what is no allocator, is disposed, or is in the hands of C', () => {
    for (const value of [undefined, null, 5, 'slab', {}, Region.shared(100)]) {
      expectCode('INVALID_ARGUMENT', () => new ThreadSafeAllocator(wrong(value)))
    }
    const inner = new SlabAllocator(Region.shared(SIZE))
    const valloc = inner.valloc
    expectCode('PINNED', () => new ThreadSafeAllocator(inner))
    inner.alloc(10).free()
    valloc.release()
    inner.dispose()
    expectCode('DISPOSED', () => new ThreadSafeAllocator(inner))
  })
})

describe('operations', () => {
  test('resize in place and move when they must', () => {
    using heap = sharedSlab()
    const a = heap.alloc(100)
    a.bytes.fill(3)
    const { ptr } = a
    expect(a.resize(112)).toBe(true)
    expect(a.ptr).toBe(ptr)
    heap.realloc(a, 5000)
    expect(a.ptr).not.toBe(ptr)
    expect(a.bytes.subarray(0, 100).every((byte) => byte === 3)).toBe(true)
    expect(heap.usableSize(a.ptr)).toBeGreaterThanOrEqual(5000)
    expectCode('DOUBLE_FREE', () => heap.usableSize(ptr))
    expectCode('INVALID_POINTER', () => heap.usableSize(0))
    a.free()
    expect(heap.stats().used).toBe(0)
  })

  test('out of memory is a value below and an exception above', () => {
    using heap = sharedSlab()
    expect(heap.rawAlloc(2 * SIZE, 16)).toBe(0)
    expect(heap.tryAlloc(2 ** 40)).toBeNull()
    expect(() => heap.alloc(2 * SIZE)).toThrow(OutOfMemoryError)
  })

  test('a handle is adopted for a block as it is, and for nothing else', () => {
    using heap = sharedSlab()
    const ptr = heap.rawAlloc(100, 16)
    const a = heap.adopt(ptr, 100)
    expect([a.ptr, a.size, a.align]).toEqual([ptr, 100, 16])
    expectCode('INVALID_POINTER', () => heap.adopt(ptr, 99))
    expectCode('INVALID_POINTER', () => heap.adopt(ptr + 16, 84))
    expectCode('INVALID_POINTER', () => heap.adopt(0, 100))
    expectCode('INVALID_POINTER', () => heap.adopt(wrong('1'), 100))
    expectCode('INVALID_LAYOUT', () => heap.adopt(ptr, wrong(-1)))
    a.free()
    expectCode('DOUBLE_FREE', () => heap.adopt(ptr, 100))
  })

  test('a handle of another instance of the same heap is not freed by accident', () => {
    using heap = sharedSlab()
    using other = ThreadSafeAllocator.attach(heap.share())
    const a = heap.alloc(100)
    expectCode('INVALID_POINTER', () => other.free(a))
    other.rawFree(a.ptr, 100, 16)
    expectCode('DOUBLE_FREE', () => a.free())
  })

  test('throw once it is disposed, or its region is', () => {
    for (const end of [(h: ThreadSafeAllocator) => h.dispose(), endRegion]) {
      const heap = sharedSlab()
      const a = heap.alloc(100)
      const token = heap.share()
      const ptr = a.ptr
      end(heap)
      for (const use of [
        () => heap.alloc(1),
        () => heap.rawAlloc(1, 1),
        () => heap.tryAlloc(1),
        () => heap.rawFree(ptr, 100, 16),
        () => heap.rawResize(ptr, 100, 16, 50),
        () => heap.rawRemap(ptr, 100, 16, 50),
        () => heap.adopt(ptr, 100),
        () => heap.usableSize(ptr),
        () => heap.valloc,
        () => heap.share(),
        () => ThreadSafeAllocator.attach(token),
      ]) {
        expectCode('DISPOSED', use)
      }
      expect(heap.stats()).toMatchObject({ capacity: 0, used: 0 })
      expect(heap.poisoned).toBe(false)
      heap.dispose()
    }
    expect(held()).toEqual({ heaps: 0, holders: 0 })
  })
})

function endRegion(heap: ThreadSafeAllocator): void {
  heap.region.dispose()
}

describe('tokens', () => {
  test('attach as often as one likes; the heap ends with its last holder', () => {
    const heap = sharedSlab()
    const token = structuredClone(heap.share())
    const others = [1, 2, 3].map(() => ThreadSafeAllocator.attach(token))
    expect(held()).toEqual({ heaps: 1, holders: 4 })
    const a = heap.alloc(100)
    a.bytes.set([1, 2, 3])
    const { ptr } = a
    heap.dispose()
    for (const other of others) {
      expect([...other.view(ptr, 3)]).toEqual([1, 2, 3])
      expect(other.stats().used).toBe(100)
    }
    others[0]!.rawFree(ptr, 100, 16)
    for (const other of others) other.dispose()
    expect(held()).toEqual({ heaps: 0, holders: 0 })
    expectCode('DISPOSED', () => ThreadSafeAllocator.attach(token))
  })

  test('the region may be a part of its buffer', () => {
    const buffer = new SharedArrayBuffer(2 * SIZE)
    const part = Region.from(new Uint8Array(buffer, 4096, SIZE))
    using heap = new ThreadSafeAllocator(new BumpAllocator(part))
    using other = ThreadSafeAllocator.attach(heap.share())
    expect(other.region.address).toBe(part.address)
    expect(other.region.byteLength).toBe(SIZE)
    const a = other.alloc(10)
    a.bytes.fill(9)
    expect(new Uint8Array(buffer)[a.ptr - part.address + 4096]).toBe(9)
  })

  test.each([
    ['malloc', () => new ThreadSafeAllocator(new SlabAllocator(Region.malloc(SIZE)))],
    ['a reserve', () => new ThreadSafeAllocator(new SlabAllocator({ reserve: SIZE }))],
  ])('are not made where other threads cannot see the memory: %s', (_, make) => {
    using heap = make()
    heap.alloc(10).free()
    expect(expectCode('UNSUPPORTED', () => heap.share()).message).toContain('Region.shared')
  })

  test('that are none are refused', () => {
    using heap = sharedSlab()
    const token = heap.share()
    const broken: readonly unknown[] = [
      ...[undefined, null, 5, 'heap', {}, [], token.memory, new Map()],
      { ...token, offheap: 'bump' },
      { ...token, process: '1-2-3-4' },
      { ...token, process: 5 },
      ...[0, -1, 0.5, NaN, Infinity, 2 ** 60, '1', 1n, null].map((number) => ({
        ...token,
        heap: number,
      })),
      ...[
        null,
        {},
        new ArrayBuffer(SIZE),
        new SharedArrayBuffer(0),
        new SharedArrayBuffer(SIZE),
        new SharedArrayBuffer(SIZE - 1),
        new Uint8Array(token.memory),
      ].map((memory) => ({ ...token, memory })),
      { ...token, memory: undefined },
    ]
    for (const value of broken) {
      expectCode('INVALID_ARGUMENT', () => ThreadSafeAllocator.attach(wrong(value)))
    }
    expect(held()).toEqual({ heaps: 1, holders: 1 })
  })

  test('with the number of another heap do not bring that heap', () => {
    using heap = sharedSlab()
    using other = sharedSlab()
    const token: HeapToken = { ...heap.share(), heap: other.share().heap }
    expectCode('INVALID_ARGUMENT', () => ThreadSafeAllocator.attach(token))
  })
})

describe('for C', () => {
  test('it is pinned while C holds its valloc', () => {
    const heap = sharedSlab()
    const valloc = heap.valloc
    expect(valloc.vt).toBe(BigInt(loadAddon().native.tables.shared))
    expectCode('PINNED', () => heap.dispose())
    expectCode('PINNED', () => heap.region.dispose())
    expect(held().holders).toBe(1)
    valloc.release()
    heap.dispose()
    expect(held().holders).toBe(0)
  })
})
