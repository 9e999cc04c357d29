/** SlabAllocator on traces of real programs: no two blocks share a byte, bytes stay, little is wasted. */
import { describe, expect, test } from 'vitest'
import { listTraces, loadTrace } from '../../bench/harness/trace.mjs'
import { SlabAllocator } from '../../lib/index.js'
import { replayChecked } from '../support/replay.js'

const OPERATIONS = 60_000
/** Blocks whose bytes are looked at: all of those of the first operations, then a part. */
const FEW = 15_000

describe.each(listTraces())('%s', (name) => {
  const trace = loadTrace(name)
  const { ops } = trace.header

  test('keeps every block apart, and every byte of it', () => {
    using slab = new SlabAllocator({ reserve: 2 ** 28 })
    const { operations, peakBytes } = replayChecked(slab, trace, { operations: FEW })
    expect(operations).toBe(Math.min(FEW, ops))
    expect(slab.stats().used).toBe(0)
    expect(slab.stats().peak).toBeGreaterThanOrEqual(peakBytes)
    expect(slab.rawAlloc(2 ** 28, 16)).toBe(slab.region.address)
  })

  test('keeps them apart for long, one heap after the other in the same memory', () => {
    using slab = new SlabAllocator({ reserve: 2 ** 28 })
    const first = replayChecked(slab, trace, { operations: OPERATIONS, every: 16 })
    const { peakFootprint } = slab.stats()
    expect(slab.stats().used).toBe(0)
    expect(peakFootprint).toBeGreaterThan(first.peakBytes)
    const second = replayChecked(slab, trace, { operations: OPERATIONS, every: 16 })
    expect(second.operations).toBe(Math.min(OPERATIONS, ops))
    expect(slab.stats().peakFootprint).toBeLessThan(peakFootprint * 1.25)
    expect(slab.stats().used).toBe(0)
    // Magazines kept some slabs until now.
    slab.trim()
    expect(slab.stats().footprint).toBeLessThan(peakFootprint / 2)
    expect(slab.rawAlloc(2 ** 28, 16)).toBe(slab.region.address)
  })
})
