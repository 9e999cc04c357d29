// One block, allocated and freed at once: where malloc is at its best.

import { MemPool } from '@thi.ng/malloc'
import {
  cAllocator,
  DynamicAllocator,
  FreeListAllocator,
  PoolAllocator,
  Region,
  SlabAllocator,
  StackAllocator,
} from 'offheap'
import { koffiFunctions } from '../harness/koffi.mjs'

const SIZE = 64
const CAPACITY = 1 << 20
const BLOCKS = CAPACITY / SIZE

/**
 * Size and alignment are literals in each loop, as in a user's code, and each arm has a loop of its
 * own. Addresses are added up, as in malloc_pair.c.
 */
function poolRaw() {
  const pool = new PoolAllocator(SIZE, BLOCKS)
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const ptr = pool.rawAlloc(64, 16)
      sum += ptr
      pool.rawFree(ptr, 64, 16)
    }
    return sum
  }
  return { batch }
}

function poolBlocks() {
  const pool = new PoolAllocator(SIZE, BLOCKS)
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const ptr = pool.allocBlock()
      sum += ptr
      pool.freeBlock(ptr)
    }
    return sum
  }
  return { batch }
}

function stackPop() {
  const stack = new StackAllocator(CAPACITY)
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      sum += stack.rawAlloc(64, 16)
      stack.pop()
    }
    return sum
  }
  return { batch }
}

/** @param {() => import('offheap').Allocator} make */
const raw = (make) => () => {
  const heap = make()
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const ptr = heap.rawAlloc(64, 16)
      sum += ptr
      heap.rawFree(ptr, 64, 16)
    }
    return sum
  }
  return { batch }
}

/** @param {() => import('offheap').Allocator} make */
const handles = (make) => () => {
  const heap = make()
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const a = heap.alloc(64)
      sum += a.ptr
      a.free()
    }
    return sum
  }
  return { batch }
}

function thing() {
  const pool = new MemPool({ size: CAPACITY, align: 16 })
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const ptr = pool.malloc(64)
      sum += ptr
      pool.free(ptr)
    }
    return sum
  }
  return { batch }
}

function allocUnsafe(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.allocUnsafe(64)
    bytes[0] = i
    sum += bytes.length
  }
  return sum
}

function uint8array(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = new Uint8Array(64)
    bytes[0] = i
    sum += bytes.length
  }
  return sum
}

const newPool = () => new PoolAllocator(SIZE, BLOCKS)
const newStack = () => new StackAllocator(CAPACITY)
const newSlab = () => new SlabAllocator({ reserve: CAPACITY })
const newFreeList = () => new FreeListAllocator(Region.pages(CAPACITY))
const theCHeap = () => cAllocator
const theOther = () => new DynamicAllocator({ library: 'libmimalloc.so.2', prefix: 'mi_' })

const ours = (label, setup) => ({ label, setup, ours: true })
const inC = (label, preload) => ({
  label,
  c: { program: 'malloc_pair', arm: 'libc', ...(preload && { preload }) },
})

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'pairs',
  title: 'One block of 64 bytes, allocated and freed at once',
  about: 'an allocation and a free, with all checks that there are',
  base: 'glibc',
  arms: {
    poolRaw: ours('PoolAllocator.rawAlloc + rawFree', poolRaw),
    poolBlocks: ours('PoolAllocator.allocBlock + freeBlock', poolBlocks),
    stackPop: ours('StackAllocator.rawAlloc + pop', stackPop),
    stackRaw: ours('StackAllocator.rawAlloc + rawFree', raw(newStack)),
    slabRaw: ours('SlabAllocator.rawAlloc + rawFree', raw(newSlab)),
    freeListRaw: ours('FreeListAllocator.rawAlloc + rawFree', raw(newFreeList)),
    cRaw: ours('cAllocator.rawAlloc + rawFree', raw(theCHeap)),
    mimallocRaw: {
      ...ours('DynamicAllocator.rawAlloc + rawFree, over mimalloc', raw(theOther)),
      needs: 'mimalloc',
    },
    poolHandle: ours('PoolAllocator.alloc + free (a handle)', handles(newPool)),
    stackHandle: ours('StackAllocator.alloc + free (a handle)', handles(newStack)),
    slabHandle: ours('SlabAllocator.alloc + free (a handle)', handles(newSlab)),
    freeListHandle: ours('FreeListAllocator.alloc + free (a handle)', handles(newFreeList)),
    cHandle: ours('cAllocator.alloc + free (a handle)', handles(theCHeap)),
    glibc: inC('malloc + free in C, glibc'),
    mimalloc: inC('malloc + free in C, mimalloc', 'mimalloc'),
    jemalloc: inC('malloc + free in C, jemalloc', 'jemalloc'),
    thing: { label: '@thi.ng/malloc: malloc + free', setup: thing },
    koffi: { label: 'malloc + free as koffi functions', setup: koffiFunctions },
    allocUnsafe: { label: 'Buffer.allocUnsafe, a byte written', batch: allocUnsafe, dropped: true },
    uint8array: { label: 'new Uint8Array, a byte written', batch: uint8array, dropped: true },
  },
  bars: [
    { arm: 'poolRaw', peer: 'glibc', atMost: 1 },
    { arm: 'stackPop', peer: 'glibc', atMost: 1 },
  ],
}
