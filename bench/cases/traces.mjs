// What real programs asked of malloc, replayed.

import { cAllocator, FreeListAllocator, Region, SlabAllocator } from 'offheap'
import { flatTrace, peakPayload, replayIn, replayInC, withUtilisation } from '../harness/replay.mjs'
import { flatTraceFile, listTraces } from '../harness/trace.mjs'

/** More than any trace needs: only what is used is committed. */
const RESERVE = 2 ** 28

function inRegion(heap, name) {
  const { buffer, address } = heap.region
  return withUtilisation(heap, replayIn(heap, buffer, address, flatTrace(name)))
}

const slab = (name) => inRegion(new SlabAllocator({ reserve: RESERVE }), name)

/** A second loop over a second heap is in the process: V8 looks up in each operation which it is. */
function slabOfTwo(name) {
  inRegion(new SlabAllocator({ reserve: RESERVE }), name)
  return slab(name)
}

const freeList = (name) => inRegion(new FreeListAllocator(Region.pages(RESERVE)), name)

const cHeap = (name) => replayInC(cAllocator, flatTrace(name))

/** @param {string} label @param {'malloc' | 'slab' | 'door'} heap @param {string} [preload] */
const inC = (label, heap, preload) => ({
  label,
  c: {
    program: 'replay',
    args: (name, { warmupMs, timeMs }) => [heap, flatTraceFile(name), `${warmupMs}`, `${timeMs}`],
    memory: (name) => ({
      args: [heap, flatTraceFile(name), '0', '0'],
      peakPayload: peakPayload(name),
    }),
    ...(preload && { preload }),
  },
})

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'traces',
  title: 'What real programs asked of malloc, replayed',
  about: 'an allocation, a free or a realloc of a trace',
  inputs: listTraces(),
  inputsAre: 'traces',
  base: 'glibc',
  arms: {
    slab: { label: 'SlabAllocator', setup: slab, ours: true },
    slabOfTwo: {
      label: 'SlabAllocator, one of two in the same loop',
      setup: slabOfTwo,
      ours: true,
    },
    freeList: { label: 'FreeListAllocator', setup: freeList, ours: true },
    cHeap: { label: 'cAllocator', setup: cHeap, ours: true },
    inC: { ...inC('slab.c, through its valloc', 'slab'), ours: true },
    door: { ...inC('slab.c, by oh_malloc', 'door'), ours: true },
    glibc: inC('glibc in C', 'malloc'),
    mimalloc: inC('mimalloc in C', 'malloc', 'mimalloc'),
    jemalloc: inC('jemalloc in C', 'malloc', 'jemalloc'),
  },
  bars: [
    { arm: 'slab', peer: 'glibc', geomeanAtMost: 0.5 },
    { arm: 'slab', peer: 'mimalloc', geomeanAtMost: 1.7 },
    { arm: 'inC', peer: 'glibc', geomeanAtMost: 0.6 },
    { arm: 'slab', utilisation: 'average', atLeast: 0.88 },
    { arm: 'slab', utilisation: 'worst', atLeast: 0.75 },
    { arm: 'freeList', peer: 'glibc', geomeanAtMost: 5 },
    { arm: 'freeList', utilisation: 'average', atLeast: 0.88 },
  ],
}
