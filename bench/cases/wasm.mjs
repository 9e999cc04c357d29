// The same heap over the memory of a WebAssembly module, and over memory of the C heap and the system.

import { Region, SlabAllocator } from 'offheap'
import { flatTrace, replayIn } from '../harness/replay.mjs'

/** Of different kinds, and few: what differs here is the memory. */
const TRACES = ['cc1', 'perl', 'python', 'sqlite']
const BYTES = 2 ** 27
const WASM_PAGE = 65_536
/** Where a module's own data would end. */
const HEAP_BASE = 1 << 16

const { WebAssembly } = /** @type {any} */ (globalThis)

/** All of the memory is there from the start: a growth would detach the views of the loop. */
function wasm(name) {
  const pages = BYTES / WASM_PAGE
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const heap = new SlabAllocator(Region.wasm(memory, { start: HEAP_BASE }))
  return replayIn(heap, memory.buffer, 0, flatTrace(name))
}

function over(make) {
  return (name) => {
    const region = make(BYTES)
    return replayIn(new SlabAllocator(region), region.buffer, region.address, flatTrace(name))
  }
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'wasm',
  title: 'SlabAllocator over memory of different kinds, four traces replayed',
  about: 'an allocation, a free or a realloc of a trace',
  inputs: TRACES,
  inputsAre: 'traces',
  base: 'malloc',
  arms: {
    wasm: { label: 'Region.wasm', setup: wasm, ours: true },
    malloc: { label: 'Region.malloc', setup: over(Region.malloc), ours: true },
    pages: { label: 'Region.pages', setup: over(Region.pages), ours: true },
    shared: { label: 'Region.shared', setup: over(Region.shared), ours: true },
  },
  bars: [{ arm: 'wasm', peer: 'malloc', geomeanAtMost: 1.2 }],
}
