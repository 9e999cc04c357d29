/** Expat, whose functions get no context: real files, and a slot for each adapter. */
import { readFileSync } from 'node:fs'
import { BumpAllocator, Layout, SlabAllocator } from '../../lib/index.js'
import { expatAdapter, readCString, readStruct } from '../../lib/interop/index.js'
import koffi from 'koffi'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

/** An SVG of the documentation. */
const file = readFileSync(new URL('../../docs/img/traces.svg', import.meta.url))

describeLibrary('libexpat.so.1', 'libexpat1', (expat) => {
  const create = expat.func(
    'void *XML_ParserCreate_MM(void *encoding, void *suite, void *separator)',
  )
  const parse = expat.func('int XML_Parse(void *, const uint8_t *, int size, int last)')
  const free = expat.func('void XML_ParserFree(void *)')
  const onStart = koffi.proto('void StartElement(void *data, void *name, void *attributes)')
  const setStart = expat.func('XML_SetStartElementHandler', 'void', [
    'void *',
    koffi.pointer(onStart),
  ])
  const errorCode = expat.func('int XML_GetErrorCode(void *)')

  it('parses a file, and reads names that it points at', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 24 })
    using adapter = expatAdapter(heap)
    const parser = create(null, adapter.address, null)
    const names: string[] = []
    const first: string[] = []
    const pair = Layout.struct({ name: Layout.ptr, value: Layout.ptr })
    const handler = koffi.register((_: unknown, name: bigint, attributes: bigint) => {
      names.push(readCString(name, 100))
      const { name: attribute } = readStruct(pair, attributes)
      if (attribute !== 0n) first.push(readCString(attribute as bigint, 100))
    }, koffi.pointer(onStart))
    setStart(parser, handler)
    expect(parse(parser, file, file.length, 1)).toBe(1)
    koffi.unregister(handler)

    const tags = [...file.toString().matchAll(/<([a-z]+)[\s>/]/g)].map((match) => match[1])
    expect(names.length).toBeGreaterThan(20)
    expect(names).toEqual(tags)
    expect(first).toContain('xmlns')
    const { blocks, bytes } = adapter.stats()
    expect(blocks).toBeGreaterThan(10)
    expect(bytes).toBeGreaterThanOrEqual(heap.stats().used)
    free(parser)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  it('goes with a reset', () => {
    using arena = new BumpAllocator(2 ** 22)
    using adapter = expatAdapter(arena)
    for (let i = 0; i < 20; i++) {
      const parser = create(null, adapter.address, null)
      expect(parse(parser, file, file.length, 1)).toBe(1)
      expect(adapter.stats().blocks).toBeGreaterThan(10)
      arena.reset()
      adapter.forget()
    }
  })

  it('says that memory is out', () => {
    const NO_MEMORY = 1
    using arena = new BumpAllocator(8 * 1024)
    using adapter = expatAdapter(arena)
    const parser = create(null, adapter.address, null)
    if (parser !== null) {
      expect(parse(parser, file, file.length, 1)).toBe(0)
      expect(errorCode(parser)).toBe(NO_MEMORY)
      free(parser)
    }
    expect(adapter.stats().failures).toBeGreaterThan(0)
    expect(adapter.stats().blocks).toBe(0)
  })

  it('has parsers over eight heaps at once, and no ninth', () => {
    const heaps = Array.from({ length: 8 }, () => new SlabAllocator({ reserve: 2 ** 20 }))
    const adapters = heaps.map((heap) => expatAdapter(heap))
    using ninth = new SlabAllocator({ reserve: 2 ** 20 })
    expect(() => expatAdapter(ninth)).toThrow(
      expect.objectContaining({ code: 'ERR_OFFHEAP_UNSUPPORTED' }),
    )
    const parsers = adapters.map((adapter) => create(null, adapter.address, null))
    for (const [i, adapter] of adapters.entries()) {
      expect(adapter.stats().blocks).toBeGreaterThan(0)
      expect(heaps[i]!.stats().used).toBeGreaterThan(0)
    }
    for (const [i, adapter] of adapters.entries()) {
      free(parsers[i])
      expect(heaps[i]!.stats().used).toBe(0)
      adapter.release()
    }
    expatAdapter(ninth).release()
    for (const heap of heaps) heap.dispose()
  })
})
