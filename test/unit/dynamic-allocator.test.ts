/** DynamicAllocator: what is there, what is missing, and what C sees. */
import koffi from 'koffi'
import { describe, expect, test } from 'vitest'
import { cAllocator, DynamicAllocator, type OffheapError } from '../../lib/index.js'
import { Box, loadAddon } from '../../lib/native/binding.js'
import { jemalloc, lacks, mimalloc, tcmalloc } from '../support/mallocs.js'

function errorOf(make: () => unknown): OffheapError {
  try {
    make()
  } catch (error) {
    return error as OffheapError
  }
  throw new Error('nothing was thrown')
}

const refusal = (library: string | string[], prefix?: string): OffheapError =>
  errorOf(() => new DynamicAllocator(prefix === undefined ? { library } : { library, prefix }))

describe('a library', () => {
  test('that is not there is named, with each that was tried', () => {
    const error = refusal(['liboffheap-none.so', '/nowhere/liboffheap-other.so'], 'x_')
    expect(error.code).toBe('ERR_OFFHEAP_LIBRARY_NOT_FOUND')
    expect(error.message).toMatch(/x_malloc.*liboffheap-none\.so: .*; \/nowhere\/liboffheap-other/)
  })

  // The addon is a library, and has no malloc of its own but that of the C library that it links.
  test('must define the functions itself', () => {
    const error = refusal(addonPath())
    expect(error.code).toBe('ERR_OFFHEAP_LIBRARY_NOT_FOUND')
    expect(error.message).toContain('it defines no function malloc')
  })

  test.each([undefined, null, 5, 'libc.so.6', {}, { library: '' }, { library: 'a\0b' }, []])(
    'is asked for as { library, prefix? }: %j',
    (options) => {
      const error = errorOf(() => new DynamicAllocator(options as never))
      expect(error.code).toBe('ERR_OFFHEAP_INVALID_ARGUMENT')
    },
  )

  test('or is the first of a list that is none too long, without holes', () => {
    const code = 'ERR_OFFHEAP_INVALID_ARGUMENT'
    expect(refusal([])).toMatchObject({ code })
    expect(refusal(Array(33).fill('a'))).toMatchObject({ code })
    expect(refusal(Array(2))).toMatchObject({ code })
    expect(refusal('a'.repeat(5000))).toMatchObject({ code })
  })

  test.each(['a-b', 'ü', 'a b', '\0', 'a'.repeat(65), 5, null, {}])(
    'has no prefix %j',
    (prefix) => {
      expect(refusal('libc.so.6', prefix as never).code).toBe('ERR_OFFHEAP_INVALID_ARGUMENT')
    },
  )
})

/** The file that was loaded: OFFHEAP_ADDON may name another than the one in build/Release. */
function addonPath(): string {
  loadAddon()
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] }
  return sharedObjects.find((file) => file.endsWith('offheap.node'))!
}

