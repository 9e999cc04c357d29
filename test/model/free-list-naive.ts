/**
 * Address-ordered first fit as a textbook has it: a list of the live blocks, walked from the lowest.
 * What lies between two of them is free, so that there is nothing to split or to coalesce.
 */
import assert from 'node:assert/strict'
import { Allocator, type FreeListAllocator } from '../../lib/index.js'

const GRANULE = 16

/** Offsets and ends in bytes; `end` is where the block's last granule ends. */
interface Block {
  readonly start: number
  size: number
  end: number
  previous: Block | null
  next: Block | null
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step

const endOf = (start: number, size: number): number => start + roundUp(Math.max(size, 1), GRANULE)

export class NaiveFirstFit {
  /** Lies before all others and has no bytes. */
  private readonly lowest: Block = { start: 0, size: 0, end: 0, previous: null, next: null }
  private readonly blocks = new Map<number, Block>()

  /** @param bytes From `origin` on, a multiple of 16. */
  constructor(
    readonly origin: number,
    public bytes: number,
  ) {}

  /** The address of the block, 0 when there is no room. */
  alloc(size: number, align: number): number {
    let before = this.lowest
    let start = this.aligned(before.end, align)
    while (before.next !== null && endOf(start, size) > before.next.start) {
      before = before.next
      start = this.aligned(before.end, align)
    }
    if (before.next === null && start + Math.max(size, 1) > this.bytes) return 0
    const block = { start, size, end: endOf(start, size), previous: before, next: before.next }
    before.next = block
    if (block.next !== null) block.next.previous = block
    this.blocks.set(start, block)
    return this.origin + start
  }

  free(ptr: number): void {
    const block = this.at(ptr)
    block.previous!.next = block.next
    if (block.next !== null) block.next.previous = block.previous
    this.blocks.delete(block.start)
  }

  resize(ptr: number, newSize: number): boolean {
    const block = this.at(ptr)
    const fits =
      block.next === null
        ? block.start + Math.max(newSize, 1) <= this.bytes
        : endOf(block.start, newSize) <= block.next.start
    if (!fits) return false
    block.size = newSize
    block.end = endOf(block.start, newSize)
    return true
  }

  reset(): void {
    this.lowest.next = null
    this.blocks.clear()
  }

  /** Live blocks as offsets and sizes, in the order of their addresses. */
  *[Symbol.iterator](): Generator<Readonly<Block>> {
    for (let block = this.lowest.next; block !== null; block = block.next) yield block
  }

  /** What FreeListAllocator says of itself. */
  figures(): { totalAllocated: number; remaining: number; largestFree: number; used: number } {
    let [totalAllocated, used, largestFree, end] = [0, 0, 0, 0]
    for (const block of this) {
      totalAllocated += Math.min(block.end, this.bytes) - block.start
      used += Math.max(block.size, 1)
      largestFree = Math.max(largestFree, block.start - end)
      end = block.end
    }
    largestFree = Math.max(largestFree, this.bytes - end)
    return { totalAllocated, remaining: this.bytes - totalAllocated, largestFree, used }
  }

  private aligned(offset: number, align: number): number {
    return roundUp(this.origin + offset, Math.max(align, GRANULE)) - this.origin
  }

  private at(ptr: number): Block {
    const block = this.blocks.get(ptr - this.origin)
    assert(block !== undefined, `a live block at ${ptr - this.origin}`)
    return block
  }
}

/** A free list that compares each address and each answer with the naive one's. */
export class ComparedFreeList extends Allocator {
  readonly naive: NaiveFirstFit

  constructor(readonly list: FreeListAllocator) {
    super(list)
    const { address, byteLength } = list.region
    const origin = roundUp(address, GRANULE)
    this.naive = new NaiveFirstFit(origin, Math.max(0, address + byteLength - origin))
  }

  override rawAlloc(size: number, align: number): number {
    const ptr = this.list.rawAlloc(size, align)
    const { origin } = this.naive
    const expected = this.naive.alloc(size, align)
    if (ptr !== expected) {
      assert.equal(ptr - origin, expected - origin, `offset of ${size} bytes aligned to ${align}`)
    }
    return ptr
  }

  override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
    const done = this.list.rawResize(ptr, size, align, newSize)
    assert.equal(done, this.naive.resize(ptr, newSize), `a resize from ${size} to ${newSize}`)
    return done
  }

  override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  override rawFree(ptr: number, size: number, align: number): void {
    this.list.rawFree(ptr, size, align)
    this.naive.free(ptr)
  }

  reset(): void {
    this.list.reset()
    this.naive.reset()
  }

  /** Are the figures those of the naive one's blocks? */
  checkFigures(): void {
    const { totalAllocated, remaining, largestFree } = this.list
    const { used } = this.list.stats()
    assert.deepEqual(
      { totalAllocated, remaining, largestFree, used },
      this.naive.figures(),
      'figures',
    )
  }
}
