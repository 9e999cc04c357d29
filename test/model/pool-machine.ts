/** The machine for pools: every block counted, every wrong call found, free blocks scribbled over. */
import assert from 'node:assert/strict'
import type { PoolAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import type { Block } from '../support/shadow.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'

/** What the pool was told when it was made. */
export interface PoolShape {
  readonly size: number
  readonly align: number
  /** The most blocks that there can be. */
  readonly most: number
}

export class PoolMachine extends Machine {
  private readonly blockSize: number
  private readonly stride: number
  /** Address of the first block. */
  private readonly first: number

  constructor(
    protected override readonly allocator: PoolAllocator,
    private readonly shape: PoolShape,
  ) {
    super(allocator, 'view')
    const { size, align } = shape
    this.blockSize = Math.max(size, 8)
    this.stride = Math.ceil(this.blockSize / align) * align
    this.first = Math.ceil(allocator.region.address / align) * align
  }

  override run(program: readonly Op[]): void {
    super.run(program)
    this.takeAll()
  }

  protected override step(op: Op): void {
    if (op.op === 'reset') this.reset()
    else if (op.op === 'checkpoint') this.allocBlock()
    else if (op.op === 'rewind') this.wrong(op.pick)
    // A copy is aligned to 16, but not in a pool that was told to have less.
    else if (op.op === 'alloc' && op.tier === 'dupe' && this.shape.align < 16) {
      super.step({ ...op, tier: 'allocZeroed' })
    } else super.step(op)
    this.checkPlaces()
  }

  private allocBlock(): void {
    const { size, align } = this.shape
    const ptr = this.allocator.allocBlock()
    assert.equal(ptr === 0, !this.mustFit(size, align), 'a whole block')
    if (ptr !== 0) this.shadow.add(ptr, this.blockSize, align)
  }

  protected override free(block: Block): void {
    const { ptr, size, align, handle } = block
    if (handle === null && this.clock % 3 === 0) {
      this.shadow.remove(block)
      this.allocator.freeBlock(ptr)
    } else super.free(block)
    this.allocator.view(ptr, this.blockSize).fill(this.clock)
    expectCode('DOUBLE_FREE', () => this.allocator.freeBlock(ptr))
    expectCode('DOUBLE_FREE', () => this.allocator.rawFree(ptr, size, align))
  }

  /** What is wrong about a block, in one way each; no figure may change. */
  private wrong(pick: number): void {
    const { allocator } = this
    const block = [...this.shadow.blocks][pick % this.shadow.blocks.size]
    if (block === undefined) return
    const { ptr, size, align } = block
    const before = allocator.stats()
    const others = [size + 1, size === 0 ? 1 : size - 1, size + 2 ** 32, (pick * 7) % 300]
    for (const other of others) {
      if (other === size) continue
      expectCode('INVALID_POINTER', () => allocator.rawFree(ptr, other, align))
      expectCode('INVALID_POINTER', () => allocator.rawResize(ptr, other, align, 0))
    }
    for (const past of [1, this.stride - 1, 1 - this.stride, 2 ** 32, -(2 ** 32)]) {
      if (ptr + past < 0) continue
      expectCode('INVALID_POINTER', () => allocator.rawFree(ptr + past, size, 1))
      expectCode('INVALID_POINTER', () => allocator.freeBlock(ptr + past))
    }
    const misaligned = 2 ** 40
    expectCode('INVALID_POINTER', () => allocator.rawFree(ptr + 0.5, size, align))
    if (ptr % misaligned !== 0) {
      expectCode('INVALID_POINTER', () => allocator.rawFree(ptr, size, misaligned))
    }
    assert.deepEqual(allocator.stats(), before)
  }

  private reset(): void {
    this.allocator.reset()
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      expectCode('INVALID_POINTER', () => this.allocator.freeBlock(block.ptr))
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
  }

  private checkPlaces(): void {
    const { allocatedBlocks, freeBlocks, blockCount } = this.allocator
    assert.equal(allocatedBlocks, this.shadow.blocks.size)
    assert.equal(allocatedBlocks + freeBlocks, blockCount)
    assert(blockCount <= this.shape.most, 'no more blocks than there can be')
    for (const { ptr, size } of this.shadow.blocks) {
      const index = (ptr - this.first) / this.stride
      assert(Number.isInteger(index) && index >= 0 && index < blockCount, `${ptr} is a block`)
      assert(size <= this.blockSize && this.allocator.owns(ptr))
    }
  }

  /** Out of memory exactly when every block that there can be is live. */
  protected override mustFit(size: number, align: number): boolean {
    const { most, align: aligned } = this.shape
    return size <= this.blockSize && align <= aligned && this.shadow.blocks.size < most
  }

  protected override checkUsed(used: number): void {
    assert.equal(used, this.shadow.used.least, 'used')
  }

  /** At the end every block is to be had once. */
  private takeAll(): void {
    const ptrs = new Set<number>()
    for (let ptr = this.allocator.allocBlock(); ptr !== 0; ptr = this.allocator.allocBlock()) {
      ptrs.add(ptr)
    }
    const all = Array.from({ length: this.shape.most }, (_, i) => this.first + i * this.stride)
    assert.deepEqual(
      [...ptrs].toSorted((a, b) => a - b),
      all,
    )
    assert.equal(this.allocator.allocatedBlocks, this.shape.most)
  }
}
