/**
 * BumpAllocator: a pointer that moves up.
 *
 * An allocation rounds the cursor up to the alignment, hands out what is there and moves the cursor
 * behind it. Nothing is kept per block. A reset moves the cursor back to the start and so frees all
 * blocks at once. It is also what Zig calls FixedBufferAllocator: the last block can be resized and
 * freed, `owns` and `isLast` ask.
 *
 * Costs: an allocation is a handful of instructions, a reset and a checkpoint are O(1). The
 * disadvantage: a block that is not the last gives nothing back until the next reset or rewind, so it
 * suits what is freed together (a request, a frame, a parse) and nothing else. A wrong free can only
 * be told from its bounds.
 *
 * The cursor is the low word of an address, and room is a difference modulo 2^32: see oh_bump_t in
 * native/include/offheap.h, of which `words` is the mirror.
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import { alignUp, checkLayout, checkSize, isSize, type Layout } from '../core/layout.js'
import type { MemoryLike } from '../core/memory.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { BumpWord, stateBlock } from '../core/state.js'

const enum Offset {
  NONE = -1,
}

/** A place to go back to: see {@link BumpAllocator.checkpoint}. */
export class BumpCheckpoint {
  /** @internal */
  constructor(
    readonly _allocator: BumpAllocator,
    readonly _epoch: number,
    readonly _cursor: number,
    readonly _gaps: number,
    readonly _floor: number,
    readonly _below: BumpCheckpoint | null,
  ) {}
}

/**
 * Allocates upward from one region. Belongs to one thread.
 *
 * Alignment: any power of two; addresses are aligned, whatever the region's own. Capacity: exact, up
 * to 4 GiB - 4 KiB; over a WebAssembly memory it grows with that. Out of memory: `alloc` throws
 * OutOfMemoryError, `rawAlloc` returns 0, and a reset makes all of it available again.
 */
