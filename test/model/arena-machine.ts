/** The machine for arenas: exact accounting, what is held, checkpoints, rewinds and the resets. */
import assert from 'node:assert/strict'
import type { ArenaAllocator, ArenaCheckpoint, ArenaReset } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import type { Block } from '../support/shadow.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'

interface Marked {
  readonly checkpoint: ArenaCheckpoint
  readonly clock: number
  /** Blocks that lived then. */
  readonly blocks: ReadonlySet<Block>
}

const MODES: readonly ArenaReset[] = ['retain_capacity', 'free_all', { retain: 700 }, { retain: 0 }]

export class ArenaMachine extends Machine {
  private open: Marked[] = []
  private readonly closed: ArenaCheckpoint[] = []
  /** A block from before a checkpoint was freed or changed since, so that `used` may be too high. */
  private inexact = false
  private readonly heldBefore: number

  /** @param willing The parent is out of memory only when the arena's limit is reached. */
  constructor(
    protected override readonly allocator: ArenaAllocator,
    private readonly willing: boolean,
  ) {
    super(allocator, 'view')
    this.heldBefore = allocator.parent.stats().used
  }

  protected override step(op: Op): void {
    if (op.op === 'checkpoint') this.checkpoint()
    else if (op.op === 'rewind') this.rewind(op.pick)
    else if (op.op === 'reset') this.reset(MODES[this.clock % MODES.length]!)
    else super.step(op)
    this.checkPlaces()
  }

  private checkpoint(): void {
    this.open.push({
      checkpoint: this.allocator.checkpoint(),
      clock: this.clock,
      blocks: new Set(this.shadow.blocks),
    })
  }

  private rewind(pick: number): void {
    const all = this.open.length + this.closed.length
    if (all === 0) return
    const at = pick % all
    if (at >= this.open.length) return this.rewindClosed(this.closed[at - this.open.length]!)
    const capacity = this.allocator.queryCapacity()
    const mark = this.open[at]!
    this.allocator.rewind(mark.checkpoint)
    assert.equal(this.allocator.queryCapacity(), capacity, 'a rewind keeps the chunks')
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

  private rewindClosed(checkpoint: ArenaCheckpoint): void {
    const before = this.allocator.stats()
    expectCode('OUT_OF_ORDER', () => this.allocator.rewind(checkpoint), 'a closed checkpoint:')
    assert.deepEqual(this.allocator.stats(), before)
  }

  private reset(mode: ArenaReset): void {
    const { allocator } = this
    const before = allocator.queryCapacity()
    const most = typeof mode === 'object' ? mode.retain : mode === 'free_all' ? 0 : Infinity
    const done = allocator.reset(mode)
    const after = allocator.queryCapacity()
    if (done) assert.equal(after, Math.min(most, before), 'what a reset keeps')
    else assert(!this.willing && after <= before, 'a reset that could not')
    assert.equal(allocator.stats().used, 0)
    this.closed.push(...this.open.splice(0).map(({ checkpoint }) => checkpoint))
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
    this.inexact = false
  }

  private checkPlaces(): void {
    const { allocator } = this
    const { footprint, capacity } = allocator.stats()
    assert.equal(footprint, allocator.queryCapacity())
    assert.equal(footprint, allocator.parent.stats().used - this.heldBefore, 'what the parent says')
    assert(footprint <= capacity, 'within the limit')
    for (const { ptr, size } of this.shadow.blocks) {
      assert(allocator.owns(ptr) && allocator.owns(ptr + Math.max(size, 1) - 1), 'owned')
    }
  }

  /** Not out of memory as long as the limit leaves room for a chunk of exactly this block. */
  protected override mustFit(size: number, align: number): boolean {
    const { capacity, footprint } = this.allocator.stats()
    const room = capacity - footprint
    return this.willing && size <= 2 ** 20 && align <= 2 ** 12 && Math.max(size, 1) <= room
  }

  protected override checkUsed(used: number): void {
    const { most } = this.shadow.used
    if (this.inexact) assert(used >= most, `used is ${used}, the blocks have ${most}`)
    else assert.equal(used, most, 'used')
  }
}
