// Reads the malloc traces of bench/traces (the format is in its README) into the flat form that the
// replays in JavaScript and in C run over.
//
// The flat form has entries of two 32-bit words, so that a replay spends next to nothing on decoding:
//   word 0   slot << 8 | log2(align) << 2 | kind
//   word 1   ALLOC: its size. FREE: the size of the block. REALLOC: the new size; an entry OLD
//            follows, whose word 1 is the size before.
// A slot is where the replay keeps a block's pointer: freed slots are used again, the last freed first.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import { at } from '../../scripts/lib.mjs'

/** @typedef {import('./trace.d.mts').Trace} Trace */
/** @typedef {import('./trace.d.mts').TraceHeader} TraceHeader */

/** Kinds of entries. */
export const ALLOC = 0
export const FREE = 1
export const REALLOC = 2
export const OLD = 3

/** In the file: an allocation whose alignment is not the one that malloc gives anyway. */
const ALIGNED = 3
const FORMAT = 1
const EXTENSION = '.trace.br'

const fileOf = (/** @type {string} */ name) => at('bench/traces', `${name}${EXTENSION}`)

/** Names of all traces, sorted. */
export function listTraces() {
  return readdirSync(at('bench/traces'))
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .sort()
}

/** @param {string} name @returns {Trace} */
export function loadTrace(name) {
  return { name, ...decodeTrace(readFileSync(fileOf(name))) }
}

/**
 * Throws when the file is not what its header says, or operates on a block that is not live.
 * @param {Uint8Array} compressed @returns {Omit<Trace, 'name'>}
 */
export function decodeTrace(compressed) {
  const plain = brotliDecompressSync(compressed)
  const end = plain.indexOf(10)
  /** @type {TraceHeader} */
  const header = JSON.parse(plain.toString('utf8', 0, end))
  if (header.format !== FORMAT) throw new Error(`a trace of format ${header.format}, not ${FORMAT}`)
  const columns = columnsOf(plain, end + 1, header.columns)
  return { header, slots: header.slots, ops: flatten(header, columns) }
}

/** @param {Buffer} plain @param {number} start @param {number[]} lengths */
function columnsOf(plain, start, lengths) {
  let from = start
  const readers = lengths.map((length) => new Reader(plain.subarray(from, (from += length))))
  if (from !== plain.length) throw new Error('the columns are not as long as the header says')
  return readers
}

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes
    this.next = 0
  }

  get ended() {
    return this.next === this.bytes.length
  }

  byte() {
    if (this.ended) throw new Error('a column ends early')
    return this.bytes[this.next++] ?? 0
  }

  number() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
}

/** @param {TraceHeader} header @param {Reader[]} columns */
function flatten({ ops: count, allocs, reallocs, slots }, columns) {
  const [kinds, ages, sizes, newSizes, aligns] =
    /** @type {[Reader, Reader, Reader, Reader, Reader]} */ (columns)
  const flat = new Int32Array((count + reallocs) * 2)
  // By allocation: the head word and the size; a head of -1 is of a block that was freed.
  const heads = new Int32Array(allocs)
  const blockSizes = new Int32Array(allocs)
  const freeSlots = new Int32Array(slots)
  let [freeCount, usedSlots, allocated, at0] = [0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const kind = kinds.byte()
    if (kind === ALLOC || kind === ALIGNED) {
      const size = sizes.number()
      const align = kind === ALIGNED ? aligns.byte() : size < 16 ? 3 : 4
      const slot = freeCount > 0 ? (freeSlots[--freeCount] ?? 0) : usedSlots++
      const head = (slot << 8) | (align << 2)
      heads[allocated] = head
      blockSizes[allocated++] = size
      flat[at0++] = head | ALLOC
      flat[at0++] = size
      continue
    }
    const block = allocated - 1 - ages.number()
    const head = heads[block] ?? -1
    if (head === -1) throw new Error(`operation ${i} is on a block that is not live`)
    const old = blockSizes[block] ?? 0
    flat[at0++] = head | kind
    if (kind === FREE) {
      flat[at0++] = old
      heads[block] = -1
      freeSlots[freeCount++] = head >>> 8
      continue
    }
    flat[at0++] = blockSizes[block] = newSizes.number()
    flat[at0++] = head | OLD
    flat[at0++] = old
  }
  if (at0 !== flat.length || usedSlots !== slots || !columns.every(({ ended }) => ended)) {
    throw new Error('the operations are not those that the header counts')
  }
  return flat
}

/**
 * The flat form as a file for C, under build/bench/traces, made when it is missing or older than its
 * trace. Eight 32-bit words (magic, format, entries, slots, operations, three 0), then the entries.
 * In the byte order of this machine.
 * @param {string} name
 */
export function flatTraceFile(name) {
  const path = at('build/bench/traces', `${name}.flat`)
  if (existsSync(path) && statSync(path).mtimeMs > statSync(fileOf(name)).mtimeMs) return path
  const { header, ops, slots } = loadTrace(name)
  const words = new Int32Array(8 + ops.length)
  words.set([0x6f687466, FORMAT, ops.length / 2, slots, header.ops])
  words.set(ops, 8)
  mkdirSync(at('build/bench/traces'), { recursive: true })
  // Renamed, so that nobody reads half of it.
  const part = `${path}.${process.pid}`
  writeFileSync(part, words)
  renameSync(part, path)
  return path
}
