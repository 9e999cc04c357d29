/**
 * A model of a heap: which blocks live, and what is in them. Each block is filled with a pattern of
 * its own; whatever writes where it must not is found when the pattern is next looked at.
 */
import assert from 'node:assert/strict'
import type { Allocation } from '../core/allocation.js'
import type { Allocator } from '../core/allocator.js'

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

/** Reaches the bytes at an address without the allocator. */
export interface Past {
  /** A copy of them. */
  read(address: number, size: number): Uint8Array
  write(address: number, bytes: Uint8Array): void
}

const bytesTaken = (size: number): number => Math.max(size, 1)

export class Shadow {
  readonly blocks = new Set<Block>()
  private seeds = 0

  /** @param past How raw blocks are reached; by default through the allocator's view. */
  constructor(
    private readonly allocator: Allocator,
    private readonly past: Past | null = null,
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
    this.paint(block, 0)
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
    this.paint(block, kept)
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

  private paint(block: Block, from: number): void {
    const past = this.pastFor(block)
    const bytes = past ? new Uint8Array(block.size - from) : this.bytes(block).subarray(from)
    for (let i = 0; i < bytes.length; i++) bytes[i] = pattern(block, from + i)
    past?.write(block.ptr + from, bytes)
  }

  /** The block's bytes: for those reached past the allocator, a copy. */
  private bytes(block: Block): Uint8Array {
    const past = this.pastFor(block)
    if (past !== null) return past.read(block.ptr, block.size)
    const bytes = block.handle?.bytes ?? this.allocator.view(block.ptr, block.size)
    assert.equal(bytes.length, block.size)
    return bytes
  }

  private pastFor(block: Block): Past | null {
    return block.handle === null ? this.past : null
  }
}

/** Differs between neighbours in a block, between blocks, and between pages of a block. */
const pattern = ({ seed }: Block, i: number): number =>
  (seed * 73 + i * 7 + (i >>> 8) * 31 + 1) & 0xff
