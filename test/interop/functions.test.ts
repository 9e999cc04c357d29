/** The functions that libraries are given, called one by one, rightly and as no library should. */
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'
import {
  type Allocator,
  BumpAllocator,
  ConcurrentBumpAllocator,
  Region,
  SlabAllocator,
  ThreadSafeAllocator,
} from '../../lib/index.js'
import {
  type Adapter,
  expatAdapter,
  freetypeAdapter,
  luaAdapter,
  nghttp2Adapter,
  sqliteAdapter,
  yyjsonAdapter,
  zlibAdapter,
  zstdAdapter,
} from '../../lib/interop/index.js'

type Call = (...args: unknown[]) => unknown

// koffi 3.3 sets up what it calls C with when it loads a library, and crashes without.
koffi.load(null)

/** Types have names, each for the whole process. */
const types = new Map<string, ReturnType<typeof koffi.proto>>()

/** A function of an adapter, by its field and its type in C. */
function from(adapter: Adapter, field: string, type: string): Call {
  const proto = types.get(type) ?? koffi.proto(type)
  types.set(type, proto)
  return (...args) => koffi.call(adapter.fields[field]!, proto, ...args)
}

interface Functions {
  alloc(size: number | bigint): unknown
  free(ptr: unknown): unknown
  /** Absent where the library has none. */
  realloc?(ptr: unknown, size: number | bigint): unknown
}

const HUGE = 2n ** 64n - 8n
const LONG = 2n ** 63n - 1n
const INT = 2 ** 31 - 1

/** Each library's functions, and the largest size that it can ask for. */
const libraries: Record<
  string,
  { make(heap: Allocator): Adapter; most: number | bigint; functions(adapter: Adapter): Functions }
> = {
  zlib: {
    make: zlibAdapter,
    most: 2 ** 32 - 1,
    functions(adapter) {
      const { opaque } = adapter.fields
      const alloc = from(adapter, 'zalloc', 'void *zalloc(void *, unsigned int, unsigned int)')
      const free = from(adapter, 'zfree', 'void zfree(void *, void *)')
      return { alloc: (size) => alloc(opaque, size, 1), free: (ptr) => free(opaque, ptr) }
    },
  },
  zstd: {
    make: zstdAdapter,
    most: HUGE,
    functions(adapter) {
      const { opaque } = adapter.fields
      const alloc = from(adapter, 'customAlloc', 'void *zstd_alloc(void *, size_t)')
      const free = from(adapter, 'customFree', 'void zstd_free(void *, void *)')
      return { alloc: (size) => alloc(opaque, size), free: (ptr) => free(opaque, ptr) }
    },
  },
  nghttp2: {
    make: nghttp2Adapter,
    most: HUGE,
    functions(adapter) {
      const { mem_user_data: user } = adapter.fields
      const alloc = from(adapter, 'malloc', 'void *ng_malloc(size_t, void *)')
      const free = from(adapter, 'free', 'void ng_free(void *, void *)')
      const realloc = from(adapter, 'realloc', 'void *ng_realloc(void *, size_t, void *)')
      return {
        alloc: (size) => alloc(size, user),
        free: (ptr) => free(ptr, user),
        realloc: (ptr, size) => realloc(ptr, size, user),
      }
    },
  },
  yyjson: {
    make: yyjsonAdapter,
    most: HUGE,
    functions(adapter) {
      const { ctx } = adapter.fields
      const alloc = from(adapter, 'malloc', 'void *yy_malloc(void *, size_t)')
      const free = from(adapter, 'free', 'void yy_free(void *, void *)')
      const realloc = from(adapter, 'realloc', 'void *yy_realloc(void *, void *, size_t, size_t)')
      return {
        alloc: (size) => alloc(ctx, size),
        free: (ptr) => free(ctx, ptr),
        realloc: (ptr, size) => realloc(ctx, ptr, 12_345, size),
      }
    },
  },
  freetype: {
    make: freetypeAdapter,
    most: LONG,
    functions(adapter) {
      const { address } = adapter
      const alloc = from(adapter, 'alloc', 'void *ft_alloc(void *, int64_t)')
      const free = from(adapter, 'free', 'void ft_free(void *, void *)')
      const realloc = from(adapter, 'realloc', 'void *ft_realloc(void *, int64_t, int64_t, void *)')
      return {
        alloc: (size) => alloc(address, size),
        free: (ptr) => free(address, ptr),
        realloc: (ptr, size) => realloc(address, 12_345, size, ptr),
      }
    },
  },
  expat: {
    make: expatAdapter,
    most: HUGE,
    functions: (adapter) => ({
      alloc: from(adapter, 'malloc_fcn', 'void *xml_malloc(size_t)'),
      free: from(adapter, 'free_fcn', 'void xml_free(void *)'),
      realloc: from(adapter, 'realloc_fcn', 'void *xml_realloc(void *, size_t)'),
    }),
  },
  sqlite: {
    make: sqliteAdapter,
    most: INT,
    functions: (adapter) => ({
      alloc: from(adapter, 'xMalloc', 'void *xMalloc(int)'),
      free: from(adapter, 'xFree', 'void xFree(void *)'),
      realloc: from(adapter, 'xRealloc', 'void *xRealloc(void *, int)'),
    }),
  },
}

