/** The machine for bump allocators: containment, exact accounting, checkpoints, rewinds and resets. */
import assert from 'node:assert/strict'
import type { BumpAllocator, BumpCheckpoint } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import type { Block } from '../support/shadow.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'

interface Marked {
  readonly checkpoint: BumpCheckpoint
  readonly clock: number
  readonly taken: number
  /** Blocks that lived then. */
  readonly blocks: ReadonlySet<Block>
}

export class BumpMachine extends Machine {
  private open: Marked[] = []
  private readonly closed: BumpCheckpoint[] = []
  /** A block from before a checkpoint was freed or changed since, so that `used` may be too high. */
  private inexact = false

  constructor(protected override readonly allocator: BumpAllocator) {
    super(allocator, 'view')
  }

  protected override step(op: Op): void {
    if (op.op === 'checkpoint') this.checkpoint()
    else if (op.op === 'rewind') this.rewind(op.pick)
    else if (op.op === 'reset') this.reset()
    else super.step(op)
    this.checkPlaces()
  }

  private checkpoint(): void {
    this.open.push({
      checkpoint: this.allocator.checkpoint(),
      clock: this.clock,
      taken: this.allocator.totalAllocated,
      blocks: new Set(this.shadow.blocks),
    })
  }

  private rewind(pick: number): void {
    const all = this.open.length + this.closed.length
    if (all === 0) return
    const at = pick % all
    if (at >= this.open.length) return this.rewindClosed(this.closed[at - this.open.length]!)
    const { totalAllocated } = this.allocator
    const mark = this.open[at]!
    this.allocator.rewind(mark.checkpoint)
    assert.equal(this.allocator.totalAllocated, Math.min(totalAllocated, mark.taken))
    this.closed.push(...this.open.splice(at).map(({ checkpoint }) => checkpoint))
    for (const block of mark.blocks) {
      if (!this.shadow.blocks.has(block) || this.changedAt.get(block)! > mark.clock) {
        this.inexact = true
      }
    }
    for (const block of [...this.shadow.blocks]) this.settle(block, mark)
  }

  /** What became of a block that lived when the rewind came. */
  private settle(block: Block, { clock }: Marked): void {
    const { handle } = block
    const isOld = this.bornAt.get(block)! < clock
    if (handle !== null) assert.equal(handle.freed, !isOld, 'freed if it is younger')
    if (isOld) return
    this.shadow.forget(block)
    if (handle !== null) this.freed.push(handle)
  }

  private rewindClosed(checkpoint: BumpCheckpoint): void {
    const { totalAllocated } = this.allocator
    expectCode('OUT_OF_ORDER', () => this.allocator.rewind(checkpoint), 'a closed checkpoint:')
    assert.equal(this.allocator.totalAllocated, totalAllocated)
  }

  private reset(): void {
    this.allocator.reset()
    this.closed.push(...this.open.splice(0).map(({ checkpoint }) => checkpoint))
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
    assert.equal(this.allocator.totalAllocated, 0)
    this.inexact = false
  }

  private checkPlaces(): void {
    const { allocator } = this
    const { address, byteLength } = allocator.region
    const end = address + allocator.totalAllocated
    assert.equal(allocator.totalAllocated + allocator.remaining, byteLength)
    for (const { ptr, size } of this.shadow.blocks) {
      const inside = ptr >= address && ptr + Math.max(size, 1) <= end
      assert(inside, `${size} bytes at ${ptr - address} are inside the ${end - address} handed out`)
      assert(allocator.owns(ptr))
      assert.equal(allocator.isLast(ptr, size), ptr + Math.max(size, 1) === end)
    }
  }

  /** Out of memory exactly when the padding and the block do not fit behind the cursor. */
  protected override mustFit(size: number, align: number): boolean {
    const { region, totalAllocated, remaining } = this.allocator
    const past = (region.address + totalAllocated) % align
    return (past === 0 ? 0 : align - past) + Math.max(size, 1) <= remaining
  }

  protected override checkUsed(used: number): void {
    const { most } = this.shadow.used
    assert(used <= this.allocator.totalAllocated, 'used is a part of what was handed out')
    if (this.inexact) assert(used >= most, `used is ${used}, the blocks have ${most}`)
    else assert.equal(used, most, 'used')
  }
}
