// alloc().bytes with the last 1,000 handles kept and alive, in a process that has used every class.

import { BumpAllocator } from 'offheap'
import { useEveryClass } from '../harness/every-class.mjs'
import { fasterThanAllocUnsafe, PEERS, SIZES, strideOf } from './blocks.mjs'

const KEPT = 1000
const CAPACITY = 1 << 20

/**
 * Two arenas that take turns, each with room for 1,000 blocks at least, so that none of the handles
 * that are kept is of an arena that was reset since.
 */
function bump(size) {
  useEveryClass()
  const capacity = Math.max(CAPACITY, KEPT * strideOf(size))
  const blocks = Math.floor(capacity / strideOf(size))
  let arena = new BumpAllocator(capacity)
  let other = new BumpAllocator(capacity)
  /** @type {(import('offheap').Allocation | null)[]} */
  const kept = Array.from({ length: KEPT }, () => null)
  function batch(n) {
    let at = 0
    let sum = 0
    for (let done = 0; done < n; done += blocks) {
      ;[arena, other] = [other, arena]
      arena.reset()
      for (let i = 0; i < blocks; i++) {
        const a = arena.alloc(size)
        const bytes = a.bytes
        bytes[0] = i
        sum += bytes.length
        kept[at] = a
        at = at + 1 === KEPT ? 0 : at + 1
      }
    }
    return sum
  }
  function check() {
    if (kept.some((a) => a === null || a.freed || a.bytes.length !== size))
      throw new Error('a kept handle died')
  }
  return { batch, unit: blocks, check }
}

/** Beside the call that makes the buffer all peers do the same. */
const keeping = (batchWith) => (size) => {
  useEveryClass()
  const kept = Array.from({ length: KEPT }, () => null)
  return { batch: batchWith(size, kept) }
}

const allocUnsafe = keeping((size, kept) => (n) => {
  let at = 0
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.allocUnsafe(size)
    bytes[0] = i
    sum += bytes.length
    kept[at] = bytes
    at = at + 1 === KEPT ? 0 : at + 1
  }
  return sum
})

const alloc = keeping((size, kept) => (n) => {
  let at = 0
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.alloc(size)
    bytes[0] = i
    sum += bytes.length
    kept[at] = bytes
    at = at + 1 === KEPT ? 0 : at + 1
  }
  return sum
})

const uint8array = keeping((size, kept) => (n) => {
  let at = 0
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = new Uint8Array(size)
    bytes[0] = i
    sum += bytes.length
    kept[at] = bytes
    at = at + 1 === KEPT ? 0 : at + 1
  }
  return sum
})

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'bump-kept',
  title: 'alloc(size).bytes on a bump, the last 1,000 kept, every allocator class used before',
  about: 'as before; two arenas take turns, so that every handle that is kept is alive',
  inputs: SIZES,
  arms: {
    bump: { label: 'bump, handles kept', setup: bump, ours: true },
    allocUnsafe: { ...PEERS.allocUnsafe, setup: allocUnsafe },
    alloc: { ...PEERS.alloc, setup: alloc },
    uint8array: { ...PEERS.uint8array, setup: uint8array },
  },
  bars: fasterThanAllocUnsafe('bump'),
}