const heaps: Record<string, () => Allocator> = {
  'a bump arena': () => new BumpAllocator(2 ** 16),
  'a slab heap': () => new SlabAllocator({ reserve: 2 ** 18 }),
  'a concurrent bump': () => new ConcurrentBumpAllocator(2 ** 16),
  'a bump behind a lock': () => new ThreadSafeAllocator(new BumpAllocator(Region.shared(2 ** 16))),
  'a slab heap behind a lock': () =>
    new ThreadSafeAllocator(new SlabAllocator(Region.shared(2 ** 18))),
}
const all = Object.entries(libraries).flatMap(([library, of]) =>
  Object.entries(heaps).map(([heap, makeHeap]) => ({ library, heap, makeHeap, ...of })),
)

describe.each(all)('$library over $heap', ({ makeHeap, make, most, functions }) => {
  it('allocates, moves and frees; refuses what is no block; ends with release', () => {
    using memory = makeHeap()
    const adapter = make(memory)
    const { alloc, free, realloc } = functions(adapter)
    const first = alloc(100)
    const second = alloc(200)
    expect([typeof first, typeof second]).toEqual(['bigint', 'bigint'])
    expect((first as bigint) % 16n).toBe(0n)
    memory.view(Number(first), 100).fill(7)
    const moved = realloc?.(first, 1000) ?? first
    expect(memory.view(Number(moved), 100).every((byte) => byte === 7)).toBe(true)
    expect(adapter.stats()).toMatchObject({ blocks: 2, allocations: 2, failures: 0 })

    expect(alloc(most)).toBe(null)
    if (realloc !== undefined) expect(realloc(moved, most)).toBe(null)
    const failures = realloc === undefined ? 1 : 2
    const wrong = [1n, 16n, 4096n, (moved as bigint) + 1n, (second as bigint) + 16n, 2n ** 47n]
    for (const ptr of wrong) free(ptr)
    free(null)
    expect(adapter.stats()).toMatchObject({ blocks: 2, failures, refused: wrong.length })
    free(moved)
    free(second)
    free(second)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: wrong.length + 1 })

    adapter.release()
    expect(alloc(8)).toBe(null)
    free(second)
    expect(realloc?.(second, 8) ?? null).toBe(null)
    expect(adapter.stats()).toMatchObject({ blocks: 0, allocations: 2 })
  })
})

describe('Lua', () => {
  it('allocates, moves and frees in one function', () => {
    using memory = new BumpAllocator(2 ** 16)
    const adapter = luaAdapter(memory)
    const f = from(adapter, 'f', 'void *lua_alloc(void *, void *, size_t, size_t)')
    const { ud } = adapter.fields
    const block = f(ud, null, 5, 100) as bigint
    expect(f(ud, null, 0, 50)).toBe(block + 100n + 12n) // no header between them
    const moved = f(ud, block, 100, 300) as bigint
    expect(adapter.stats()).toMatchObject({ blocks: 2, bytes: 350 })
    expect(f(ud, moved, 300, 10)).toBe(moved)
    expect(f(ud, moved, 10, HUGE)).toBe(null)
    expect(f(ud, 64n, 10, 20)).toBe(null)
    expect(f(ud, 64n, 10, 0)).toBe(null)
    expect(f(ud, moved, 10, 0)).toBe(null)
    expect(adapter.stats()).toMatchObject({ blocks: 1, bytes: 50, failures: 1, refused: 2 })
    memory.reset()
    adapter.forget()
    adapter.release()
    expect(f(ud, null, 0, 8)).toBe(null)
  })
})