describe.skipIf(lacks(mimalloc))(mimalloc.title, () => {
  const { library, prefix } = mimalloc

  test('has its name, and those of what it was made of', () => {
    const heap = new DynamicAllocator({ library: ['liboffheap-none.so', library], prefix })
    expect(heap).toMatchObject({ library, prefix, name: `DynamicAllocator(${library})` })
    expect(new DynamicAllocator({ library }).prefix).toBe('')
    expect(heap.stats()).toMatchObject({ name: heap.name, used: 0, capacity: Infinity })
  })

  test('the symbol that is missing is named', () => {
    const error = refusal(library, 'nix_')
    expect(error.code).toBe('ERR_OFFHEAP_LIBRARY_NOT_FOUND')
    expect(error.message).toContain(`${library}: it defines no function nix_malloc`)
    // mi_heap_malloc is there, and takes a heap first; mi_heap_free is not.
    expect(refusal(library, 'mi_heap_').message).toContain('it defines no function mi_heap_free')
  })

  test('usableSize and trim are the library’s', () => {
    const heap = new DynamicAllocator({ library, prefix })
    const block = heap.alloc(1000)
    expect(heap.usableSize(block.ptr)).toBeGreaterThanOrEqual(1000)
    expect(heap.usableSize(block.ptr + 8)).toBe(0)
    block.free()
    expect(heap.trim()).toBe(true)
    expect(errorOf(() => heap.usableSize(-1)).code).toBe('ERR_OFFHEAP_INVALID_POINTER')
  })

  test('two prefixes are two heaps, and neither frees the blocks of the other', () => {
    const heap = new DynamicAllocator({ library, prefix })
    const plain = new DynamicAllocator({ library })
    const ptr = heap.rawAlloc(64, 16)
    expect([heap.owns(ptr), plain.owns(ptr), cAllocator.owns(ptr)]).toEqual([true, false, false])
    expect(errorOf(() => plain.rawFree(ptr, 64, 16)).code).toBe('ERR_OFFHEAP_INVALID_POINTER')
    heap.rawFree(ptr, 64, 16)
  })

  test('nothing is left of a thousand allocators over it but the heap', () => {
    const heap = new DynamicAllocator({ library, prefix })
    const made = Array.from({ length: 1000 }, () => new DynamicAllocator({ library, prefix }))
    const ptr = heap.rawAlloc(64, 16)
    const view = made[0]!.view(ptr, 64)
    for (const one of made) one.dispose()
    expect(view.length).toBe(64)
    made[999]!.rawFree(ptr, 64, 16)
    expect(view.length).toBe(0)
  })

  test('C sees the same heap', () => {
    const heap = new DynamicAllocator({ library, prefix })
    const { native, box } = loadAddon()
    native.dynamicDoor(native.openDynamic(library, prefix) as number)
    const [self, vt] = [box[Box.PTR]!, box[Box.RESULT]!]
    koffi.load(null) // without a library it has no stack to call with, and crashes
    const pointers = { alloc: 'void *', resize: 'void *', remap: 'void *', free: 'void *' }
    const struct = koffi.struct({ abi_version: 'uint32_t', size: 'uint32_t', ...pointers })
    const table = koffi.decode(BigInt(vt), struct) as Record<string, unknown>
    const size = ['size_t', 'size_t']
    const alloc = koffi.decode(table['alloc'], koffi.proto('uintptr_t', ['uintptr_t', ...size]))
    const types = ['uintptr_t', 'uintptr_t', ...size]
    const free = koffi.decode(table['free'], koffi.proto('void', types))
    expect(table['abi_version']).toBe(1)
    const ptr = alloc(self, 100, 256) as number
    expect(ptr % 256).toBe(0)
    expect(heap.usableSize(ptr)).toBeGreaterThanOrEqual(100)
    free(self, ptr + 16, 0, 16)
    expect(heap.owns(ptr)).toBe(true)
    free(self, ptr, 0, 16)
    expect(heap.owns(ptr)).toBe(false)
  })
})

describe.skipIf(lacks(tcmalloc))(tcmalloc.title, () => {
  test('has all under both of its names', () => {
    for (const prefix of ['tc_', '']) {
      const heap = new DynamicAllocator({ library: tcmalloc.library, prefix })
      const block = heap.alloc(1000, 4096)
      expect(block.ptr % 4096).toBe(0)
      expect(heap.usableSize(block.ptr)).toBeGreaterThanOrEqual(1000)
      block.free()
      expect(heap.trim()).toBe(true)
    }
  })
})

describe.skipIf(lacks(jemalloc))(jemalloc.title, () => {
  // Where this process was started with room for it, or jemalloc needs none, it loads.
  test('says how to make room for its thread-local variables, or loads', () => {
    try {
      expect(new DynamicAllocator({ library: jemalloc.library }).alloc(100).size).toBe(100)
    } catch (error) {
      expect((error as Error).message).toContain('GLIBC_TUNABLES=glibc.rtld.optional_static_tls=')
    }
  })
})
