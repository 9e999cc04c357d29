/** zlib out of a bump arena: a real file there and back, and what zlib holds meanwhile. */
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import {
  BumpAllocator,
  type Allocation,
  cAllocator,
  ConcurrentBumpAllocator,
  Region,
  SlabAllocator,
  ThreadSafeAllocator,
} from '../../lib/index.js'
import { readCString, readStruct, zlibAdapter, type ZlibAdapter } from '../../lib/interop/index.js'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const FINISH = 4
const STREAM_END = 1
const MEM_ERROR = -4

/** 100 KB of text. */
const file = readFileSync(new URL('../../package-lock.json', import.meta.url))

describeLibrary('libz.so.1', 'zlib1g', (z) => {
  const version = z.func('uintptr_t zlibVersion()')() as bigint | number
  const deflateInit = z.func('int deflateInit_(void *, int level, void *version, int size)')
  const deflate = z.func('int deflate(void *, int flush)')
  const deflateEnd = z.func('int deflateEnd(void *)')
  const inflateInit = z.func('int inflateInit_(void *, void *version, int size)')
  const inflate = z.func('int inflate(void *, int flush)')
  const inflateEnd = z.func('int inflateEnd(void *)')

  const start = ({ stream }: ZlibAdapter, block: Allocation): number =>
    deflateInit(block.address, 6, BigInt(version), stream.size) as number

  /** Tells a stream where to read and to write. */
  function connect({ stream }: ZlibAdapter, block: Allocation, from: Uint8Array, to: Uint8Array) {
    const { offsets } = stream
    const { bytes } = block
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    view.setBigUint64(offsets['next_in']!, BigInt(Region.from(from).address), true)
    view.setUint32(offsets['avail_in']!, from.length, true)
    view.setBigUint64(offsets['next_out']!, BigInt(Region.from(to).address), true)
    view.setUint32(offsets['avail_out']!, to.length, true)
  }

  const written = ({ stream }: ZlibAdapter, block: Allocation): number =>
    Number(readStruct(stream, block.address)['total_out'])

  function newStream(adapter: ZlibAdapter): Allocation {
    const block = cAllocator.allocZeroed(adapter.stream)
    adapter.install(block)
    return block
  }

  it('is the one that was loaded, not that of Node', () => {
    expect(readCString(version, 32)).toMatch(/^1\.\d+\.\d+/)
    expect(readCString(version, 3)).toBe('1.2')
  })

  it('compresses and decompresses a file', () => {
    using arena = new BumpAllocator(2 ** 20)
    using adapter = zlibAdapter(arena)
    using packing = newStream(adapter)
    const packed = new Uint8Array(file.length)
    expect(start(adapter, packing)).toBe(0)
    connect(adapter, packing, file, packed)
    expect(deflate(packing.address, FINISH)).toBe(STREAM_END)
    const size = written(adapter, packing)
    expect(size).toBeLessThan(file.length / 2)
    expect(inflateSync(packed.subarray(0, size)).equals(file)).toBe(true)

    expect(adapter.stats().blocks).toBe(5)
    expect(adapter.stats().bytes).toBeGreaterThan(256 * 1024)
    expect(arena.stats().used).toBe(adapter.stats().bytes + 5 * 16)
    expect(deflateEnd(packing.address)).toBe(0)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(arena.stats().used).toBe(0)

    using unpacking = newStream(adapter)
    const unpacked = new Uint8Array(file.length)
    expect(inflateInit(unpacking.address, BigInt(version), adapter.stream.size)).toBe(0)
    connect(adapter, unpacking, packed.subarray(0, size), unpacked)
    expect(inflate(unpacking.address, FINISH)).toBe(STREAM_END)
    expect(file.equals(unpacked)).toBe(true)
    expect(adapter.stats().blocks).toBeGreaterThan(0)
    expect(inflateEnd(unpacking.address)).toBe(0)
    expect(adapter.stats().blocks).toBe(0)
  })

  it('frees all with a reset, which the adapter is told', () => {
    using arena = new BumpAllocator(2 ** 20)
    using adapter = zlibAdapter(arena)
    for (let request = 1; request <= 50; request++) {
      using stream = newStream(adapter)
      expect(start(adapter, stream)).toBe(0)
      expect(adapter.stats().blocks).toBe(5)
      expect(() => adapter.release()).toThrow(/zlib still holds 5 blocks/)
      arena.reset()
      adapter.forget()
      expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, allocations: 5 * request })
    }
  })

  it('finds out that memory is out', () => {
    using arena = new BumpAllocator(64 * 1024)
    using adapter = zlibAdapter(arena)
    using stream = newStream(adapter)
    expect(start(adapter, stream)).toBe(MEM_ERROR)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0 })
    expect(adapter.stats().failures).toBeGreaterThan(0)
  })

  it.each([
    ['a bump without a lock', () => new ConcurrentBumpAllocator(Region.shared(2 ** 20))],
    ['a bump behind a lock', () => new ThreadSafeAllocator(new BumpAllocator(2 ** 20))],
    ['a slab behind a lock', () => new ThreadSafeAllocator(new SlabAllocator())],
  ])('works in %s', (_, make) => {
    using heap = make()
    using adapter = zlibAdapter(heap)
    using stream = newStream(adapter)
    const packed = new Uint8Array(file.length)
    expect(start(adapter, stream)).toBe(0)
    connect(adapter, stream, file, packed)
    expect(deflate(stream.address, FINISH)).toBe(STREAM_END)
    expect(adapter.stats().blocks).toBe(5)
    const size = written(adapter, stream)
    expect(deflateEnd(stream.address)).toBe(0)
    expect(inflateSync(packed.subarray(0, size)).equals(file)).toBe(true)
    expect(adapter.stats()).toMatchObject({ blocks: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  it('knows sizes without headers in a heap that keeps them', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 22 })
    using adapter = zlibAdapter(heap)
    using stream = newStream(adapter)
    expect(start(adapter, stream)).toBe(0)
    const { used } = heap.stats()
    expect(adapter.stats().bytes).toBeGreaterThanOrEqual(used)
    expect(adapter.stats().bytes - used).toBeLessThan(5 * 512)
    expect(deflateEnd(stream.address)).toBe(0)
    expect(heap.stats().used).toBe(0)
  })
})
