// Replays the traces in JavaScript, as bench/c/replay.c does in C: the same operations in the same
// order, the number of its slot written into each new block, and what the trace leaves behind freed
// after the clock was stopped.

import { readFileSync } from 'node:fs'
import * as trace from './trace.mjs'
import { flatTraceFile, loadTrace } from './trace.mjs'

/** @typedef {import('./types.d.ts').Arm} Arm */

const HEADER_WORDS = 8
/** Of this module, as in C they are of the file: V8 loads and checks another module's at each use. */
const { ALLOC, FREE, REALLOC } = trace

/** The flat form, from the file that the programs in C read. @param {string} name */
export function flatTrace(name) {
  const { buffer, byteOffset, length } = readFileSync(flatTraceFile(name))
  const words = new Int32Array(buffer, byteOffset, length / 4)
  const [, , , slots = 0, count = 0] = words
  return { ops: words.subarray(HEADER_WORDS), slots, count }
}

/** @type {Map<string, number>} */
const peaks = new Map()

/** The most payload that is live at a time, by the trace's header. @param {string} name */
export function peakPayload(name) {
  const peak = peaks.get(name) ?? loadTrace(name).header.peakBytes
  peaks.set(name, peak)
  return peak
}

/** Head words and sizes of the blocks that the trace does not free. @param {Int32Array} ops @param {number} slots */
function leftOf(ops, slots) {
  const heads = new Int32Array(slots).fill(-1)
  const sizes = new Int32Array(slots)
  for (let i = 0; i < ops.length; i += 2) {
    const [head, size] = [ops[i], ops[i + 1]]
    const kind = head & 3
    if (kind === ALLOC) heads[head >>> 8] = head
    if (kind === FREE) heads[head >>> 8] = -1
    if (kind === ALLOC || kind === REALLOC) sizes[head >>> 8] = size
  }
  const slotsLeft = Array.from(heads.keys()).filter((slot) => heads[slot] !== -1)
  return slotsLeft.map((slot) => ({ slot, head: heads[slot], size: sizes[slot] }))
}

/**
 * The first `count` operations of a flat trace, and a free of each block that is live then.
 * @param {ReturnType<typeof flatTrace>} trace @param {number} count
 */
export function headOf({ ops, slots }, count) {
  let end = 0
  for (let i = 0; i < count; i++) end += (ops[end] & 3) === REALLOC ? 4 : 2
  const head = ops.subarray(0, end)
  const frees = leftOf(head, slots).flatMap(({ head: word, size }) => [(word & ~3) | FREE, size])
  return { ops: Int32Array.from([...head, ...frees]), slots, count: count + frees.length / 2 }
}

/**
 * The loop of a user that holds blocks of an allocator over one region: no call is made by way of
 * anything else, and bytes are written through views that are made once. Allocator and arrays are constants
 * around it, as those of a module are, and malloc is in C: as long as there is one such function, V8
 * compiles where they lie into it.
 * @param {import('offheap').Allocator} heap @param {Int32Array} ops @param {Float64Array} blocks
 * @param {{ words: Int32Array, bytes: Uint8Array, base: number }} memory
 */
function loopOver(heap, ops, blocks, { words, bytes, base }) {
  const { length } = ops
  return () => {
    for (let i = 0; i < length; i += 2) {
      const head = ops[i]
      const size = ops[i + 1]
      const slot = head >>> 8
      const align = 1 << ((head >>> 2) & 63)
      const kind = head & 3
      if (kind === ALLOC) {
        const ptr = heap.rawAlloc(size, align)
        if (ptr === 0) throw new Error('out of memory')
        blocks[slot] = ptr
        if (size >= 8) {
          const at = (ptr - base) >>> 2
          words[at] = slot
          words[at + 1] = 0
        } else if (size > 0) {
          bytes[ptr - base] = slot
        }
      } else if (kind === FREE) {
        heap.rawFree(blocks[slot], size, align)
      } else {
        i += 2
        blocks[slot] = resized(heap, blocks[slot], ops[i + 1], align, size, bytes, base)
      }
    }
  }
}

/** What a realloc does, out of the loop: where the block is now. */
function resized(heap, old, before, align, size, bytes, base) {
  if (heap.rawResize(old, before, align, size)) return old
  const ptr = heap.rawAlloc(size, align)
  if (ptr === 0) throw new Error('out of memory')
  const from = old - base
  bytes.copyWithin(ptr - base, from, from + Math.min(before, size))
  heap.rawFree(old, before, align)
  return ptr
}

