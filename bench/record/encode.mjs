// Writes the trace format of bench/traces/README.md; harness/trace.mjs reads it.

import { brotliCompressSync, constants } from 'node:zlib'

const [ALLOC, FREE, REALLOC, ALIGNED] = [0, 1, 2, 3]

/** Bytes that grow, and numbers in LEB128. */
class Column {
  length = 0
  bytes = new Uint8Array(1 << 16)

  /** @param {number} byte */
  byte(byte) {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.length * 2)
      grown.set(this.bytes)
      this.bytes = grown
    }
    this.bytes[this.length++] = byte
  }

  /** @param {number} value from 0 to 2^31 - 1 */
  number(value) {
    let rest = value
    while (rest > 127) {
      this.byte((rest & 127) | 128)
      rest >>>= 7
    }
    this.byte(rest)
  }

  get written() {
    return this.bytes.subarray(0, this.length)
  }
}

/** What the operations amount to while they run. */
class Tally {
  live = new Map()
  liveBytes = 0
  peakBytes = 0
  peakBlocks = 0

  set(block, size) {
    this.liveBytes += size - (this.live.get(block) ?? 0)
    this.live.set(block, size)
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes
    if (this.live.size > this.peakBlocks) this.peakBlocks = this.live.size
  }

  delete(block) {
    this.liveBytes -= this.live.get(block)
    this.live.delete(block)
  }
}

/**
 * @param {{ kinds: number[], blocks: number[], sizes: number[], aligns: number[], cut: boolean }} columns
 *   blocks are numbered in the order in which they are allocated; aligns by block, as log2
 * @param {{ program: string, version: string, command: string }} about
 */
export function encodeTrace({ kinds, blocks, sizes, aligns, cut }, about) {
  const [ops, ages, allocSizes, newSizes, alignments] = Array.from(
    { length: 5 },
    () => new Column(),
  )
  const counts = [0, 0, 0]
  const tally = new Tally()
  let allocated = 0
  for (const [i, kind] of kinds.entries()) {
    const [block, size] = [blocks[i], sizes[i]]
    counts[kind]++
    if (kind === ALLOC) {
      const align = aligns[block]
      const plain = align === (size < 16 ? 3 : 4)
      ops.byte(plain ? ALLOC : ALIGNED)
      if (!plain) alignments.byte(align)
      allocSizes.number(size)
      allocated++
      tally.set(block, size)
      continue
    }
    ops.byte(kind)
    ages.number(allocated - 1 - block)
    if (kind === REALLOC) {
      newSizes.number(size)
      tally.set(block, size)
    } else tally.delete(block)
  }
  const columns = [ops, ages, allocSizes, newSizes, alignments].map(({ written }) => written)
  const header = {
    format: 1,
    ...about,
    cut,
    ops: kinds.length,
    allocs: counts[ALLOC],
    frees: counts[FREE],
    reallocs: counts[REALLOC],
    slots: tally.peakBlocks,
    peakBytes: tally.peakBytes,
    peakBlocks: tally.peakBlocks,
    leftBlocks: tally.live.size,
    leftBytes: tally.liveBytes,
    columns: columns.map(({ length }) => length),
  }
  const head = Buffer.from(`${JSON.stringify(header)}\n`)
  return { header, bytes: compressed(Buffer.concat([head, ...columns])) }
}

/** @param {Buffer} plain */
function compressed(plain) {
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  })
}