export class BumpAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  private readonly _low: number
  /** Can the region be made longer? Asked before the call is made: see {@link _take}. */
  private readonly _growable: boolean
  /** The newest open checkpoint; the others hang below it. */
  private _open: BumpCheckpoint | null = null

  /**
   * @param memory A capacity in bytes (a region of that size is made, and freed by dispose), a Region
   *   of its own, or a buffer.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for a region that is larger than 4 GiB - 4 KiB or in which
   * another allocator works, OutOfMemoryError when no region of that capacity can be had.
   */
  constructor(memory: MemoryLike) {
    super(memory, 'BumpAllocator', 'bump')
    const region = this._region
    const words = stateBlock(BumpWord.COUNT)
    words[BumpWord.BASE_LO] = region.address % 2 ** 32
    words[BumpWord.BASE_HI] = region.address / 2 ** 32
    words[BumpWord.CURSOR] = words[BumpWord.BASE_LO]!
    words[BumpWord.LIMIT] = words[BumpWord.BASE_LO]! + region.byteLength
    this._words = words
    this._low = words[BumpWord.BASE_LO]!
    this._growable = region._growable
  }

  override get name(): string {
    return 'BumpAllocator'
  }

  /** O(1): about ten instructions. Throws for what is no layout; 0 when it does not fit. */
  override rawAlloc(size: number, align: number): Pointer {
    let offset = this._take(size, align)
    if (offset === Offset.NONE) {
      if (!this._growable) return 0
      offset = this._takeLonger(size, align)
      if (offset === Offset.NONE) return 0
    }
    return this._base + (offset >>> 0)
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    let offset = this._take(size, aligned)
    if (offset === Offset.NONE) {
      if (this._growable) offset = this._takeLonger(size, aligned)
      if (offset === Offset.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    }
    return new Allocation(this, this._region, offset, size, aligned)
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    let offset = this._take(size, aligned)
    if (offset === Offset.NONE) {
      if (!this._growable) return null
      offset = this._takeLonger(size, aligned)
      if (offset === Offset.NONE) return null
    }
    return new Allocation(this, this._region, offset, size, aligned)
  }

  /**
   * The last block grows and shrinks within the capacity (over a WebAssembly memory, which grows, with
   * it); another only shrinks. A block from before
   * an open checkpoint does not grow, because a rewind would cut it. O(1).
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const start = this._locate(ptr, size, align, 'resize')
    checkSize(newSize, 'BumpAllocator.resize')
    const bytes = size === 0 ? 1 : size
    const newBytes = newSize === 0 ? 1 : newSize
    this._notePeaks()
    if (start + bytes === this.totalAllocated) {
      if (newBytes > bytes && start < this._words[BumpWord.FLOOR]! >>> 0) return false
      if (!this._reaches(start + newBytes)) return false
      this._words[BumpWord.CURSOR] = this._low + start + newBytes
      this._leaveGap(0)
      return true
    }
    if (newBytes > bytes) return false
    this._leaveGap(bytes - newBytes)
    return true
  }

  /** As rawResize: a bump never moves a block. 0 where that says false. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * The last block gives its bytes back, another is only counted as freed. O(1). Throws
   * ERR_OFFHEAP_INVALID_POINTER for a span that was not handed out; a second raw free of a block that
   * was not the last cannot be told from a first.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    const start = this._locate(ptr, size, align, 'free')
    const bytes = size === 0 ? 1 : size
    this._notePeaks()
    if (start + bytes === this.totalAllocated) {
      this._words[BumpWord.CURSOR] = this._low + start
      this._leaveGap(0)
    } else {
      this._leaveGap(bytes)
    }
  }

  /** Frees every block at once: handles throw from now on, the whole capacity is there again. O(1). */
  reset(): void {
    this._assertUsable()
    this._notePeaks()
    this._words[BumpWord.CURSOR] = this._low
    this._words[BumpWord.GAPS] = 0
    this._words[BumpWord.FLOOR] = 0
    this._open = null
    this._region._nextEpoch()
  }

  /** Bytes that are left before the region has to grow, if it can; padding not counted. */
  get remaining(): number {
    return (this._words[BumpWord.LIMIT]! - this._words[BumpWord.CURSOR]!) >>> 0
  }

  /** Bytes that are taken: blocks, the padding between them, and freed blocks that were not the last. */
  get totalAllocated(): number {
    return (this._words[BumpWord.CURSOR]! - this._low) >>> 0
  }

  /** Remembers where the cursor is. A checkpoint stays open until a reset or a rewind below it. O(1). */
  checkpoint(): BumpCheckpoint {
    this._assertUsable()
    const words = this._words
    const floor = Math.max(words[BumpWord.FLOOR]! >>> 0, this.totalAllocated)
    const [cursor, gaps] = [words[BumpWord.CURSOR]!, words[BumpWord.GAPS]!]
    const epoch = this._region._pushEpoch()
    words[BumpWord.FLOOR] = floor
    return (this._open = new BumpCheckpoint(this, epoch, cursor, gaps, floor, this._open))
  }

  /**
   * Frees every block that was allocated since the checkpoint, which is closed by it, as are later
   * ones; handles on them throw from now on. A block from before it that was freed since counts as
   * live again in `stats`. Throws ERR_OFFHEAP_INVALID_ARGUMENT for another allocator's checkpoint,
   * ERR_OFFHEAP_OUT_OF_ORDER for one that is no longer open. O(open checkpoints).
   */
  rewind(checkpoint: BumpCheckpoint): void {
    if (!(checkpoint instanceof BumpCheckpoint) || checkpoint._allocator !== this) {
      throw unexpected(
        'INVALID_ARGUMENT',
        'a checkpoint of this allocator',
        'BumpAllocator.rewind',
        checkpoint,
      )
    }
    this._assertUsable()
    this._close(checkpoint)
    this._notePeaks()
    // The last block may have been freed since, so that the cursor is below the checkpoint already.
    const taken = (checkpoint._cursor - this._low) >>> 0
    if (taken < this.totalAllocated) {
      this._words[BumpWord.CURSOR] = checkpoint._cursor
      this._words[BumpWord.GAPS] = checkpoint._gaps
    }
  }

  /** Is this the block that was allocated last, and can thus grow and give its bytes back? */
  isLast(ptr: Pointer, size: number): boolean {
    if (!this.owns(ptr) || !isSize(size)) return false
    return ptr - this._base + (size === 0 ? 1 : size) === this.totalAllocated
  }

  /** Is this address inside what was handed out? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr) || this._gone) return false
    return ptr >= this._base && ptr < this._base + this.totalAllocated
  }

  override stats(): AllocatorStats {
    const words = this._words
    const taken = this.totalAllocated
    const used = taken - (words[BumpWord.GAPS]! >>> 0)
    return {
      name: this.name,
      capacity: this._region.byteLength,
      used,
      peak: Math.max(used, words[BumpWord.PEAK_USED]! >>> 0),
      footprint: taken,
      peakFootprint: Math.max(taken, words[BumpWord.PEAK_OFFSET]! >>> 0),
    }
  }

  protected override _shut(): void {
    this._words[BumpWord.LIMIT] = this._words[BumpWord.CURSOR]!
  }

  /** The offset of a block that was handed out; throws for every span that provably was not. */
  private _locate(ptr: Pointer, size: number, align: number, operation: string): number {
    if (this._gone) throw disposed(this.name)
    checkPointer(ptr, `BumpAllocator.${operation}`)
    checkLayout(size, align, `BumpAllocator.${operation}`)
    const start = ptr - this._base
    if (start < 0 || start + (size === 0 ? 1 : size) > this.totalAllocated) {
      throw invalidPointer(
        this.name,
        operation,
        ptr,
        `with ${size} bytes is not inside what was handed out`,
      )
    }
    if (ptr % align !== 0) {
      throw invalidPointer(this.name, operation, ptr, `is not aligned to ${align}`)
    }
    return start
  }

  /** Closes a checkpoint and those above it. Throws ERR_OFFHEAP_OUT_OF_ORDER if it is not open. */
  private _close(checkpoint: BumpCheckpoint): void {
    let open = this._open
    while (open !== null && open !== checkpoint) open = open._below
    if (open === null) {
      throw new OffheapError(
        'OUT_OF_ORDER',
        'This checkpoint of BumpAllocator is closed: it was reset or rewound past',
      )
    }
    this._open = checkpoint._below
    this._words[BumpWord.FLOOR] = this._open === null ? 0 : this._open._floor
    this._region._popEpoch(checkpoint._epoch)
  }

  /** Counts bytes as dead; never more than there are, as a double free must not make them absurd. */
  private _leaveGap(bytes: number): void {
    const gaps = (this._words[BumpWord.GAPS]! >>> 0) + bytes
    this._words[BumpWord.GAPS] = Math.min(gaps, this.totalAllocated)
  }

  /** Before `used` or the cursor fall: what they were may be the most that they have been. */
  private _notePeaks(): void {
    const { peak, peakFootprint } = this.stats()
    this._words[BumpWord.PEAK_USED] = peak
    this._words[BumpWord.PEAK_OFFSET] = peakFootprint
  }

  /**
   * The offset of a new block as a signed word, or NONE, which is none: an offset is at most 2^32 -
   * 4 KiB. Everything on the way from the old cursor to the new one is
   * int32 arithmetic that wraps: with size and align below 2^31 their sum stays below 2^32, so the
   * one unsigned comparison against the room covers overflow too.
   *
   * A full arena is an answer here and not a case for the slow half: a call that has once been made
   * costs V8 its registers in every loop that this is inlined into.
   */
  private _take(size: number, align: number): number {
    if (
      typeof size === 'number' &&
      (size | 0) === size &&
      size > 0 &&
      typeof align === 'number' &&
      (align | 0) === align &&
      align > 0 &&
      (align & (align - 1)) === 0
    ) {
      const words = this._words
      const cursor = words[BumpWord.CURSOR]!
      const mask = (align - 1) | 0
      let start = cursor
      if ((cursor & mask) !== 0) start = ((cursor + mask) | 0) & ~mask
      const end = (start + size) | 0
      if ((end - cursor) >>> 0 <= (words[BumpWord.LIMIT]! - cursor) >>> 0) {
        words[BumpWord.CURSOR] = end
        if (start !== cursor) words[BumpWord.GAPS]! += start - cursor
        return (start - this._low) | 0
      }
      if (this._gone) throw disposed(this.name)
      return Offset.NONE
    }
    return this._takeSlowly(size, align)
  }

  /** The slow half: size 0, 2^31 and more, large alignments, wrong input. */
  private _takeSlowly(size: number, align: number): number {
    checkLayout(size, align, 'BumpAllocator.alloc')
    if (this._gone) throw disposed(this.name)
    const bytes = size === 0 ? 1 : size
    const taken = this.totalAllocated
    const start = alignUp(this._base + taken, align) - this._base
    if (start + bytes > this._region.byteLength) return Offset.NONE
    this._words[BumpWord.CURSOR] = this._low + start + bytes
    this._words[BumpWord.GAPS]! += start - taken
    return start | 0
  }

  /** What `_take` refused for lack of room, in a region that has been made longer. */
  private _takeLonger(size: number, align: number): number {
    const start = alignUp(this._base + this.totalAllocated, align) - this._base
    if (!this._reaches(start + (size === 0 ? 1 : size))) return Offset.NONE
    return this._take(size, align)
  }

  /** Does the region reach that far, if need be after growing? */
  private _reaches(end: number): boolean {
    const missing = end - this._region.byteLength
    if (missing <= 0) return true
    if (!this._region._extend(missing)) return false
    this._words[BumpWord.LIMIT] = this._low + this._region.byteLength
    return true
  }
}