/**
 * The arm of an allocator over a region whose bytes lie in `buffer`, where the address `base` is
 * that of the buffer's first byte.
 * @param {import('offheap').Allocator} heap @param {ArrayBufferLike} buffer @param {number} base
 * @param {ReturnType<typeof flatTrace>} trace @returns {Arm}
 */
export function replayIn(heap, buffer, base, { ops, slots, count }) {
  const memory = { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), base }
  const blocks = new Float64Array(slots)
  const left = leftOf(ops, slots)
  function after() {
    for (const { slot, head, size } of left) {
      heap.rawFree(blocks[slot], size, 1 << ((head >>> 2) & 63))
    }
  }
  function check() {
    const { used } = heap.stats()
    if (used !== 0) throw new Error(`${used} bytes are left`)
  }
  return {
    batch: loopOver(heap, ops, blocks, memory),
    unit: count,
    whole: true,
    after,
    check,
  }
}

/** With a figure for memory, that of the first replay. @param {import('offheap').Allocator} heap @param {Arm} arm @returns {Arm} */
export function withUtilisation(heap, arm) {
  let utilisation = 0
  function after() {
    if (utilisation === 0) {
      const { peak, peakFootprint } = heap.stats()
      utilisation = peak / peakFootprint
    }
    arm.after?.()
  }
  return { ...arm, after, utilisation: () => utilisation }
}

/** The loop over the C heap: nothing is written, as a view costs an ArrayBuffer there. */
const loopWithoutBytes =
  (heap, ops, blocks, { length } = ops) =>
  () => {
    for (let i = 0; i < length; i += 2) {
      const head = ops[i]
      const size = ops[i + 1]
      const slot = head >>> 8
      const align = 1 << ((head >>> 2) & 63)
      const kind = head & 3
      if (kind === ALLOC) {
        const ptr = heap.rawAlloc(size, align)
        if (ptr === 0) throw new Error('out of memory')
        blocks[slot] = ptr
      } else if (kind === FREE) {
        heap.rawFree(blocks[slot], size, align)
      } else {
        i += 2
        const ptr = heap.rawRemap(blocks[slot], ops[i + 1], align, size)
        if (ptr === 0) throw new Error('out of memory')
        blocks[slot] = ptr
      }
    }
  }

/** @param {import('offheap').CAllocator} heap @param {ReturnType<typeof flatTrace>} trace @returns {Arm} */
export function replayInC(heap, { ops, slots, count }) {
  const blocks = new Float64Array(slots)
  const left = leftOf(ops, slots)
  return {
    batch: loopWithoutBytes(heap, ops, blocks),
    unit: count,
    whole: true,
    after: () => {
      for (const { slot, head, size } of left) {
        heap.rawFree(blocks[slot], size, 1 << ((head >>> 2) & 63))
      }
    },
  }
}

/** The loop over a MemPool of @thi.ng/malloc: one alignment for all, addresses are offsets. */
const loopInPool =
  (pool, ops, blocks, words, bytes, { length } = ops) =>
  () => {
    for (let i = 0; i < length; i += 2) {
      const head = ops[i]
      // It has no blocks of 0 bytes.
      const size = ops[i + 1] || 1
      const slot = head >>> 8
      const kind = head & 3
      if (kind === ALLOC) {
        const ptr = pool.malloc(size)
        if (ptr === 0) throw new Error('out of memory')
        blocks[slot] = ptr
        if (size >= 8) {
          words[ptr >>> 2] = slot
          words[(ptr >>> 2) + 1] = 0
        } else {
          bytes[ptr] = slot
        }
      } else if (kind === FREE) {
        pool.free(blocks[slot])
      } else {
        i += 2
        const ptr = pool.realloc(blocks[slot], size)
        if (ptr === 0) throw new Error('out of memory')
        blocks[slot] = ptr
      }
    }
  }

/** @param {import('@thi.ng/malloc').MemPool} pool @param {ReturnType<typeof flatTrace>} trace @returns {Arm} */
export function replayInPool(pool, { ops, slots, count }) {
  const blocks = new Float64Array(slots)
  const words = new Int32Array(pool.buf)
  const bytes = new Uint8Array(pool.buf)
  return {
    batch: loopInPool(pool, ops, blocks, words, bytes),
    unit: count,
    whole: true,
  }
}
