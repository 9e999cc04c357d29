/** FreeListAllocator on traces of real programs: first fit's addresses, bytes kept, little wasted. */
import { describe, expect, test } from 'vitest'
import {
  ALLOC,
  FREE,
  listTraces,
  loadTrace,
  REALLOC,
  type Trace,
} from '../../bench/harness/trace.mjs'
import { FreeListAllocator, Region } from '../../lib/index.js'
import { ComparedFreeList } from '../model/free-list-naive.js'
import { replayChecked } from '../support/replay.js'

const RESERVE = 2 ** 28
/** A textbook's first fit takes microseconds an operation, and ever more. */
const OPERATIONS = 10_000

/** Operations from somewhere in the middle, when the heap has aged; blocks from before are none. */
function from(trace: Trace, first: number): Trace {
  const live = new Set<number>()
  const ops: number[] = []
  const all = trace.ops
  for (let i = first * 2; i < all.length && ops.length < OPERATIONS * 4; i += 2) {
    const [head, size] = [all[i]!, all[i + 1]!]
    if ((head & 3) === ALLOC) live.add(head >>> 8)
    if (!live.has(head >>> 8)) continue
    ops.push(head, size)
    if ((head & 3) === FREE) live.delete(head >>> 8)
  }
  return { ...trace, ops: Int32Array.from(ops) }
}

describe.each(listTraces())('%s', (name) => {
  test('has the addresses of a textbook first fit, and keeps its bytes', () => {
    const trace = loadTrace(name)
    for (const part of [trace, from(trace, trace.header.ops >> 1)]) {
      const region = Region.pages(RESERVE)
      using list = new FreeListAllocator(region)
      const heap = new ComparedFreeList(list)
      const { operations, peakBytes } = replayChecked(heap, part, { operations: OPERATIONS })
      expect(operations).toBeGreaterThan(OPERATIONS / 2)
      heap.checkFigures()
      expect(list.stats().peak).toBeGreaterThanOrEqual(peakBytes)
      expect(list.largestFree).toBe(RESERVE)
      region.dispose()
    }
  })
})

/** Replays a whole trace and does not look; the most payload as a share of the most memory occupied. */
function utilisation({ ops, slots }: Trace): number {
  using heap = new FreeListAllocator(RESERVE)
  const ptrs = new Float64Array(slots)
  for (let i = 0; i < ops.length; i += 2) {
    const [head, size] = [ops[i]!, ops[i + 1]!]
    const [kind, slot, align] = [head & 3, head >>> 8, 2 ** ((head >>> 2) & 63)]
    if (kind === ALLOC) ptrs[slot] = heap.rawAlloc(size, align)
    else if (kind === FREE) heap.rawFree(ptrs[slot]!, size, align)
    else if (kind === REALLOC && !heap.rawResize(ptrs[slot]!, ops[i + 3]!, align, size)) {
      const moved = heap.rawAlloc(size, align)
      heap.rawFree(ptrs[slot]!, ops[i + 3]!, align)
      ptrs[slot] = moved
    }
  }
  const { peak, peakFootprint } = heap.stats()
  return peak / peakFootprint
}

test('of the memory occupied at most, metadata counted, 88% was asked for on average', () => {
  const shares = listTraces().map((name) => utilisation(loadTrace(name)))
  expect(Math.min(...shares)).toBeGreaterThan(0.65)
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  expect(mean).toBeGreaterThanOrEqual(0.88)
  expect(mean).toBeLessThan(1)
})
