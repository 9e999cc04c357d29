// A worker of the pool: what it is given it takes as its own, and answers with a block of its own.

import { parentPort, workerData } from 'node:worker_threads'
import { ThreadSafeAllocator } from 'offheap'

const heap = ThreadSafeAllocator.attach(workerData)

/** How often each byte occurs: 256 numbers, in a new block. */
function histogram(bytes) {
  const counts = heap.allocZeroed(256 * 8, 8)
  const numbers = counts.as(Float64Array)
  for (const byte of bytes) numbers[byte] += 1
  return counts
}

parentPort.on('message', ({ ptr, size }) => {
  const part = heap.adopt(ptr, size) // throws where no such block lives
  const answer = histogram(part.bytes)
  part.free() // allocated over there, freed here
  parentPort.postMessage({ ptr: answer.ptr, size: answer.size, align: answer.align })
})
