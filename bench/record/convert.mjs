// Turns a raw log of record.c into a trace: node convert.mjs LOG TRACE PROGRAM VERSION COMMAND
// [LIMIT] The format is that of bench/traces/README.md. Node built-ins only.

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { encodeTrace } from './encode.mjs'

const HEAD = 32
const RECORD = 32
const [ALLOC, FREE, REALLOC] = [0, 1, 2]
/** Sizes are 32-bit words in the flat form. */
const MAX_SIZE = 2 ** 31 - 1

/** What malloc promises without being asked, as log2: enough for any object of that size. */
const ownAlign = (size) => (size < 16 ? 3 : 4)

/** @param {string} path */
function readLog(path) {
  const fd = openSync(path, 'r')
  const head = Buffer.alloc(HEAD)
  readSync(fd, head)
  if (head.toString('latin1', 0, 8) !== 'ohrec001') throw new Error(`${path} is no log of record.c`)
  const ops = Number(head.readBigUInt64LE(8))
  const records = Buffer.alloc(ops * RECORD)
  for (let at = 0; at < records.length;) {
    const got = readSync(fd, records, at, Math.min(records.length - at, 1 << 24), HEAD + at)
    if (got === 0) throw new Error(`${path} ends early`)
    at += got
  }
  closeSync(fd)
  return { ops, cut: head.readBigUInt64LE(16) === 1n, records }
}

class Columns {
  kinds = []
  blocks = []
  sizes = []
  /** By block: log2 of its alignment. A block that grows has that of its largest size all along. */
  aligns = []
  /** Which live block lies at an address. @type {Map<bigint, number>} */
  #blockAt = new Map()

  alloc(ptr, size, asked) {
    const align = asked === 0 ? ownAlign(size) : Math.max(3, Math.log2(asked))
    this.#put(ALLOC, this.aligns.push(align) - 1, ptr, size)
  }

  realloc(old, ptr, size) {
    const block = this.#blockAt.get(old)
    // One that was there before the recorder is from now on a block like any other.
    if (block === undefined) return this.alloc(ptr, size, 0)
    this.#blockAt.delete(old)
    this.aligns[block] = Math.max(this.aligns[block], ownAlign(size))
    this.#put(REALLOC, block, ptr, size)
  }

  free(ptr) {
    const block = this.#blockAt.get(ptr)
    if (block === undefined) return
    this.#blockAt.delete(ptr)
    this.#push(FREE, block, 0)
  }

  #put(kind, block, ptr, size) {
    if (this.#blockAt.has(ptr)) throw new Error(`two live blocks at 0x${ptr.toString(16)}`)
    this.#blockAt.set(ptr, block)
    this.#push(kind, block, size)
  }

  #push(kind, block, size) {
    this.kinds.push(kind)
    this.blocks.push(block)
    this.sizes.push(size)
  }
}

/**
 * The operations of a log as columns, blocks named by the number of their allocation. What the log
 * does not know the block of is left out: it was allocated before the recorder started.
 * @param {string} path @param {number} limit
 */
function columnsOf(path, limit) {
  const { ops: logged, cut, records } = readLog(path)
  const words = new BigUint64Array(records.buffer, records.byteOffset, records.length / 8)
  const columns = new Columns()
  let i = 0
  for (; i < logged && columns.kinds.length < limit; i++) {
    const kind = records.readUInt32LE(i * RECORD)
    const align = records.readUInt32LE(i * RECORD + 4)
    const size = Number(words[i * 4 + 1])
    const [ptr, old] = words.subarray(i * 4 + 2, i * 4 + 4)
    if (size > MAX_SIZE) throw new Error(`operation ${i} is of ${size} bytes`)
    if (kind === ALLOC) columns.alloc(ptr, size, align)
    else if (kind === REALLOC) columns.realloc(old, ptr, size)
    else columns.free(ptr)
  }
  const { kinds, blocks, sizes, aligns } = columns
  return { kinds, blocks, sizes, aligns, cut: cut || i < logged }
}

/**
 * Writes a trace and returns its header.
 * @param {string} log @param {string} target
 * @param {{ program: string, version: string, command: string, limit?: number }} about
 */
export function convert(log, target, { limit = Infinity, ...about }) {
  const { header, bytes } = encodeTrace(columnsOf(log, limit), about)
  writeFileSync(target, bytes)
  return { ...header, bytes: bytes.length }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [log, target, program, version, command, limit] = process.argv.slice(2)
  if (!command) throw new Error('node convert.mjs LOG TRACE PROGRAM VERSION COMMAND [LIMIT]')
  const about = { program, version, command, limit: limit ? Number(limit) : undefined }
  console.log(JSON.stringify(convert(log, target, about), null, 2))
}
