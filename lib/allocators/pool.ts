/**
 * PoolAllocator: blocks of one size, allocated and freed in any order.
 *
 * Each block has a bit in a table beside the payload that says whether it is free. An allocation takes
 * the lowest free bit of the current group of 32 blocks; when a group has none left, it goes on with
 * the one in which a block was freed last, and begins a new one when there is none. So blocks that are
 * allocated one after the other lie side by side, and ten million have their bookkeeping in 4 MB.
 *
 * Costs: all operations are O(1). Wrong frees are always found, as are wrong sizes: the size of a block
 * that was asked for smaller is in a table that is made for the first of them. The disadvantage: a
 * block takes as much as any other, whatever was asked for. Use it for nodes, messages, connections:
 * many things of one size that end in any order.
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, doubleFree, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkLayout, checkSize, DEFAULT_ALIGN, isAlign, type Layout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { PoolGroup, PoolWord } from '../core/state.js'
import {
  firstBlock,
  enterPlan,
  grow,
  lowBits,
  mostBlocks,
  occupied,
  type PoolMemory,
  type PoolOptions,
  poolPlan,
  sizesOf,
  wordsFor,
} from './pool-plan.js'

const enum Index {
  NONE = -1,
}

/**
 * Allocates blocks of one size from one region. Belongs to one thread.
 * Alignment: that of the pool, 16 bytes unless its options name another; one that is larger is out of
 * memory, as is a size above `blockSize`. Out of memory: `alloc` throws OutOfMemoryError, `rawAlloc`
 * and `allocBlock` return 0.
 *
 * A handle does not know of it when its block is freed by address: that is for blocks without one.
 */
