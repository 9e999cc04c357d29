/** The machine for stacks: every place to the byte, the order of frees, pops, and broken headers. */
import assert from 'node:assert/strict'
import { Layout, OutOfMemoryError, type StackAllocator } from '../../lib/index.js'
import { expectCode, expectOneOf } from '../support/errors.js'
import type { Block } from '../support/shadow.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'

const HEADER = 8

const taken = ({ size }: { size: number }): number => Math.max(size, 1)

export class StackMachine extends Machine {
  /** @param floor Bytes of a block at the bottom that is not of the model, if there is one. */
  constructor(
    protected override readonly allocator: StackAllocator,
    private readonly floor = 0,
  ) {
    super(allocator, 'view')
  }

  protected override step(op: Op): void {
    if (op.op === 'checkpoint') this.pop()
    else if (op.op === 'reset') this.reset()
    else if (op.op === 'rewind') this.breakHeader(op.pick)
    else if (op.op === 'resize' || op.op === 'move') this.resizeBlock(op)
    else if (op.op === 'realign') this.realignBlock(op)
    else super.step(op)
    this.checkPlaces()
  }

  private get newest(): Block | undefined {
    return [...this.shadow.blocks].at(-1)
  }

  private picked(pick: number): Block | undefined {
    return [...this.shadow.blocks][pick % this.shadow.blocks.size]
  }

  /** Of an older block it is an error; then it is the newest that goes. */
  protected override free(block: Block): void {
    const newest = this.newest!
    if (block !== newest && this.shadow.blocks.has(block)) {
      const before = this.allocator.stats()
      const { handle, ptr, size, align } = block
      expectCode('OUT_OF_ORDER', () => this.allocator.rawFree(ptr, size, align))
      if (handle !== null) expectCode('OUT_OF_ORDER', () => handle.free())
      assert.deepEqual(this.allocator.stats(), before)
    }
    const { ptr, size, align } = newest
    super.free(newest)
    expectOneOf(['DOUBLE_FREE', 'INVALID_POINTER'], () => this.allocator.rawFree(ptr, size, align))
  }

  private pop(): void {
    const { newest } = this
    if (newest !== undefined) this.shadow.remove(newest)
    else if (this.floor > 0) return
    assert.equal(this.allocator.pop(), newest !== undefined)
    if (!newest?.handle) return
    assert.equal(newest.handle.freed, true, 'freed by the pop')
    this.freed.push(newest.handle)
  }

  private reset(): void {
    this.allocator.reset()
    if (this.floor > 0) this.allocator.rawAlloc(this.floor, 1)
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
  }

  /** The newest as far as the memory reaches, an older one to what it has. */
  private canBe(block: Block, size: number): boolean {
    if (block !== this.newest) return size === block.size
    const { address, byteLength } = this.allocator.region
    return block.ptr + taken({ size }) <= address + byteLength
  }

  private resizeBlock(op: Op & { op: 'resize' | 'move' }): void {
    const block = this.picked(op.pick)
    if (block === undefined) return
    const can = this.canBe(block, op.size)
    if (op.op === 'move' && block.handle !== null && !can) return this.cannotMove(block, op.size)
    const { size } = block
    super.step(op)
    assert.equal(block.size, can ? op.size : size, 'resized exactly when it can be')
  }

  /** A larger alignment, even of an address that has it by chance, would have to move the block. */
  private realignBlock({ pick, size, align }: Op & { op: 'realign' }): void {
    const block = this.picked(pick)
    if (block === undefined || block.handle === null) return
    if (align > block.align || !this.canBe(block, size)) return this.cannotMove(block, size, align)
    this.allocator.realloc(block.handle, new Layout(size, align))
    this.shadow.change(block, block.handle.ptr, size)
  }

  private cannotMove(block: Block, size: number, align = block.align): void {
    const handle = block.handle!
    const before = this.allocator.stats()
    const names = ['OUT_OF_ORDER', 'OUT_OF_MEMORY'] as const
    const run = (): unknown => this.allocator.realloc(handle, new Layout(size, align))
    const error = expectOneOf(names, run)
    // A block that moves keeps the alignment it has, if that is the larger one.
    const moved = Math.max(align, block.align)
    if (error instanceof OutOfMemoryError) assert(!this.mustFit(size, moved), 'out of memory')
    const { used, footprint } = this.allocator.stats()
    assert.deepEqual([used, footprint], [before.used, before.footprint])
    assert.deepEqual([handle.ptr, handle.size, handle.freed], [block.ptr, block.size, false])
  }

  /** An overrun of the block below: one byte of the header, or all of it. Then it is mended. */
  private breakHeader(pick: number): void {
    const { newest, allocator } = this
    if (newest === undefined) return
    const header = allocator.view(newest.ptr - HEADER, HEADER)
    const whole = header.slice()
    if (pick % 9 === 8) header.fill(pick)
    else header[pick % 9]! ^= (pick % 255) + 1
    const before = allocator.stats()
    const { ptr, size, align } = newest
    expectCode('POISONED', () => allocator.pop())
    // Where a size could be told from the header alone, the header says another one.
    const names = ['POISONED', 'INVALID_POINTER'] as const
    expectOneOf(names, () => allocator.rawFree(ptr, size, align))
    assert.deepEqual(allocator.stats(), before)
    assert(newest.handle === null || !newest.handle.freed)
    const above = allocator.rawAlloc(3, 1)
    if (above !== 0) allocator.rawFree(above, 3, 1)
    header.set(whole)
  }

  private checkPlaces(): void {
    const { address, byteLength } = this.allocator.region
    let end = this.floor === 0 ? address : address + HEADER + this.floor
    for (const block of this.shadow.blocks) {
      const { ptr, align } = block
      assert.equal(ptr, Math.ceil((end + HEADER) / align) * align, 'behind the one below')
      end = ptr + taken(block)
    }
    assert.equal(this.allocator.remaining, address + byteLength - end)
    assert.equal(this.allocator.stats().footprint, end - address)
    assert.deepEqual(
      [this.allocator.owns(end), this.allocator.owns(end - 1)],
      [false, end > address],
    )
  }

  /** Out of memory exactly when header, padding and block do not fit behind the newest block. */
  protected override mustFit(size: number, align: number): boolean {
    const { address, byteLength } = this.allocator.region
    const end = address + byteLength - this.allocator.remaining
    const start = Math.ceil((end + HEADER) / align) * align
    return start + taken({ size }) <= address + byteLength
  }

  protected override checkUsed(used: number): void {
    assert.equal(used, this.shadow.used.least, 'used')
  }
}
