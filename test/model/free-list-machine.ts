/** The machine for free lists: where blocks lie, exact accounting, out of memory only when it is so. */
import assert from 'node:assert/strict'
import type { FreeListAllocator } from '../../lib/index.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'

const GRANULE = 16

export class FreeListMachine extends Machine {
  private readonly origin: number
  private readonly bytes: number

  constructor(protected override readonly allocator: FreeListAllocator) {
    super(allocator, 'view')
    const { address, byteLength } = allocator.region
    this.origin = Math.ceil(address / GRANULE) * GRANULE
    this.bytes = Math.max(0, address + byteLength - this.origin)
  }

  protected override step(op: Op): void {
    if (op.op === 'reset') this.reset()
    else super.step(op)
    this.checkPlaces()
  }

  private reset(): void {
    this.allocator.reset()
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
    assert.equal(this.allocator.largestFree, this.bytes)
  }

  private checkPlaces(): void {
    const { allocator, origin, bytes } = this
    let taken = 0
    let end = 0
    let largest = 0
    const blocks = [...this.shadow.blocks].sort((a, b) => a.ptr - b.ptr)
    for (const { ptr, size } of blocks) {
      const start = ptr - origin
      assert(start % GRANULE === 0 && start >= end, `a block at ${start}, behind ${end}`)
      largest = Math.max(largest, start - end)
      const length = Math.ceil(Math.max(size, 1) / GRANULE) * GRANULE
      end = Math.min(start + length, bytes)
      assert(start + size <= end, 'inside')
      taken += end - start
      assert(allocator.owns(ptr))
    }
    largest = Math.max(largest, bytes - end)
    const { totalAllocated, remaining, largestFree } = allocator
    assert.deepEqual([totalAllocated, remaining, largestFree], [taken, bytes - taken, largest])
  }

  /** Out of memory exactly when the block fits between no two others, and not behind the last. */
  protected override mustFit(size: number, align: number): boolean {
    const { origin, bytes } = this
    const step = Math.max(align, GRANULE)
    const ends = [...this.shadow.blocks].map(({ ptr, size: length }) => {
      return ptr - origin + Math.ceil(Math.max(length, 1) / GRANULE) * GRANULE
    })
    const starts = [...this.shadow.blocks].map(({ ptr }) => ptr - origin)
    const length = Math.max(size, 1)
    return [0, ...ends].some((end) => {
      const start = Math.ceil((origin + end) / step) * step - origin
      // The short granule at the region's end is nobody's but the last block's.
      const limit = Math.min(bytes, ...starts.filter((other) => other >= end))
      return start + length <= limit
    })
  }

  protected override checkUsed(used: number): void {
    assert.equal(used, this.shadow.used.most, 'used')
  }
}
