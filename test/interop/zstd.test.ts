/** zstd over a slab heap: a real file there and back, a context each way. */
import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { BumpAllocator, SlabAllocator } from '../../lib/index.js'
import { zstdAdapter } from '../../lib/interop/index.js'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const file = readFileSync(new URL('../../package-lock.json', import.meta.url))

describeLibrary('libzstd.so.1', 'libzstd1', (zstd) => {
  const mem = koffi.struct({ customAlloc: 'void *', customFree: 'void *', opaque: 'void *' })
  const create = zstd.func('ZSTD_createCCtx_advanced', 'void *', [mem])
  const createD = zstd.func('ZSTD_createDCtx_advanced', 'void *', [mem])
  const free = zstd.func('size_t ZSTD_freeCCtx(void *)')
  const freeD = zstd.func('size_t ZSTD_freeDCtx(void *)')
  const compress = zstd.func(
    'size_t ZSTD_compressCCtx(void *, void *to, size_t capacity, void *from, size_t size, int level)',
  )
  const decompress = zstd.func(
    'size_t ZSTD_decompressDCtx(void *, void *to, size_t capacity, void *from, size_t size)',
  )
  const isError = zstd.func('unsigned int ZSTD_isError(size_t)')

  it('compresses and decompresses a file', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 26 })
    using adapter = zstdAdapter(heap)
    const context = create(adapter.fields)
    const packed = new Uint8Array(file.length)
    const size = Number(compress(context, packed, packed.length, file, file.length, 3))
    expect(isError(size)).toBe(0)
    expect(size).toBeLessThan(file.length / 2)
    const holding = adapter.stats()
    expect(holding.blocks).toBeGreaterThan(1)
    expect(holding.bytes).toBeGreaterThan(100_000)
    expect(holding.bytes).toBeGreaterThanOrEqual(heap.stats().used)

    const contextD = createD(adapter.fields)
    const unpacked = new Uint8Array(file.length)
    expect(Number(decompress(contextD, unpacked, unpacked.length, packed, size))).toBe(file.length)
    expect(file.equals(unpacked)).toBe(true)
    expect(Number(free(context))).toBe(0)
    expect(Number(freeD(contextD))).toBe(0)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  it('says that memory is out, and all goes with a reset', () => {
    using arena = new BumpAllocator(64 * 1024)
    using adapter = zstdAdapter(arena)
    const context = create(adapter.fields)
    const packed = new Uint8Array(file.length)
    const size = compress(context, packed, packed.length, file, file.length, 3)
    expect(isError(size)).toBe(1)
    expect(adapter.stats().failures).toBeGreaterThan(0)
    expect(adapter.stats().blocks).toBeGreaterThan(0)
    arena.reset()
    adapter.forget()
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0 })
  })
})
