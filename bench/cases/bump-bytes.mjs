// alloc().bytes on a bump, nothing kept, against the ways in which Node makes a buffer.

import { BumpAllocator, cAllocator } from 'offheap'
import { fasterThanAllocUnsafe, KiB, PEERS, SIZES, strideOf } from './blocks.mjs'

const CAPACITY = 1 << 20

/** As a server does it: blocks until the arena is full (the request is done), then a reset. */
function bump(size) {
  const arena = new BumpAllocator(CAPACITY)
  const blocks = Math.floor(CAPACITY / strideOf(size))
  function batch(n) {
    let sum = 0
    for (let done = 0; done < n; done += blocks) {
      for (let i = 0; i < blocks; i++) {
        const bytes = arena.alloc(size).bytes
        bytes[0] = i
        sum += bytes.length
      }
      arena.reset()
    }
    return sum
  }
  return { batch, unit: blocks }
}

function allocUnsafe(size) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = Buffer.allocUnsafe(size)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

/**
 * glibc trims its heap when more than 128 KiB lie free at the top, until a larger block was freed
 * once: then it keeps twice as much. Processes that have run for a while have freed one.
 */
function allocUnsafeWarm(size) {
  const big = 16 << 20
  cAllocator.rawFree(cAllocator.rawAlloc(big, 16), big, 16)
  return allocUnsafe(size)
}

function alloc(size) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = Buffer.alloc(size)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

function uint8array(size) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = new Uint8Array(size)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'bump-bytes',
  title: 'alloc(size).bytes on a bump, nothing kept',
  about: 'one block, its first byte written; the bump has 1 MiB and its resets are counted',
  inputs: SIZES,
  arms: {
    bump: { label: 'bump', setup: bump, ours: true },
    allocUnsafe: { ...PEERS.allocUnsafe, setup: allocUnsafe },
    allocUnsafeWarm: {
      label: 'the same, 16 MiB freed before',
      setup: allocUnsafeWarm,
      dropped: true,
    },
    alloc: { ...PEERS.alloc, setup: alloc },
    uint8array: { ...PEERS.uint8array, setup: uint8array },
  },
  bars: fasterThanAllocUnsafe('bump', { [4 * KiB]: 8, [64 * KiB]: 50 }),
}
