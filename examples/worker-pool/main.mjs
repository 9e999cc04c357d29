// A pool of workers over one heap: blocks change hands by address, and no byte of them is copied.
// This thread fills blocks, a worker reads and frees them and answers with blocks of its own, which
// are freed here.
//   node examples/worker-pool/main.mjs

import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { Region, SlabAllocator, ThreadSafeAllocator } from 'offheap'

const WORKERS = 4
const PARTS = 64
const PART_BYTES = 100_000

/** Workers that each have one part at a time, and whoever waits for one that is free. */
class Pool {
  #idle = []
  #waiting = []
  #workers

  constructor(heap, count) {
    const url = new URL('worker.mjs', import.meta.url)
    const token = heap.share() // a number and a SharedArrayBuffer: posting it copies nothing
    this.#workers = Array.from({ length: count }, () => new Worker(url, { workerData: token }))
    this.#idle.push(...this.#workers)
  }

  async run(message) {
    const worker = this.#idle.pop() ?? (await new Promise((turn) => this.#waiting.push(turn)))
    try {
      return await new Promise((resolve, reject) => {
        worker.once('message', resolve).once('error', reject)
        worker.postMessage(message)
      })
    } finally {
      worker.removeAllListeners('message').removeAllListeners('error')
      const next = this.#waiting.shift()
      if (next) next(worker)
      else this.#idle.push(worker)
    }
  }

  close() {
    return Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

const heap = new ThreadSafeAllocator(new SlabAllocator(Region.shared(1 << 25)))
const pool = new Pool(heap, WORKERS)
const totals = new Float64Array(256)

async function countPart(index) {
  const part = heap.alloc(PART_BYTES)
  part.bytes.forEach((_, i, bytes) => (bytes[i] = (i * 31 + index) & 255))
  // From here on the block is the worker's: this thread does not touch its handle any more.
  const { ptr, size, align } = await pool.run({ ptr: part.ptr, size: part.size })
  const counts = heap.adopt(ptr, size, align)
  counts.as(Float64Array).forEach((count, byte) => (totals[byte] += count))
  counts.free()
}

await Promise.all(Array.from({ length: PARTS }, (_, index) => countPart(index)))
await pool.close()

const counted = totals.reduce((sum, count) => sum + count, 0)
const expected = new Float64Array(256)
for (let part = 0; part < PARTS; part++) {
  for (let i = 0; i < PART_BYTES; i++) expected[(i * 31 + part) & 255] += 1
}
assert.deepEqual(totals, expected)
assert.equal(heap.stats().used, 0) // every block was freed, by whichever thread
console.log(`${counted} bytes counted by ${WORKERS} workers`)
// prints 6400000 bytes counted by 4 workers
console.log(`${heap.stats().used} bytes left in the heap`) // prints 0 bytes left in the heap
heap.dispose()
