/**
 * Runs a program on an allocator beside a model of it, and compares after every operation: addresses
 * are aligned, inside and apart; bytes survive; failures change nothing; the figures add up.
 */
import assert from 'node:assert/strict'
import { type Allocation, type Allocator, Layout, OutOfMemoryError } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { type Access, type Block, Shadow } from '../support/shadow.js'
import type { Op } from './program.js'

export class Machine {
  protected readonly shadow: Shadow
  /** Handles whose block was freed. */
  protected readonly freed: Allocation[] = []
  /** The operation that a block was allocated or moved by, and the one that changed it last. */
  protected readonly bornAt = new Map<Block, number>()
  protected readonly changedAt = new Map<Block, number>()
  protected clock = 0
  private readonly usedBefore: number
  private most = 0

  constructor(
    protected readonly allocator: Allocator,
    access: Access,
  ) {
    this.shadow = new Shadow(allocator, access)
    this.usedBefore = allocator.stats().used
  }

  run(program: readonly Op[]): void {
    for (const op of program) {
      this.clock++
      this.step(op)
      this.checkFigures()
    }
    this.shadow.check()
    for (const block of [...this.shadow.blocks]) this.free(block)
    this.checkFigures()
  }

  protected step(op: Op): void {
    if (op.op === 'alloc') return this.alloc(op)
    if (op.op === 'useFreed') return this.useFreed(op.pick)
    const blocks = [...this.shadow.blocks]
    const block = 'pick' in op ? blocks[op.pick % blocks.length] : undefined
    if (block === undefined) return
    if (op.op === 'free') this.free(block)
    else if (op.op === 'resize') this.resize(block, op.size)
    else if (op.op === 'move') this.move(block, op.size)
    else if (op.op === 'realign') this.realign(block, op.size, op.align)
    else this.shadow.check()
  }

  private alloc({ tier, size, align }: Op & { op: 'alloc' }): void {
    if (tier === 'dupe') return this.dupe(Math.min(size, 5000))
    if (tier === 'raw') {
      const ptr = this.allocator.rawAlloc(size, align)
      if (ptr !== 0) this.born(this.shadow.add(ptr, size, align))
      else this.refused(size, align)
      return
    }
    const handle = this.unlessOutOfMemory(() => this.allocator[tier](size, align))
    if (handle === null) return this.refused(size, align)
    if (tier === 'allocZeroed')
      assert(
        handle.bytes.every((byte) => byte === 0),
        'zeroed',
      )
    this.enter(handle, size, align)
  }

  private dupe(size: number): void {
    const source = new Uint8Array(size).fill(0xa5)
    const handle = this.unlessOutOfMemory(() => this.allocator.dupe(source))
    if (handle === null) return this.refused(size, 16)
    assert.deepEqual(new Uint8Array(handle.bytes), source)
    this.enter(handle, size, 16)
  }

  private enter(handle: Allocation, size: number, align: number): void {
    assert.deepEqual([handle.size, handle.align, handle.freed], [size, align, false])
    this.born(this.shadow.addHandle(handle))
  }

  private refused(size: number, align: number): void {
    assert(!this.mustFit(size, align), `${size} bytes aligned to ${align} fit`)
  }

  protected free(block: Block): void {
    this.shadow.remove(block)
    if (block.handle === null) return this.allocator.rawFree(block.ptr, block.size, block.align)
    block.handle.free()
    this.freed.push(block.handle)
  }

  private resize(block: Block, size: number): void {
    const done =
      block.handle?.resize(size) ??
      this.allocator.rawResize(block.ptr, block.size, block.align, size)
    if (done) this.change(block, block.handle?.ptr ?? block.ptr, size, false)
    else this.unchanged(block)
  }

  private move(block: Block, size: number): void {
    if (block.handle !== null) return this.realloc(block, size, size)
    const ptr = this.allocator.rawRemap(block.ptr, block.size, block.align, size)
    if (ptr !== 0) this.change(block, ptr, size, true)
    else this.unchanged(block)
  }

  private realign(block: Block, size: number, align: number): void {
    if (block.handle === null) return
    this.realloc(block, new Layout(size, align), size)
    if (block.handle.align !== block.align) this.restate(block)
  }

  private realloc(block: Block, layout: Layout | number, size: number): void {
    const { handle } = block
    const done = this.unlessOutOfMemory(() => this.allocator.realloc(handle!, layout))
    if (done === null) return this.unchanged(block)
    assert.equal(done, handle)
    this.change(block, handle!.ptr, size, true)
  }

  /** A block whose alignment grew was moved, and is another one to the model. */
  private restate(block: Block): void {
    assert(block.handle!.align > block.align, 'a larger alignment')
    this.shadow.remove(block)
    this.born(this.shadow.addHandle(block.handle!))
  }

  private change(block: Block, ptr: number, size: number, mayMove: boolean): void {
    const moved = ptr !== block.ptr
    assert(mayMove || !moved, 'in place')
    this.shadow.change(block, ptr, size)
    if (block.handle !== null) assert.equal(block.handle.size, size)
    if (moved) this.born(block)
    this.changedAt.set(block, this.clock)
  }

  private unchanged({ handle, ptr, size }: Block): void {
    if (handle !== null)
      assert.deepEqual([handle.ptr, handle.size, handle.freed], [ptr, size, false])
  }

  private born(block: Block): void {
    this.bornAt.set(block, this.clock)
    this.changedAt.set(block, this.clock)
  }

  private useFreed(pick: number): void {
    const handle = this.freed[pick % this.freed.length]
    if (handle === undefined) return
    assert.equal(handle.freed, true)
    expectCode('USE_AFTER_FREE', () => handle.bytes)
    expectCode('USE_AFTER_FREE', () => this.allocator.realloc(handle, 8))
    expectCode('DOUBLE_FREE', () => handle.free())
    handle[Symbol.dispose]()
  }

  private unlessOutOfMemory<T>(run: () => T): T | null {
    try {
      return run()
    } catch (error) {
      if (error instanceof OutOfMemoryError) return null
      throw error
    }
  }

  /** Would it be wrong to be out of memory now? */
  protected mustFit(size: number, align: number): boolean {
    return size <= 2 ** 20 && align <= 2 ** 12
  }

  protected checkFigures(): void {
    const { used, peak, footprint, peakFootprint, capacity } = this.allocator.stats()
    const live = used - this.usedBefore
    this.checkUsed(live)
    this.most = Math.max(this.most, live)
    assert(peak >= this.usedBefore + this.most, 'peak')
    assert(footprint >= used && peakFootprint >= Math.max(peak, footprint), 'footprint')
    assert(capacity >= peak, 'capacity')
  }

  protected checkUsed(used: number): void {
    const { least, most } = this.shadow.used
    assert(used >= least && used <= most, `used is ${used}, the blocks have ${least} to ${most}`)
  }
}
