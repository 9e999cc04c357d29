// zlib out of a bump arena: each file is compressed with memory that one reset gives back, without
// deflateEnd. Run it: npm run build, then node examples/zlib-arena/main.mjs
//
// Needs libz.so.1 and koffi, which calls it. `deep` keeps it apart from the zlib inside Node.

import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import koffi from 'koffi'
import { BumpAllocator, Region } from 'offheap'
import { readStruct, zlibAdapter } from 'offheap/interop'

const FINISH = 4
const STREAM_END = 1

const zlib = koffi.load('libz.so.1', { deep: true })
const version = zlib.func('const char *zlibVersion()')()
const deflateInit = zlib.func('int deflateInit_(void *, int level, const char *version, int size)')
const deflate = zlib.func('int deflate(void *, int flush)')
const deflateBound = zlib.func('unsigned long deflateBound(void *, unsigned long size)')

const arena = new BumpAllocator(8 * 2 ** 20)
const adapter = zlibAdapter(arena)

/** The file, compressed: a view into the arena, good until the next reset. */
function compress(file) {
  const stream = arena.allocZeroed(adapter.stream)
  adapter.install(stream)
  if (deflateInit(stream.address, 6, version, adapter.stream.size) !== 0) throw new Error('memory')
  const output = arena.alloc(Number(deflateBound(stream.address, file.length)))

  const { offsets } = adapter.stream
  const z = stream.buffer
  z.writeBigUInt64LE(BigInt(Region.from(file).address), offsets.next_in)
  z.writeUInt32LE(file.length, offsets.avail_in)
  z.writeBigUInt64LE(output.address, offsets.next_out)
  z.writeUInt32LE(output.size, offsets.avail_out)
  if (deflate(stream.address, FINISH) !== STREAM_END) throw new Error('zlib failed')

  const { total_out } = readStruct(adapter.stream, stream.address)
  return output.bytes.subarray(0, Number(total_out))
}

for (const name of ['LICENSE', 'package.json', 'package-lock.json']) {
  const file = readFileSync(new URL(`../../${name}`, import.meta.url))
  const packed = compress(file)
  const same = inflateSync(packed).equals(file)
  const { blocks, bytes } = adapter.stats()
  console.log(`${name}: same again: ${same}; zlib held ${blocks} blocks, ${bytes >> 10} KiB`)
  arena.reset()
  adapter.forget()
}
// prints LICENSE: same again: true; zlib held 5 blocks, 261 KiB
// prints package.json: same again: true; zlib held 5 blocks, 261 KiB
// prints package-lock.json: same again: true; zlib held 5 blocks, 261 KiB

console.log(`now ${adapter.stats().blocks} blocks, ${arena.stats().used} bytes`)
// prints now 0 blocks, 0 bytes
adapter.release()
arena.dispose()
