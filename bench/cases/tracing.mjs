// What a tracer costs whoever allocates 1 KiB at a time: switched off, sampled, and not there at all.

import * as offheap from 'offheap'
import { BacktracingAllocator, cAllocator, SlabAllocator } from 'offheap'
import { traceEverything } from 'offheap/leaks'

/** @param {import('offheap').Allocator} heap */
function raw(heap) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const ptr = heap.rawAlloc(1024, 16)
      sum += ptr
      heap.rawFree(ptr, 1024, 16)
    }
    return sum
  }
  return { batch }
}

/** @param {import('offheap').Allocator} heap */
function handles(heap) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const a = heap.alloc(1024)
      sum += a.ptr
      a.free()
    }
    return sum
  }
  return { batch }
}

const slab = () => new SlabAllocator({ reserve: 1 << 22 })
const traced = (inner, mode) => new BacktracingAllocator(inner, { mode, sampleBytes: 512 * 1024 })

/** As `offheap leaks` does it: the methods of all classes are replaced. */
function everything(mode) {
  traceEverything(offheap, { mode, sampleBytes: 512 * 1024 })
  return slab()
}

const ours = (label, setup) => ({ label, setup, ours: true })

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'tracing',
  title: 'A block of 1 KiB, allocated and freed at once, under a tracer',
  about: 'an allocation and a free; sampled: one every 512 KiB',
  base: 'slabRaw',
  arms: {
    slabRaw: ours('SlabAllocator.rawAlloc + rawFree', () => raw(slab())),
    slabRawOff: ours('the same, traced, off', () => raw(traced(slab(), 'off'))),
    slabRawSampled: ours('the same, traced, sampled', () => raw(traced(slab(), 'sampled'))),
    slabRawEverythingOff: ours('the same, everything traced, off', () => raw(everything('off'))),
    slabRawEverything: ours('the same, everything traced, sampled', () =>
      raw(everything('sampled')),
    ),
    slabHandle: ours('SlabAllocator.alloc + free (a handle)', () => handles(slab())),
    slabHandleOff: ours('the same handle, traced, off', () => handles(traced(slab(), 'off'))),
    slabHandleSampled: ours('the same handle, traced, sampled', () =>
      handles(traced(slab(), 'sampled')),
    ),
    slabHandleEverything: ours('the same handle, everything traced, sampled', () =>
      handles(everything('sampled')),
    ),
    cHandle: ours('cAllocator.alloc + free (a handle)', () => handles(cAllocator)),
    cHandleOff: ours('that of cAllocator, traced, off', () => handles(traced(cAllocator, 'off'))),
    cHandleSampled: ours('that of cAllocator, traced, sampled', () =>
      handles(traced(cAllocator, 'sampled')),
    ),
  },
  bars: [
    { arm: 'slabRawOff', peer: 'slabRaw', atMost: 1.02 },
    { arm: 'slabHandleOff', peer: 'slabHandle', atMost: 1.02 },
    { arm: 'cHandleOff', peer: 'cHandle', atMost: 1.02 },
    { arm: 'slabRawSampled', peer: 'slabRaw', moreAtMostNs: 12 },
    { arm: 'slabHandleSampled', peer: 'slabHandle', moreAtMostNs: 12 },
    { arm: 'cHandleSampled', peer: 'cHandle', moreAtMostNs: 12 },
  ],
}
