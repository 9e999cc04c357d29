// What two cases share that replace one of more and more live blocks: a random one, or the oldest.

import { PoolAllocator, SlabAllocator } from 'offheap'

const COUNTS = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000]
/** A freed block's place stays empty for so many operations, or its own memory would come back. */
const HOLES = 16
/** Bytes, 72 on average. The size of the block in a slot is always the same. */
const SIZES = [16, 128, 24, 96, 40, 64, 112, 32, 80, 48, 120, 56, 104, 88, 72, 72]
const sizes = Int32Array.from(SIZES)
const BLOCK = 64
/** Operations before the first that is timed, so that blocks lie where they lie in use. */
const AGING = 1_000_000

/** Slots in a random order, the same as in live_blocks.c. */
class Random {
  constructor(count) {
    this.count = count
    this.state = 1
  }

  next() {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return Math.floor((x >>> 0) * (1 / 2 ** 32) * this.count)
  }
}

/** Slots one after the other: what was allocated first is freed first. */
class Oldest {
  constructor(count) {
    this.count = count
    this.slot = 0
  }

  next() {
    const { slot } = this
    this.slot = slot + 1 === this.count ? 0 : slot + 1
    return slot
  }
}

const ORDERS = { random: Random, oldest: Oldest }

const slab = (victim) => (count) => {
  const heap = new SlabAllocator({ reserve: Math.max(2 ** 20, count * 160) })
  const blocks = new Float64Array(count)
  const order = new ORDERS[victim](count)
  const holes = new Int32Array(HOLES)
  let step = 0
  function freeOne() {
    let slot = order.next()
    while (blocks[slot] === 0) slot = slot + 1 === count ? 0 : slot + 1
    heap.rawFree(blocks[slot], sizes[slot & 15], 16)
    blocks[slot] = 0
    return slot
  }
  function batch(n) {
    for (let i = 0; i < n; i++) {
      const slot = freeOne()
      const hole = holes[step & (HOLES - 1)]
      holes[step & (HOLES - 1)] = slot
      step = (step + 1) | 0
      blocks[hole] = heap.rawAlloc(sizes[hole & 15], 16)
    }
    return blocks[0]
  }
  for (let slot = 0; slot < count; slot++) blocks[slot] = heap.rawAlloc(sizes[slot & 15], 16)
  for (let i = 0; i < HOLES; i++) holes[i] = freeOne()
  batch(Math.min(count, AGING))
  return { batch, check: () => assertAll(blocks) }
}

/** As above, with blocks of one size. */
const pool = (victim) => (count) => {
  const heap = new PoolAllocator(BLOCK, count)
  const blocks = new Float64Array(count)
  const order = new ORDERS[victim](count)
  const holes = new Int32Array(HOLES)
  let step = 0
  function freeOne() {
    let slot = order.next()
    while (blocks[slot] === 0) slot = slot + 1 === count ? 0 : slot + 1
    heap.rawFree(blocks[slot], 64, 16)
    blocks[slot] = 0
    return slot
  }
  function batch(n) {
    for (let i = 0; i < n; i++) {
      const slot = freeOne()
      const hole = holes[step & (HOLES - 1)]
      holes[step & (HOLES - 1)] = slot
      step = (step + 1) | 0
      blocks[hole] = heap.rawAlloc(64, 16)
    }
    return blocks[0]
  }
  for (let slot = 0; slot < count; slot++) blocks[slot] = heap.rawAlloc(64, 16)
  for (let i = 0; i < HOLES; i++) holes[i] = freeOne()
  batch(Math.min(count, AGING))
  return { batch, check: () => assertAll(blocks) }
}

/** The loop with nothing allocated: what the caller's own table costs. */
const table = (victim) => (count) => {
  const blocks = new Float64Array(count).fill(1)
  const order = new ORDERS[victim](count)
  const holes = new Int32Array(HOLES)
  let step = 0
  function freeOne() {
    let slot = order.next()
    while (blocks[slot] === 0) slot = slot + 1 === count ? 0 : slot + 1
    blocks[slot] = 0
    return slot
  }
  function batch(n) {
    for (let i = 0; i < n; i++) {
      const slot = freeOne()
      const hole = holes[step & (HOLES - 1)]
      holes[step & (HOLES - 1)] = slot
      step = (step + 1) | 0
      blocks[hole] = sizes[hole & 15]
    }
    return blocks[0]
  }
  for (let i = 0; i < HOLES; i++) holes[i] = freeOne()
  batch(Math.min(count, AGING))
  return { batch, check: () => assertAll(blocks) }
}

/** @param {Float64Array} blocks */
function assertAll(blocks) {
  const missing = blocks.filter((ptr) => ptr === 0).length
  if (missing !== HOLES) throw new Error(`${missing} blocks are missing, not ${HOLES}`)
}

/** @param {string} victim @param {string} label @param {string} [preload] */
const inC = (victim, label, preload) => ({
  label,
  c: {
    program: 'live_blocks',
    args: (count, { warmupMs, sampleMs, timeMs }) =>
      [count, victim, warmupMs, sampleMs, timeMs].map(String),
    ...(preload && { preload }),
  },
})

/**
 * What both cases have in common.
 * @param {'random' | 'oldest'} victim
 * @returns {Omit<import('../harness/types.d.ts').Case, 'name' | 'title' | 'about'>}
 */
export const liveBlocks = (victim) => ({
  inputs: COUNTS,
  inputsAre: 'blocks',
  arms: {
    slab: { label: 'SlabAllocator', setup: slab(victim), ours: true },
    pool: { label: 'PoolAllocator, 64 bytes', setup: pool(victim), ours: true },
    table: { label: 'the loop alone', setup: table(victim) },
    glibc: inC(victim, 'glibc in C'),
    mimalloc: inC(victim, 'mimalloc in C', 'mimalloc'),
    jemalloc: inC(victim, 'jemalloc in C', 'jemalloc'),
  },
  bars: [
    { arm: 'slab', which: `${victim} block replaced`, growsAtMost: 2 },
    { arm: 'pool', which: `${victim} block replaced`, growsAtMost: 2 },
  ],
})
