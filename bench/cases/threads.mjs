// One heap for many threads: what the lock and the crossing cost one thread, and two that contend.

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { cAllocator, ConcurrentBumpAllocator, Region } from 'offheap'
import { SlabAllocator, ThreadSafeAllocator } from 'offheap'

/** Pairs that a thread does before it asks for more. */
const CHUNK = 256
const CAPACITY = 1 << 26

/**
 * Words that two threads share: rounds that have begun, chunks that are left, is the other one at
 * it?
 */
const ROUND = 0
const LEFT = 1
const BUSY = 2

/**
 * n pairs; blocks of 16 to 256 bytes. @param {import('offheap').Allocator} allocator @param
 * {number} n
 */
function pairs(allocator, n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const size = 16 + (i & 15) * 16
    const ptr = allocator.rawAlloc(size, 16)
    sum += ptr
    allocator.rawFree(ptr, size, 16)
  }
  return sum
}

/**
 * Takes chunks until none is left. @param {Int32Array} words @param {import('offheap').Allocator}
 * allocator
 */
function work(words, allocator) {
  let sum = 0
  while (Atomics.sub(words, LEFT, 1) > 0) sum += pairs(allocator, CHUNK)
  return sum
}

const sharedSlab = () => new ThreadSafeAllocator(new SlabAllocator(Region.shared(CAPACITY)))

/** @param {import('offheap').Allocator} allocator */
const alone = (allocator) => ({ batch: (/** @type {number} */ n) => pairs(allocator, n) })

/**
 * The same with a second thread that takes its share.
 * @param {import('offheap').Allocator} allocator
 * @param {import('offheap').HeapToken | null} token null: the C heap
 */
async function contended(allocator, token) {
  const words = new Int32Array(new SharedArrayBuffer(12))
  const worker = new Worker(new URL(import.meta.url), { workerData: { words, token } })
  await once(worker, 'message')
  worker.unref()
  function batch(/** @type {number} */ n) {
    Atomics.store(words, LEFT, n / CHUNK)
    Atomics.store(words, BUSY, 1)
    Atomics.add(words, ROUND, 1)
    Atomics.notify(words, ROUND)
    const sum = work(words, allocator)
    while (Atomics.load(words, BUSY) === 1);
    return sum
  }
  return { batch, unit: CHUNK }
}

if (!isMainThread && workerData?.words) {
  const { words, token } = workerData
  const allocator = token === null ? cAllocator : ThreadSafeAllocator.attach(token)
  parentPort?.postMessage('ready')
  for (let round = 0; ;) {
    Atomics.wait(words, ROUND, round)
    // Before the other one is told: it may begin the next round at once.
    round = Atomics.load(words, ROUND)
    work(words, allocator)
    Atomics.store(words, BUSY, 0)
  }
}

function two() {
  const heap = sharedSlab()
  return contended(heap, heap.share())
}

function bump() {
  const allocator = new ConcurrentBumpAllocator(CAPACITY)
  return { ...alone(allocator), after: () => allocator.reset() }
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'threads',
  title: 'One heap for many threads',
  about: 'one block of 16 to 256 bytes, allocated and freed: two operations',
  arms: {
    one: {
      label: 'ThreadSafeAllocator over a slab, one thread',
      setup: () => alone(sharedSlab()),
      ours: true,
    },
    two: { label: 'the same, two threads contending, sum', setup: two, ours: true },
    bump: { label: 'ConcurrentBumpAllocator, one thread', setup: bump, ours: true },
    slab: {
      label: 'SlabAllocator, no lock',
      setup: () => alone(new SlabAllocator({ reserve: CAPACITY })),
      ours: true,
    },
    c: { label: 'cAllocator, one thread', batch: (n) => pairs(cAllocator, n), ours: true },
    cTwo: {
      label: 'cAllocator, two threads, sum',
      setup: () => contended(cAllocator, null),
      ours: true,
    },
    libc: { label: 'C, malloc + free', c: { program: 'malloc_pair', arm: 'libc' } },
  },
  bars: [
    { arm: 'one', nsAtMost: 120 },
    { arm: 'two', peer: 'one', atMost: 2 },
  ],
}
