/**
 * A model of a heap: which blocks live, and what is in them. Each block is filled with a pattern of
 * its own; whatever writes where it must not is found when the pattern is next looked at.
 */
import assert from 'node:assert/strict'
import type { Allocation, Allocator } from '../../lib/index.js'
import { peek, poke } from './memory.js'

/** A live block. */
export interface Block {
  ptr: number
  size: number
  readonly align: number
  /** Makes the pattern. */
  readonly seed: number
  /** Blocks of the checked tier have one. */
  readonly handle: Allocation | null
}

/** How a raw block's bytes are reached: through the allocator's view, or past it. */
export type Access = 'view' | 'past'

const bytesTaken = (size: number): number => Math.max(size, 1)

export class Shadow {
  readonly blocks = new Set<Block>()
  private seeds = 0

  constructor(
    private readonly allocator: Allocator,
    private readonly access: Access = 'view',
  ) {}

  /** Sum of the live blocks' sizes, and the same with a byte for each empty one. */
  get used(): { least: number; most: number } {
    let least = 0
    let most = 0
    for (const { size } of this.blocks) {
      least += size
      most += bytesTaken(size)
    }
    return { least, most }
  }

  /** Enters a new block: it must be aligned and overlap no other. Fills it. */
  add(ptr: number, size: number, align: number, handle: Allocation | null = null): Block {
    const block = { ptr, size, align, handle, seed: this.seeds++ }
    this.checkPlace(block)
    this.blocks.add(block)
    this.fill(block, 0)
    return block
  }

  /** Enters a new block of the checked tier. */
  addHandle(handle: Allocation): Block {
    return this.add(handle.ptr, handle.size, handle.align, handle)
  }

  /** A block is where it was or at `ptr`, and `size` long: checks what it kept, fills what is new. */
  change(block: Block, ptr: number, size: number): void {
    const kept = Math.min(block.size, size)
    block.ptr = ptr
    block.size = size
    this.checkPlace(block)
    this.checkBytes(block, kept)
    this.fill(block, kept)
  }

  /** The block is about to be freed: its pattern must be what it was. */
  remove(block: Block): void {
    this.checkBytes(block, block.size)
    this.forget(block)
  }

  /** The block was freed without a last look: by a reset. */
  forget(block: Block): void {
    assert(this.blocks.delete(block), 'a block that lives')
  }

  /** Looks at every live block. */
  check(): void {
    for (const block of this.blocks) this.checkBytes(block, block.size)
  }

  private checkPlace(block: Block): void {
    const { ptr, size, align } = block
    assert(Number.isSafeInteger(ptr) && ptr > 0, `${ptr} is an address`)
    assert.equal(ptr % align, 0, `0x${ptr.toString(16)} is aligned to ${align}`)
    for (const other of this.blocks) {
      if (other === block) continue
      const apart = ptr + bytesTaken(size) <= other.ptr || other.ptr + bytesTaken(other.size) <= ptr
      assert(apart, `${size} bytes at ${ptr} overlap ${other.size} bytes at ${other.ptr}`)
    }
  }

  private checkBytes(block: Block, size: number): void {
    const bytes = this.bytes(block)
    for (let i = 0; i < size; i++) {
      if (bytes[i] !== pattern(block, i)) {
        assert.fail(
          `byte ${i} of ${block.size} at ${block.ptr} is ${bytes[i]}, not ${pattern(block, i)}`,
        )
      }
    }
  }

  private fill(block: Block, from: number): void {
    const past = this.isPast(block)
    const bytes = past ? new Uint8Array(block.size - from) : this.bytes(block).subarray(from)
    for (let i = 0; i < bytes.length; i++) bytes[i] = pattern(block, from + i)
    if (past) poke(block.ptr + from, bytes)
  }

  /** The block's bytes: for those reached past the allocator, a copy. */
  private bytes(block: Block): Uint8Array {
    if (this.isPast(block)) return peek(block.ptr, block.size)
    const bytes = block.handle?.bytes ?? this.allocator.view(block.ptr, block.size)
    assert.equal(bytes.length, block.size)
    return bytes
  }

  private isPast(block: Block): boolean {
    return this.access === 'past' && block.handle === null
  }
}

/** Differs between neighbours in a block, between blocks, and between pages of a block. */
const pattern = ({ seed }: Block, i: number): number =>
  (seed * 73 + i * 7 + (i >>> 8) * 31 + 1) & 0xff
