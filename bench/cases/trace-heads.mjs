// The first operations of each trace, for peers in JavaScript that cannot do whole ones.

import { MemPool } from '@thi.ng/malloc'
import { FreeListAllocator, Region, SlabAllocator } from 'offheap'
import { flatTrace, headOf, replayIn, replayInPool } from '../harness/replay.mjs'
import { listTraces } from '../harness/trace.mjs'

const OPERATIONS = 20_000
const BYTES = 2 ** 27

const head = (name) => headOf(flatTrace(name), OPERATIONS)

const inRegion = (heap, name) => replayIn(heap, heap.region.buffer, heap.region.address, head(name))

const slab = (name) => inRegion(new SlabAllocator({ reserve: BYTES }), name)

const freeList = (name) => inRegion(new FreeListAllocator(Region.pages(BYTES)), name)

const thing = (name) =>
  replayInPool(new MemPool({ buf: new ArrayBuffer(BYTES), align: 16 }), head(name))

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'trace-heads',
  title: 'The first 20,000 operations of each trace',
  about: 'as before; what is live after them is freed, which is counted',
  inputs: listTraces(),
  inputsAre: 'traces',
  arms: {
    slab: { label: 'SlabAllocator', setup: slab, ours: true },
    freeList: { label: 'FreeListAllocator', setup: freeList, ours: true },
    thing: { label: '@thi.ng/malloc', setup: thing },
  },
  bars: [],
}
