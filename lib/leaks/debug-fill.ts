/** Bytes that mean something in a dump, and finding those that are no longer what they were. */
import type { Damage } from './debug-block.js'

/** What blocks and what is around them are filled with. */
export const enum Fill {
  /** A new block. */
  FRESH = 0xcd,
  /** A freed block. */
  FREED = 0xdd,
  /** What is before and behind a block. */
  FENCE = 0xfd,
}

const CHUNK = 4096
/** From here up a comparison in C is faster than a loop. */
const LONG = 64

const chunks = new Map<Fill, Uint8Array>()

function chunkOf(fill: Fill): Uint8Array {
  let chunk = chunks.get(fill)
  if (chunk === undefined) chunks.set(fill, (chunk = new Uint8Array(CHUNK).fill(fill)))
  return chunk
}

/** Offset of the first byte in [from, to) that is not `fill`; -1: all are. */
function firstOther(bytes: Uint8Array, from: number, to: number, fill: Fill): number {
  let at = from
  while (to - at > LONG) {
    const length = Math.min(CHUNK, to - at)
    const same = Buffer.compare(bytes.subarray(at, at + length), chunkOf(fill).subarray(0, length))
    if (same !== 0) break
    at += length
  }
  while (at < to && bytes[at] === fill) at += 1
  return at < to ? at : -1
}

function lastOther(bytes: Uint8Array, from: number, to: number, fill: Fill): number {
  let at = to - 1
  while (at > from && bytes[at] === fill) at -= 1
  return at
}

/** Puts what should be filled right again. null: all of it was. Offsets are from `start`. */
export function repair(
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  fill: Fill,
  start: number,
): Damage | null {
  const first = firstOther(bytes, from, to, fill)
  if (first < 0) return null
  const found = bytes[first]!
  const last = lastOther(bytes, first, to, fill)
  bytes.fill(fill, first, last + 1)
  return { offset: first - start, length: last + 1 - first, found }
}
