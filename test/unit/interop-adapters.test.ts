/** Adapters without their libraries: what they are made of, how long they hold, and wrong arguments. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  Layout,
  LimitAllocator,
  Region,
  SlabAllocator,
} from '../../lib/index.js'
import {
  Adapter,
  expatAdapter,
  freetypeAdapter,
  luaAdapter,
  nghttp2Adapter,
  readStruct,
  sqliteAdapter,
  sqliteHeap,
  sqliteLookaside,
  sqlitePageCache,
  yyjsonAdapter,
  zlibAdapter,
  zstdAdapter,
} from '../../lib/interop/index.js'
import { notValues } from '../support/not-values.js'
import { Memory } from '../support/wasm.js'

const makers = {
  expatAdapter,
  freetypeAdapter,
  luaAdapter,
  nghttp2Adapter,
  sqliteAdapter,
  yyjsonAdapter,
  zlibAdapter,
  zstdAdapter,
}
const coded = (code: string) => expect.objectContaining({ code: `ERR_OFFHEAP_${code}` })
const nothing = { blocks: 0, bytes: 0, peakBytes: 0, allocations: 0, failures: 0, refused: 0 }

describe.each(Object.entries(makers))('%s', (_, make) => {
  it('has the struct of its fields at its address', () => {
    using arena = new BumpAllocator(4096)
    using adapter = make(arena)
    const names = Object.keys(adapter.fields)
    const struct = Layout.struct(Object.fromEntries(names.map((name) => [name, Layout.ptr])))
    expect(readStruct(struct, adapter.address)).toEqual(adapter.fields)
    const words = Object.values<bigint>(adapter.fields).filter((word) => word !== 0n)
    expect(new Set(words).size).toBe(words.length)
    expect(Object.isFrozen(adapter.fields)).toBe(true)
    expect(adapter.stats()).toEqual(nothing)
    expect(adapter).toBeInstanceOf(Adapter)
  })

  it('holds the allocator until it is released, whatever happens to its valloc', () => {
    const arena = new BumpAllocator(4096)
    const adapter = make(arena)
    arena.valloc.release()
    expect(() => arena.dispose()).toThrow(coded('PINNED'))
    expect(() => arena.region.dispose()).toThrow(coded('PINNED'))
    const other = make(arena)
    adapter.release()
    adapter.release()
    expect(adapter.held).toBe(false)
    expect(adapter.stats()).toEqual(nothing)
    adapter.forget()
    expect(() => arena.dispose()).toThrow(coded('PINNED'))
    other[Symbol.dispose]()
    arena.dispose()
  })

  it('is made for an allocator of any kind', () => {
    using slab = new SlabAllocator({ reserve: 2 ** 20 })
    const limited = new LimitAllocator(slab, 1000)
    for (const allocator of [cAllocator, slab, limited]) make(allocator).release()
    limited.dispose()
  })

  it('refuses what is no allocator, or none any more, or none for C', () => {
    for (const value of [...notValues, {}, [], Region, BumpAllocator.prototype.name]) {
      expect(() => make(value as never)).toThrow(coded('INVALID_ARGUMENT'))
    }
    const gone = new BumpAllocator(4096)
    gone.dispose()
    expect(() => make(gone)).toThrow(coded('DISPOSED'))
    const limited = new LimitAllocator(cAllocator, 10)
    limited.dispose()
    expect(() => make(limited)).toThrow(coded('DISPOSED'))
    const wasm = new BumpAllocator(Region.wasm(new Memory({ initial: 1 }), { start: 1024 }))
    expect(() => make(wasm)).toThrow(coded('UNSUPPORTED'))
    wasm.dispose()
  })
})

describe('adapters without a context', () => {
  const eight = (): Adapter[] =>
    Array.from({ length: 8 }, (_, i) => (i % 2 ? expatAdapter : sqliteAdapter)(cAllocator))

  it('are eight, whichever library they are for', () => {
    const adapters = eight()
    expect(() => expatAdapter(cAllocator)).toThrow(coded('UNSUPPORTED'))
    using arena = new BumpAllocator(4096)
    expect(() => sqliteAdapter(arena)).toThrow(coded('UNSUPPORTED')) // and lets the arena go
    zlibAdapter(cAllocator).release()
    for (const adapter of adapters) adapter.release()
    for (const adapter of eight()) adapter.release()
  })

  it('get their slots back from a worker that ended without releasing them', async () => {
    const code = `const { parentPort } = require('node:worker_threads')
      const offheap = import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)})
      const interop = import(${JSON.stringify(new URL('../../dist/interop/index.js', import.meta.url).href)})
      Promise.all([offheap, interop]).then(([{ cAllocator }, { expatAdapter }]) => {
        globalThis.kept = Array.from({ length: 8 }, () => expatAdapter(cAllocator))
        parentPort.postMessage('taken')
        setInterval(() => {}, 1000)
      })`
    const worker = new Worker(code, { eval: true })
    await once(worker, 'message')
    expect(() => expatAdapter(cAllocator)).toThrow(coded('UNSUPPORTED'))
    await worker.terminate()
    for (const adapter of eight()) adapter.release()
  })
})

describe('a z_stream', () => {
  it('gets the three words, and nothing else changes', () => {
    using adapter = zlibAdapter(cAllocator)
    using stream = cAllocator.alloc(adapter.stream)
    stream.bytes.fill(0xa5)
    adapter.install(stream)
    const { zalloc, zfree, opaque, ...others } = readStruct(adapter.stream, stream.address)
    expect({ zalloc, zfree, opaque }).toEqual(adapter.fields)
    expect(new Set(Object.values(others))).toEqual(
      new Set([0xa5a5a5a5a5a5a5a5n, 0xa5a5a5a5, 0xa5a5a5a5 | 0]),
    )
    const bytes = new Uint8Array(200).fill(0xa5)
    adapter.install(bytes.subarray(3, 3 + adapter.stream.size))
    expect([...bytes.subarray(3, 3 + adapter.stream.size)]).toEqual([...stream.bytes])
  })

  it('has to be one', () => {
    using adapter = zlibAdapter(cAllocator)
    const short = new Uint8Array(adapter.stream.size - 1)
    for (const value of [...notValues, {}, short, new Uint16Array(200), new ArrayBuffer(200)]) {
      expect(() => adapter.install(value as never)).toThrow(coded('INVALID_ARGUMENT'))
    }
    const freed = cAllocator.alloc(200)
    freed.free()
    expect(() => adapter.install(freed)).toThrow(coded('USE_AFTER_FREE'))
  })
})

describe('memory for SQLite', () => {
  it.each([
    ['sqliteHeap', (region: Region) => sqliteHeap(region, 32), 8, [100_000, 32]],
    ['sqlitePageCache', (region: Region) => sqlitePageCache(region, 4360), 7, [4360, 22]],
    ['sqliteLookaside', (region: Region) => sqliteLookaside(region, 512), 1001, [512, 195]],
  ] as const)('%s says where it is, and keeps the region', (_, lend, option, numbers) => {
    using region = Region.pages(100_000)
    const memory = lend(region)
    expect(memory.option).toBe(option)
    expect(memory.args).toEqual([BigInt(region.address), ...numbers])
    expect(memory.held).toBe(true)
    expect(() => region.dispose()).toThrow(coded('PINNED'))
    expect(() => new BumpAllocator(region)).toThrow(coded('INVALID_ARGUMENT'))
    expect(() => lend(region)).toThrow(coded('INVALID_ARGUMENT'))
    memory.release()
    memory[Symbol.dispose]()
    expect(memory.held).toBe(false)
    lend(region).release()
  })

  it('is refused for what is no region of the right kind and for wrong numbers', () => {
    using region = Region.pages(65_536)
    const lends = [sqliteHeap, sqlitePageCache, sqliteLookaside]
    for (const lend of lends) {
      for (const value of [...notValues, {}, new Uint8Array(1000)]) {
        expect(() => lend(value as never, 64)).toThrow(coded('INVALID_ARGUMENT'))
      }
      for (const size of [
        ...notValues.filter((v) => v !== undefined),
        0,
        -8,
        12,
        65_544,
        2 ** 32,
      ]) {
        expect(() => lend(region, size as never)).toThrow(coded('INVALID_ARGUMENT'))
      }
      const odd = Region.from(new Uint8Array(1001).subarray(1))
      expect(() => lend(odd, 64)).toThrow(coded('INVALID_ARGUMENT'))
      const wasm = Region.wasm(new Memory({ initial: 1 }), { start: 1024 })
      expect(() => lend(wasm, 64)).toThrow(coded('UNSUPPORTED'))
      const gone = Region.pages(4096)
      gone.dispose()
      expect(() => lend(gone, 64)).toThrow(coded('DISPOSED'))
    }
    using large = Region.pages(2 ** 31)
    expect(() => sqliteHeap(large)).toThrow(coded('INVALID_ARGUMENT'))
    expect(() => sqliteLookaside(region, 65_536)).toThrow(coded('INVALID_ARGUMENT'))
  })
})
