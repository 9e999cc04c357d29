/** Random programs on the allocators over allocators whose rules are more than passing on. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  FallbackAllocator,
  LimitAllocator,
  TrackingAllocator,
} from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { Machine } from './machine.js'
import { type Op, programs, type Range, TOO_MUCH } from './program.js'

const OPTIONS = { numRuns: RUNS }
const RANGE: Range = { maxSize: 600, maxAlign: 256, maxOps: 50, tooMuch: TOO_MUCH }

/** An allocation fits exactly while the quota has room, an empty block counting as a byte. */
class LimitMachine extends Machine {
  constructor(protected override readonly allocator: LimitAllocator) {
    super(allocator, 'view')
  }

  protected override mustFit(size: number): boolean {
    return Math.max(size, 1) <= this.allocator.remaining
  }

  protected override checkUsed(used: number): void {
    assert.equal(used, this.shadow.used.most, 'used')
    assert.equal(this.allocator.remaining, this.allocator.limit - used, 'remaining')
    assert(used <= this.allocator.limit, 'within the quota')
  }
}

/** Every block lives in exactly one of the two, which count it; nothing is out of memory. */
class FallbackMachine extends Machine {
  constructor(
    allocator: FallbackAllocator,
    private readonly first: TrackingAllocator,
    private readonly second: TrackingAllocator,
  ) {
    super(allocator, 'view')
  }

  protected override checkUsed(used: number): void {
    assert.equal(used, this.shadow.used.least, 'used')
    const [first, second] = [this.first.snapshot(), this.second.snapshot()]
    assert.equal(first.liveBytes + second.liveBytes, used, 'bytes of both')
    assert.equal(first.liveBlocks + second.liveBlocks, this.shadow.blocks.size, 'blocks of both')
  }

  override run(program: readonly Op[]): void {
    super.run(program)
    for (const side of [this.first, this.second]) {
      const { allocs, frees, liveBytes, liveBlocks, histogram } = side.snapshot()
      assert.deepEqual([allocs - frees, liveBytes, liveBlocks], [0, 0, 0], 'all freed where it was')
      assert(histogram.every(({ live }) => live === 0))
    }
  }
}

describe('LimitAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('with any quota of the C heap', () => {
    fc.assert(
      fc.property(fc.nat(2000), programs(RANGE), (limit, ops) => {
        new LimitMachine(new LimitAllocator(cAllocator, limit)).run(ops)
      }),
      OPTIONS,
    )
  })
})

describe('FallbackAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over a bump of any size and the C heap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), programs(RANGE), (capacity, ops) => {
        using bump = new BumpAllocator(capacity)
        const first = new TrackingAllocator(bump)
        const second = new TrackingAllocator(cAllocator)
        new FallbackMachine(new FallbackAllocator(first, second), first, second).run(ops)
      }),
      OPTIONS,
    )
  })

  test('over two that are over the same heap, so that both claim all blocks', () => {
    fc.assert(
      fc.property(fc.nat(1000), programs(RANGE), (limit, ops) => {
        const first = new TrackingAllocator(new LimitAllocator(cAllocator, limit))
        const second = new TrackingAllocator(cAllocator)
        new FallbackMachine(new FallbackAllocator(first, second), first, second).run(ops)
      }),
      OPTIONS,
    )
  })
})
