// What a tracer costs a service: an upload received into a block, hashed and gzipped from there, and freed,
// as examples/upload-service does it.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { BacktracingAllocator, cAllocator } from 'offheap'
import { at } from '../../scripts/lib.mjs'

/** Real files: many small ones and a few large. */
const FILES = [
  ...['package.json', 'README.md', 'CHANGELOG.md', 'tsconfig.json', 'binding.gyp'],
  ...['lib/core/allocator.ts', 'lib/allocators/slab.ts', 'lib/index.ts', 'docs/concepts.md'],
  ...['native/include/offheap.h', 'native/core/ledger.c', 'package-lock.json'],
]

/** @param {import('offheap').Allocator} heap */
function uploads(heap) {
  const bodies = FILES.map((file) => readFileSync(at(file)))
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const body = bodies[i % bodies.length]
      const block = heap.alloc(body.length)
      block.bytes.set(body)
      sum += createHash('sha256').update(block.bytes).digest()[0]
      sum += gzipSync(block.bytes, { level: 1 }).length
      block.free()
    }
    return sum
  }
  return { batch, unit: FILES.length }
}

const ours = (label, heap) => ({ label, setup: () => uploads(heap()), ours: true })
const traced = (mode) => () => new BacktracingAllocator(cAllocator, { mode })

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'service',
  title: 'Uploads, hashed and gzipped, under a tracer',
  about: 'an upload into a block of its own',
  base: 'plain',
  inTurns: true,
  arms: {
    plain: ours('cAllocator', () => cAllocator),
    off: ours('the same uploads, traced, off', traced('off')),
    sampled: ours('the same uploads, traced, sampled', traced('sampled')),
    exact: ours('the same uploads, traced, exact', traced('exact')),
  },
  bars: [
    { arm: 'off', peer: 'plain', atMost: 1.02 },
    { arm: 'sampled', peer: 'plain', atMost: 1.02 },
  ],
}
