// A request's worth of small blocks on an arena, freed together, against buffers that are dropped.

import { ArenaAllocator, BumpAllocator, cAllocator, pageAllocator } from 'offheap'
import { useEveryClass } from '../harness/every-class.mjs'

/** Of a batch that is freed together. */
const BLOCKS = 1000
/** Bytes, 72 on average: as the parts of a request are, no two after each other the same. */
const SIZES = [16, 128, 24, 96, 40, 64, 112, 32, 80, 48, 120, 56, 104, 88, 72, 72]
const MASK = SIZES.length - 1
const sizes = Int32Array.from(SIZES)

/** @param {import('offheap').Allocator} parent */
const arenaOver = (parent) => {
  useEveryClass()
  return new ArenaAllocator(parent)
}

/** A function for one request, called again and again, as a server does it. @param {() => number} request */
const repeating = (request) => (n) => {
  let sum = 0
  for (let done = 0; done < n; done += BLOCKS) sum += request()
  return sum
}

/** The arena's figures must be those of arenas that gave everything back and kept their chunk. */
function checkOf(arena) {
  return () => {
    const { used, footprint } = arena.stats()
    if (used !== 0 || footprint < BLOCKS * 72) throw new Error(`${used} used of ${footprint}`)
  }
}

const handles = (parent) => () => {
  const arena = arenaOver(parent)
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) sum += arena.alloc(sizes[i & MASK]).size
    arena.reset('retain_capacity')
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS, check: checkOf(arena) }
}

/** As a program does that hands its blocks around: they are alive until the reset. */
const keptHandles = (parent) => () => {
  const arena = arenaOver(parent)
  /** @type {(import('offheap').Allocation | null)[]} */
  const kept = Array.from({ length: BLOCKS }, () => null)
  function request() {
    for (let i = 0; i < BLOCKS; i++) kept[i] = arena.alloc(sizes[i & MASK])
    const last = kept[BLOCKS - 1].size
    arena.reset('retain_capacity')
    return last
  }
  return { batch: repeating(request), unit: BLOCKS, check: checkOf(arena) }
}

const bytes = (parent) => () => {
  const arena = arenaOver(parent)
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) {
      const block = arena.alloc(sizes[i & MASK]).bytes
      block[0] = i
      sum += block.length
    }
    arena.reset('retain_capacity')
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS, check: checkOf(arena) }
}

const raw = (parent) => () => {
  const arena = arenaOver(parent)
  const kept = new Float64Array(BLOCKS)
  function request() {
    for (let i = 0; i < BLOCKS; i++) kept[i] = arena.rawAlloc(sizes[i & MASK], 16)
    arena.reset('retain_capacity')
    return kept[0]
  }
  return { batch: repeating(request), unit: BLOCKS, check: checkOf(arena) }
}

/** Every batch takes its chunks from the parent anew. */
function freeAll() {
  const arena = arenaOver(cAllocator)
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) sum += arena.alloc(sizes[i & MASK]).size
    arena.reset('free_all')
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS }
}

function bump() {
  useEveryClass()
  const allocator = new BumpAllocator(1 << 20)
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) sum += allocator.alloc(sizes[i & MASK]).size
    allocator.reset()
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS }
}

function allocUnsafe() {
  useEveryClass()
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) sum += Buffer.allocUnsafe(sizes[i & MASK]).length
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS }
}

function allocUnsafeKept() {
  useEveryClass()
  /** @type {(Buffer | null)[]} */
  const kept = Array.from({ length: BLOCKS }, () => null)
  function request() {
    for (let i = 0; i < BLOCKS; i++) kept[i] = Buffer.allocUnsafe(sizes[i & MASK])
    return kept[BLOCKS - 1].length
  }
  return { batch: repeating(request), unit: BLOCKS }
}

function allocUnsafeWritten() {
  useEveryClass()
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) {
      const block = Buffer.allocUnsafe(sizes[i & MASK])
      block[0] = i
      sum += block.length
    }
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS }
}

function uint8array() {
  useEveryClass()
  function request() {
    let sum = 0
    for (let i = 0; i < BLOCKS; i++) {
      const block = new Uint8Array(sizes[i & MASK])
      block[0] = i
      sum += block.length
    }
    return sum
  }
  return { batch: repeating(request), unit: BLOCKS }
}

const ours = (label, setup) => ({ label, setup, ours: true })
const peer = (label, setup) => ({ label, setup, dropped: true })

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'arena',
  title: '1,000 small blocks on an arena and a reset, every allocator class used before',
  about: 'one block of 16 to 128 bytes; the reset that frees 1,000 of them is counted',
  arms: {
    handles: ours('alloc, reset retain_capacity, over cAllocator', handles(cAllocator)),
    handlesPages: ours('the same over pageAllocator', handles(pageAllocator)),
    kept: ours('the same over cAllocator, handles kept', keptHandles(cAllocator)),
    bytes: ours('alloc().bytes, a byte written', bytes(cAllocator)),
    raw: ours('rawAlloc, addresses kept', raw(cAllocator)),
    freeAll: ours('alloc, reset free_all', freeAll),
    bump: ours('BumpAllocator: alloc, reset', bump),
    allocUnsafe: peer('Buffer.allocUnsafe', allocUnsafe),
    allocUnsafeKept: peer('Buffer.allocUnsafe, the last 1,000 kept', allocUnsafeKept),
    allocUnsafeWritten: peer('Buffer.allocUnsafe, a byte written', allocUnsafeWritten),
    uint8array: peer('new Uint8Array, a byte written', uint8array),
  },
  bars: [{ arm: 'handles', peer: 'allocUnsafe', atMost: 0.25 }],
}
