// An allocation with its stack of 16 frames, which was seen before, against what plain JavaScript takes to
// tell those frames apart.

import { BacktracingAllocator, SlabAllocator } from 'offheap'

const FRAMES = 16

/** Frames of functions of their own, as a service has them: the innermost calls `work`. */
const f1 = (work) => work()
const f2 = (work) => f1(work)
const f3 = (work) => f2(work)
const f4 = (work) => f3(work)
const f5 = (work) => f4(work)
const f6 = (work) => f5(work)
const f7 = (work) => f6(work)
const f8 = (work) => f7(work)
const f9 = (work) => f8(work)
const f10 = (work) => f9(work)
const f11 = (work) => f10(work)
const f12 = (work) => f11(work)
const f13 = (work) => f12(work)
const f14 = (work) => f13(work)
const f15 = (work) => f14(work)
const deep = (work) => f15(work)

function arm(work) {
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += deep(work)
    return sum
  }
  return { batch, unit: 100 }
}

/** @param {boolean} handles @param {(heap: BacktracingAllocator) => () => number} work */
const traced = (handles, work) => () => {
  const inner = new SlabAllocator({ reserve: 1 << 22 })
  return arm(work(new BacktracingAllocator(inner, { frames: FRAMES, handles })))
}

const pair = (heap) => () => {
  const a = heap.alloc(64)
  const { ptr } = a
  a.free()
  return ptr
}

const rawPair = (heap) => () => {
  const ptr = heap.rawAlloc(64, 16)
  heap.rawFree(ptr, 64, 16)
  return ptr
}

const sitesOf = (_, sites) => sites

function callSites() {
  Error.stackTraceLimit = FRAMES
  return arm(function work() {
    const before = Error.prepareStackTrace
    Error.prepareStackTrace = sitesOf
    const holder = {}
    Error.captureStackTrace(holder, work)
    const sites = holder.stack
    Error.prepareStackTrace = before
    let sum = 0
    for (let i = 0; i < sites.length; i++) {
      sum += sites[i].getPosition() + sites[i].getFileName().length
    }
    return sum
  })
}

function text() {
  Error.stackTraceLimit = FRAMES
  const known = new Map()
  return arm(function work() {
    const holder = {}
    Error.captureStackTrace(holder, work)
    const { stack } = holder
    let id = known.get(stack)
    if (id === undefined) known.set(stack, (id = known.size))
    return id
  })
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'stacks',
  title: 'An allocation with its stack of 16 frames, known already',
  about:
    'a block allocated and freed at once, written down with its stack; and only telling the stack',
  base: 'callSites',
  inTurns: true,
  arms: {
    exact: { label: 'traced: a handle, alloc + free', setup: traced(true, pair), ours: true },
    bare: { label: 'the same, handles not followed', setup: traced(false, pair), ours: true },
    raw: { label: 'traced: rawAlloc + rawFree', setup: traced(true, rawPair), ours: true },
    callSites: { label: 'call sites: position and file of each', setup: callSites },
    text: { label: 'the stack as text, and a Map', setup: text },
    c: {
      label: 'traced, through the C door, 16 frames of C',
      c: { program: 'traced', arm: 'traced' },
      ours: true,
    },
    cBare: { label: 'the same allocator in C, untraced', c: { program: 'traced', arm: 'bare' } },
  },
  bars: [
    { arm: 'exact', peer: 'callSites', atMost: 1.25 },
    { arm: 'exact', peer: 'text', atMost: 1.25 },
    { arm: 'c', nsAtMost: 1000 },
  ],
}
