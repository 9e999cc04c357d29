// zlib, called through koffi, out of a bump arena and out of malloc.

import { readFileSync } from 'node:fs'
import { BumpAllocator, cAllocator, Region } from 'offheap'
import { zlibAdapter } from 'offheap/interop'
import { at, filesBelow } from '../../scripts/lib.mjs'

const SIZE = 64 * 1024
const FINISH = 4
const STREAM_END = 1
/** Five samples at least of so many are 65 MiB. */
const STREAMS = 208

/** Parts of 64 KiB of this project's sources. */
function inputs() {
  const files = ['lib', 'native/core', 'test/unit'].flatMap((folder) => filesBelow(folder))
  const text = Buffer.concat(files.map((file) => readFileSync(at(file))))
  const parts = Math.floor(text.length / SIZE)
  return Array.from({ length: parts }, (_, i) => text.subarray(i * SIZE, (i + 1) * SIZE))
}

async function zlib() {
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libz.so.1', { deep: true })
  return {
    version: library.func('const char *zlibVersion()')(),
    init: library.func('int deflateInit_(void *, int level, const char *version, int size)'),
    deflate: library.func('int deflate(void *, int flush)'),
    end: library.func('int deflateEnd(void *)'),
  }
}

/**
 * `prepare` fills in where zlib allocates, `done` follows each stream.
 * @param {(adapter: import('offheap/interop').ZlibAdapter, arena: BumpAllocator) => {
 *   prepare: (stream: import('offheap').Allocation) => void, ends: boolean, done: () => void }} way
 */
async function streams(way) {
  const { version, init, deflate, end } = await zlib()
  const arena = new BumpAllocator(Region.pages(2 ** 20))
  const adapter = zlibAdapter(arena)
  const { prepare, ends, done } = way(adapter, arena)
  const { offsets, size } = adapter.stream
  const stream = cAllocator.allocZeroed(adapter.stream)
  const z = stream.buffer
  const output = new Uint8Array(2 * SIZE)
  const target = BigInt(Region.from(output).address)
  const parts = inputs().map((bytes) => ({ bytes, address: BigInt(Region.from(bytes).address) }))

  function batch(n) {
    let total = 0
    for (let i = 0; i < n; i++) {
      stream.bytes.fill(0)
      prepare(stream)
      if (init(stream.address, 6, version, size) !== 0) throw new Error('out of memory')
      z.writeBigUInt64LE(parts[i % parts.length].address, offsets.next_in)
      z.writeUInt32LE(SIZE, offsets.avail_in)
      z.writeBigUInt64LE(target, offsets.next_out)
      z.writeUInt32LE(output.length, offsets.avail_out)
      if (deflate(stream.address, FINISH) !== STREAM_END) throw new Error('not all of it')
      total += z.readUInt32LE(offsets.total_out)
      if (ends) end(stream.address)
      done()
    }
    return total
  }
  return { batch, unit: STREAMS, whole: true }
}

const arena = () =>
  streams((adapter, bump) => ({
    prepare: (stream) => adapter.install(stream),
    ends: true,
    done: () => bump.reset(),
  }))

const resetOnly = () =>
  streams((adapter, bump) => ({
    prepare: (stream) => adapter.install(stream),
    ends: false,
    done: () => {
      bump.reset()
      adapter.forget()
    },
  }))

const malloc = () => streams(() => ({ prepare: () => {}, ends: true, done: () => {} }))

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'deflate',
  title: 'zlib, streams of 64 KiB',
  about: 'deflateInit, deflate of 64 KiB of source text at level 6, deflateEnd, through koffi',
  arms: {
    arena: { label: 'a bump arena, reset', setup: arena, ours: true, needs: 'zlib' },
    resetOnly: {
      label: 'the same without deflateEnd',
      setup: resetOnly,
      ours: true,
      needs: 'zlib',
    },
    malloc: { label: "zlib's own: malloc", setup: malloc, needs: 'zlib' },
  },
  base: 'malloc',
  bars: [{ arm: 'arena', peer: 'malloc', atMost: 1.02 }],
}