export class PoolAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  /** Address of block 0, its low word, and its offset in the region. */
  private readonly _first: Pointer
  private readonly _low: number
  private readonly _start: number
  private readonly _stride: number
  private readonly _shift: number
  private readonly _inverse: number
  private readonly _blockSize: number
  private readonly _align: number
  /** The alignment that was named last, if every block has it. */
  private _granted: number
  /** By how many blocks the pool grows. */
  private readonly _slab: number
  /** Bytes of the blocks that are in PARTS, by block. */
  private _sizes: Uint32Array | null = null

  /**
   * @param blockSize Bytes of a block, 1 to 4 GiB - 4 KiB; less than 8 is taken as 8. Blocks lie so many
   *   bytes apart, rounded up to the alignment.
   * @param blocks How many: a region is made for them, and freed by dispose. Or a Region of its own or
   *   a buffer, for as many as fit; over a WebAssembly memory it grows with that.
   * Throws ERR_OFFHEAP_INVALID_LAYOUT, ERR_OFFHEAP_INVALID_ARGUMENT (also when not one block fits),
   * OutOfMemoryError when no such region, or no memory for its table of bits, can be had.
   */
  constructor(blockSize: number, blocks: number | PoolMemory, options: PoolOptions = {}) {
    const plan = poolPlan(blockSize, blocks, options)
    super(plan.memory, 'PoolAllocator', 'pool', plan.adopted)
    const most = mostBlocks(plan, this._region)
    const words = this._stateBlock(wordsFor(most))
    enterPlan(words, plan, this._region, most)
    this._words = words
    if (most === 0) {
      this.dispose()
      throw unexpected('INVALID_ARGUMENT', 'memory for a block', 'PoolAllocator', blocks)
    }
    this._first = firstBlock(plan, this._region)
    this._low = words[PoolWord.BASE_LO]!
    this._start = (this._first - this._base) | 0
    this._stride = words[PoolWord.STRIDE]!
    this._shift = words[PoolWord.SHIFT]!
    this._inverse = words[PoolWord.INVERSE]!
    this._blockSize = plan.size
    this._align = plan.align
    this._granted = plan.align
    this._slab = Math.max(words[PoolWord.BLOCKS]!, 1)
  }

  override get name(): string {
    return 'PoolAllocator'
  }

  /** A whole block, uninitialised. 0: out of memory. O(1). */
  allocBlock(): Pointer {
    const index = this._take()
    return index === Index.NONE ? 0 : this._first + (Math.imul(index, this._stride) >>> 0)
  }

  /** Gives back a block, whatever size was asked for. O(1). Throws as {@link rawFree}. */
  freeBlock(ptr: Pointer): void {
    const index = this._find(ptr)
    if (index === Index.NONE) this._refuse(ptr, 0, 1, 'free')
    this._put(index)
  }

  /** O(1). Throws for what is no layout; 0 for more than a block has, and when all are taken. */
  override rawAlloc(size: number, align: number): Pointer {
    const index = this._takeFor(size, align)
    return index === Index.NONE ? 0 : this._first + (Math.imul(index, this._stride) >>> 0)
  }

  /** A handle on a block. `align` defaults to the layout's; for a plain size: to 16, or the pool's if less. */
  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = this._alignOf(layout, align)
    const index = this._takeFor(size, aligned)
    if (index === Index.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    return this._handleOf(index, size, aligned)
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = this._alignOf(layout, align)
    const index = this._takeFor(size, aligned)
    return index === Index.NONE ? null : this._handleOf(index, size, aligned)
  }

  /** Up to `blockSize`, in place. O(1). */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const index = this._find(ptr)
    if (index === Index.NONE || !this._isOf(index, ptr, size, align)) {
      this._refuse(ptr, size, align, 'resize')
    }
    checkSize(newSize, 'PoolAllocator.resize')
    if (newSize > this._blockSize || !this._hasSizes()) return false
    this._words[PoolWord.PEAK_USED] = this.stats().peak
    this._words[PoolWord.USED]! += newSize - size
    this._setSize(index, newSize)
    return true
  }

  /** As rawResize: no block ever moves. 0 where that says false. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * Gives a block back. O(1). Throws ERR_OFFHEAP_INVALID_POINTER for what is no block or one of another
   * size, DoubleFreeError for one that is free.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    const index = this._find(ptr)
    if (index === Index.NONE || !this._isOf(index, ptr, size, align)) {
      this._refuse(ptr, size, align, 'free')
    }
    this._put(index)
  }

  /** Frees every block at once: handles throw from now on. What has grown stays so. O(1). */
  reset(): void {
    this._assertUsable()
    this._clear()
    this._region._nextEpoch()
  }

  /** Bytes that a block has room for. */
  get blockSize(): number {
    return this._blockSize
  }

  /** Blocks that there are, free or not. Those that the pool can still grow by are not counted. */
  get blockCount(): number {
    return this._words[PoolWord.BLOCKS]!
  }

  /** Blocks that are live. */
  get allocatedBlocks(): number {
    return this._words[PoolWord.LIVE]!
  }

  /** Blocks that can be allocated before the pool has to grow, if it can. */
  get freeBlocks(): number {
    return this._words[PoolWord.BLOCKS]! - this._words[PoolWord.LIVE]!
  }

  /** Is this address in a block of the pool, live or free? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr) || this._gone) return false
    return ptr >= this._first && ptr < this._first + this.blockCount * (this._stride >>> 0)
  }

  /** Footprint: all blocks of groups of 32 that were begun since the last reset, with their tables. */
  override stats(): AllocatorStats {
    const words = this._words
    const used = words[PoolWord.USED]! >>> 0
    const begun = words[PoolWord.BEGUN]!
    return {
      name: this.name,
      capacity: words[PoolWord.MOST_BLOCKS]! * this._blockSize,
      used,
      peak: Math.max(used, words[PoolWord.PEAK_USED]! >>> 0),
      footprint: occupied(words, begun),
      peakFootprint: occupied(words, Math.max(begun, words[PoolWord.PEAK_BEGUN]!)),
    }
  }

  protected override _shut(): void {
    this._clear()
    this._words[PoolWord.BLOCKS] = 0
  }

  private _clear(): void {
    const words = this._words
    words[PoolWord.PEAK_USED] = this.stats().peak
    words[PoolWord.PEAK_BEGUN] = Math.max(words[PoolWord.BEGUN]!, words[PoolWord.PEAK_BEGUN]!)
    words[PoolWord.HEAD] = PoolGroup.NO_GROUP
    words[PoolWord.BEGUN] = 0
    words[PoolWord.LIVE] = 0
    words[PoolWord.USED] = 0
  }

  /** An alignment that nobody names is 16 bytes, but not more than the pool was told to have. */
  private _alignOf(layout: Layout | number, align: number | undefined): number {
    if (align !== undefined || typeof layout !== 'number') return alignOf(layout, align)
    return this._align < DEFAULT_ALIGN ? this._align : DEFAULT_ALIGN
  }

  private _handleOf(index: number, size: number, align: number): Allocation {
    const offset = (this._start + Math.imul(index, this._stride)) | 0
    return new Allocation(this, this._region, offset, size, align)
  }

  /** The index of a block for that layout, or NONE. */
  private _takeFor(size: number, align: number): number {
    const isWhole = size === this._blockSize && (align === this._granted || this._grants(align))
    return isWhole ? this._take() : this._takePart(size, align)
  }

  private _takePart(size: number, align: number): number {
    checkLayout(size, align, 'PoolAllocator.alloc')
    this._assertUsable()
    if (size > this._blockSize || align > this._align || !this._hasSizes()) return Index.NONE
    const index = this._take()
    if (index === Index.NONE) return index
    this._setSize(index, size)
    this._words[PoolWord.USED]! += size - this._blockSize
    return index
  }

  /** Is this an alignment that every block has? Then it is the one to compare with from now on. */
  private _grants(align: number): boolean {
    if (!isAlign(align) || align > this._align) return false
    this._granted = align
    return true
  }

  /** Has this address that alignment, by the pool's or by chance? */
  private _suits(ptr: Pointer, align: number): boolean {
    return this._grants(align) || (isAlign(align) && ptr % align === 0)
  }

  /** The index of a whole block, or NONE. */
  private _take(): number {
    const words = this._words
    const group = words[PoolWord.HEAD]!
    if (group === PoolGroup.NO_GROUP) return this._takeFromNext()
    const at = PoolWord.GROUPS + group * PoolGroup.WORDS
    const free = words[at]!
    const rest = free & (free - 1)
    words[at] = rest
    if (rest === 0) words[PoolWord.HEAD] = words[at + PoolGroup.NEXT]!
    words[PoolWord.LIVE]! += 1
    words[PoolWord.USED]! += this._blockSize
    const index = (group << 5) + 31 - Math.clz32(free & -free)
    words[PoolWord.LAST] = index
    return index
  }

  /** No group has a free block: begins another one, in a larger pool if need be. */
  private _takeFromNext(): number {
    this._assertUsable()
    const words = this._words
    const begun = words[PoolWord.BEGUN]!
    if (begun === words[PoolWord.BLOCKS] && !grow(words, this._region, this._slab))
      return Index.NONE
    const group = begun >>> 5
    const at = PoolWord.GROUPS + group * PoolGroup.WORDS
    // The last group of a pool that has grown may be begun already, its first blocks all taken.
    const [taken, there] = [begun & 31, Math.min(words[PoolWord.BLOCKS]! - (group << 5), 32)]
    words[at] = lowBits(there) & ~lowBits(taken)
    words[at + PoolGroup.NEXT] = PoolGroup.NO_GROUP
    if (taken === 0) words[at + PoolGroup.PARTS] = 0
    words[PoolWord.HEAD] = group
    words[PoolWord.BEGUN] = (group << 5) + there
    return this._take()
  }

  /**
   * The index of the live block that starts at `ptr`, or NONE. The block that was allocated last is
   * often freed next: a guess at it spares the processor from waiting for its index to be computed.
   */
  private _find(ptr: Pointer): number {
    if (typeof ptr !== 'number') return Index.NONE
    const offset = ((ptr | 0) - this._low) | 0
    if (ptr !== this._first + (offset >>> 0)) return Index.NONE
    const words = this._words
    let index = words[PoolWord.LAST]!
    if (offset !== Math.imul(index, this._stride)) {
      // Exact: see oh_pool_t. What is no multiple of the stride comes out larger than any index.
      const product = Math.imul(offset, this._inverse)
      index = (product >>> this._shift) | (product << (32 - this._shift))
    }
    if (index >>> 0 >= words[PoolWord.BEGUN]! >>> 0) return Index.NONE
    const free = words[PoolWord.GROUPS + (index >>> 5) * PoolGroup.WORDS]!
    return (free & (1 << index)) === 0 ? index : Index.NONE
  }

  /** Frees a live block. */
  private _put(index: number): void {
    const words = this._words
    const group = index >>> 5
    const at = PoolWord.GROUPS + group * PoolGroup.WORDS
    const bit = 1 << index
    const free = words[at]!
    const used = words[PoolWord.USED]!
    const size = (words[at + PoolGroup.PARTS]! & bit) === 0 ? this._blockSize : this._endPart(index)
    if (used >>> 0 > words[PoolWord.PEAK_USED]! >>> 0) words[PoolWord.PEAK_USED] = used
    if (free === 0) {
      words[at + PoolGroup.NEXT] = words[PoolWord.HEAD]!
      words[PoolWord.HEAD] = group
    }
    words[at] = free | bit
    words[PoolWord.LIVE]! -= 1
    words[PoolWord.USED] = used - size
  }

  /** The bytes that a live block was asked for. */
  private _sizeOf(index: number): number {
    const parts = this._words[PoolWord.GROUPS + (index >>> 5) * PoolGroup.WORDS + PoolGroup.PARTS]!
    return (parts & (1 << index)) === 0 ? this._blockSize : this._sizes![index]!
  }

  /** Has this live block that size, and its address that alignment? */
  private _isOf(index: number, ptr: Pointer, size: number, align: number): boolean {
    if (size !== this._sizeOf(index)) return false
    return align === this._granted || this._suits(ptr, align)
  }

  /** Notes what a live block was asked for, in the table of sizes if that is less than a block. */
  private _setSize(index: number, size: number): void {
    const words = this._words
    const at = PoolWord.GROUPS + (index >>> 5) * PoolGroup.WORDS + PoolGroup.PARTS
    if (size === this._blockSize) {
      words[at]! &= ~(1 << index)
      return
    }
    this._sizes![index] = size
    words[at]! |= 1 << index
  }

  /** Is there a table of sizes now? false: no memory for it. */
  private _hasSizes(): boolean {
    this._sizes ??= sizesOf(this._words)
    return this._sizes !== null
  }

  /** A block that is smaller than a whole one is freed: its size. */
  private _endPart(index: number): number {
    this._setSize(index, this._blockSize)
    return this._sizes![index]!
  }

  /** Throws what there is to say of something that is no such block. */
  private _refuse(ptr: Pointer, size: number, align: number, operation: string): never {
    this._assertUsable()
    checkPointer(ptr, `PoolAllocator.${operation}`)
    checkLayout(size, align, `PoolAllocator.${operation}`)
    const index = (ptr - this._first) / (this._stride >>> 0)
    if (!Number.isInteger(index) || index < 0 || index >= this._words[PoolWord.BEGUN]!) {
      throw invalidPointer(this.name, operation, ptr, 'is not the start of a block in use')
    }
    if (this._find(ptr) === Index.NONE) throw doubleFree(this.name, ptr)
    const held = this._sizeOf(index)
    const why = size === held ? `is not aligned to ${align}` : `has ${held} bytes, not ${size}`
    throw invalidPointer(this.name, operation, ptr, why)
  }
}
