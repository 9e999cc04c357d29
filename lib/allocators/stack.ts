/**
 * StackAllocator: blocks that are freed in the reverse order in which they were allocated.
 *
 * A block is put behind the newest one, with 8 bytes before it that say how long it is and where the
 * one below it lies. Freeing the newest block goes back to the end of the one below.
 *
 * Costs: every operation is O(1); only finding out what exactly is wrong with a pointer takes a walk
 * over the live blocks. The disadvantage is the order: only the newest block can be freed or resized.
 * Use it for what nests (recursion, scopes with `using`).
 *
 * Headers lie where an overrun reaches them, so none is believed unchecked: see oh_stack_t in
 * native/include/offheap.h, of which `words` is the mirror.
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, type AllocatorStats, sizeOf } from '../core/allocator.js'
import { OutOfMemoryError } from '../core/errors.js'
import {
  alignUp,
  checkLayout,
  checkSize,
  DEFAULT_ALIGN,
  isAlign,
  type Layout,
} from '../core/layout.js'
import type { MemoryLike } from '../core/memory.js'
import type { Pointer } from '../core/pointer.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { MAX_CAPACITY, StackHeader, stateBlock, StackWord } from '../core/state.js'
import {
  assertLive,
  belowAt,
  endBelow,
  Found,
  outOfOrder,
  packed,
  poisoned,
  sizeAt,
  type Stack,
} from './stack-headers.js'

const enum Offset {
  NONE = -1,
  UNKNOWN = -1,
}

/**
 * Allocates and frees at the end of one region. Belongs to one thread.
 * Alignment: any power of two; addresses are aligned, whatever the region's own. Capacity: up to 4 GiB
 * - 4 KiB, of which each block takes 8 bytes and its padding; over a WebAssembly memory it grows with
 * that. Out of memory: `alloc` throws OutOfMemoryError, `rawAlloc` returns 0.
 *
 * Freeing a block that is not the newest: ERR_OFFHEAP_OUT_OF_ORDER. Wrong pointers and sizes are always
 * found. What finds a header overwritten throws ERR_OFFHEAP_POISONED and changes nothing; the blocks
 * above it can still be used, and `reset` starts anew.
 * The handle of a block that was freed without it, by `pop` or `rawFree`, throws UseAfterFreeError. For
 * that the allocator keeps the handles of live blocks.
 */
export class StackAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  private readonly _low: number
  /** Of the live blocks that have one, in their order. */
  private _handles: Allocation[] = []
  /** Offset of the block of the last of them, a signed word; 0 without one. */
  private _named = 0

  /**
   * @param memory A capacity in bytes, a Region of its own, or a buffer.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for a region that is larger than 4 GiB - 4 KiB or in use,
   * OutOfMemoryError when no region of that capacity can be had.
   */
  constructor(memory: MemoryLike) {
    super(memory, 'StackAllocator', 'stack')
    const region = this._region
    const words = stateBlock(StackWord.COUNT)
    words[StackWord.LIMIT] = region.byteLength
    words[StackWord.BELOW] = Offset.UNKNOWN
    words[StackWord.ALIGN] = DEFAULT_ALIGN
    words[StackWord.BASE_LO] = region.address % 2 ** 32
    words[StackWord.BASE_HI] = region.address / 2 ** 32
    this._words = words
    this._low = words[StackWord.BASE_LO]!
  }

  override get name(): string {
    return 'StackAllocator'
  }

  /** O(1). Throws for what is no layout; 0 when it does not fit. */
  override rawAlloc(size: number, align: number): Pointer {
    const offset = this._push(size, align)
    return offset === Offset.NONE ? 0 : this._base + (offset >>> 0)
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._push(size, aligned)
    if (offset === Offset.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    return this._name(new Allocation(this, this._region, offset, size, aligned))
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._push(size, aligned)
    if (offset === Offset.NONE) return null
    return this._name(new Allocation(this, this._region, offset, size, aligned))
  }

  /**
   * The newest block grows and shrinks within the capacity; any other only keeps its size,
   * O(newer blocks). Throws ERR_OFFHEAP_POISONED when the block's header was overwritten.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    if (!this._isNewest(ptr, size, align)) {
      assertLive(this._stack(), ptr, size, align, 'resize')
      checkSize(newSize, 'StackAllocator.resize')
      return newSize === size
    }
    checkSize(newSize, 'StackAllocator.resize')
    const words = this._words
    const top = words[StackWord.TOP]!
    if (sizeAt(this._headers(), top) !== size) throw poisoned(this.name, this._base, top)
    const end = (top >>> 0) + (newSize === 0 ? 1 : newSize)
    if (!this._reaches(end)) return false
    this._notePeaks()
    words[StackWord.SIZE_WORD] = packed(newSize | 0)
    if (newSize === 0) words[StackWord.BELOW] = Offset.UNKNOWN
    this._headers().setInt32((top >>> 0) - 8, packed(newSize | 0), true)
    words[StackWord.CURSOR] = end
    words[StackWord.USED]! += newSize - size
    return true
  }

  /** As rawResize: a stack never moves a block. 0 where that says false. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * Gives the newest block back. O(1). Throws ERR_OFFHEAP_OUT_OF_ORDER for an older one,
   * ERR_OFFHEAP_INVALID_POINTER for what is no block or has another size, DoubleFreeError for a block
   * that was freed and is not overwritten yet (O(live blocks), those three), ERR_OFFHEAP_POISONED.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (!this._isNewest(ptr, size, align)) this._refuse(ptr, size, align)
    this._drop()
  }

  /** Frees the newest block. false: there is none. O(1). Throws ERR_OFFHEAP_POISONED. */
  pop(): boolean {
    const isThere = this._words[StackWord.TOP] !== 0
    if (isThere) this._drop()
    else this._assertUsable()
    return isThere
  }

  /** Frees every block at once, whatever their headers hold: handles throw from now on. O(1). */
  reset(): void {
    this._assertUsable()
    this._clear()
    this._region._nextEpoch()
  }

  /** Bytes that are left before the region has to grow, if it can; header and padding not counted. */
  get remaining(): number {
    return (this._words[StackWord.LIMIT]! - this._words[StackWord.CURSOR]!) >>> 0
  }

  /** Is this address inside what was handed out, headers and padding included? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr) || this._gone) return false
    return ptr >= this._base && ptr < this._base + (this._words[StackWord.CURSOR]! >>> 0)
  }

  override stats(): AllocatorStats {
    const words = this._words
    const used = words[StackWord.USED]! >>> 0
    const footprint = words[StackWord.CURSOR]! >>> 0
    return {
      name: this.name,
      capacity: this._region.byteLength,
      used,
      peak: Math.max(used, words[StackWord.PEAK_USED]! >>> 0),
      footprint,
      peakFootprint: Math.max(footprint, words[StackWord.PEAK_OFFSET]! >>> 0),
    }
  }

  protected override _shut(): void {
    this._clear()
    this._words[StackWord.LIMIT] = 0
  }

  private _clear(): void {
    this._notePeaks()
    const words = this._words
    words[StackWord.CURSOR] = 0
    words[StackWord.TOP] = 0
    words[StackWord.BELOW] = Offset.UNKNOWN
    words[StackWord.USED] = 0
    this._handles = []
    this._named = 0
  }

  /**
   * The offset of a new block as a signed word, or NONE. All arithmetic is modulo 2^32: with size and
   * align below 2^31 the way from the old cursor to the new one stays below 2^32, so the one unsigned
   * comparison against the room covers overflow too.
   */
  private _push(size: number, align: number): number {
    const words = this._words
    if (typeof size === 'number' && (size | 0) === size && size > 0) {
      if (align === words[StackWord.ALIGN] || this._isOtherAlign(align)) {
        const cursor = words[StackWord.CURSOR]!
        const behind = (cursor + this._low + StackHeader.BYTES - 1) | 0
        const start = (((behind + align) & -align) - this._low) | 0
        const end = (start + size) | 0
        if ((end - cursor) >>> 0 <= (words[StackWord.LIMIT]! - cursor) >>> 0) {
          const top = words[StackWord.TOP]!
          const sizeWord = Math.imul(size + 1, StackHeader.FACTOR)
          const belowWord = Math.imul(top + 1, StackHeader.FACTOR)
          try {
            const data = this._region._data
            const at = start >>> 0
            data.setInt32(at - 8, sizeWord, true)
            data.setInt32(at - 4, belowWord, true)
          } catch {
            this._writeHeader(start, size)
          }
          words[StackWord.SIZE_WORD] = sizeWord
          words[StackWord.BELOW_WORD] = belowWord
          words[StackWord.BELOW] = top
          words[StackWord.BELOW_END] = cursor
          words[StackWord.TOP] = start
          words[StackWord.CURSOR] = end
          words[StackWord.USED]! += size
          return start
        }
      }
    }
    return this._pushSlowly(size, align)
  }

  /** The slow half: no room, size 0, 2^31 and more, large alignments, wrong input. */
  private _pushSlowly(size: number, align: number): number {
    checkLayout(size, align, 'StackAllocator.alloc')
    this._assertUsable()
    const words = this._words
    const behind = this._base + (words[StackWord.CURSOR]! >>> 0) + StackHeader.BYTES
    const start = alignUp(behind, align) - this._base
    const end = start + (size === 0 ? 1 : size)
    if (!this._reaches(end)) return Offset.NONE
    this._writeHeader(start, size)
    words[StackWord.BELOW] = Offset.UNKNOWN
    words[StackWord.TOP] = start
    words[StackWord.CURSOR] = end
    words[StackWord.USED]! += size
    return start | 0
  }

  /** Is this an alignment below 2^31? Then it is the one to compare with from now on. */
  private _isOtherAlign(align: number): boolean {
    if (!isAlign(align) || align > 2 ** 30) return false
    this._words[StackWord.ALIGN] = align
    return true
  }

  /** The header of a new block, before anything else: when the memory is gone, nothing has changed. */
  private _writeHeader(start: number, size: number): void {
    const data = this._headers()
    data.setInt32((start >>> 0) - 8, packed(size | 0), true)
    data.setInt32((start >>> 0) - 4, packed(this._words[StackWord.TOP]!), true)
  }

  /** Does the region reach that far, if need be after growing? */
  private _reaches(end: number): boolean {
    if (end <= this._words[StackWord.LIMIT]! >>> 0) return true
    if (end > MAX_CAPACITY || !this._region._extend(end - this._region.byteLength)) return false
    this._words[StackWord.LIMIT] = Math.min(this._region.byteLength, MAX_CAPACITY)
    return true
  }

  /** Could this be the newest block, as far as its address, its end and its alignment tell? */
  private _isNewest(ptr: Pointer, size: number, align: number): boolean {
    const words = this._words
    const top = words[StackWord.TOP]!
    if (ptr !== this._base + (top >>> 0) || top === 0) return false
    const bytes = (words[StackWord.CURSOR]! - top) >>> 0
    if (size === bytes && bytes > 1 && align === words[StackWord.ALIGN]) {
      return ((top + this._low) & (align - 1)) === 0
    }
    return this._isNewestToo(size, align)
  }

  /** Blocks of 0 and of 1 byte end at the same place: the header tells them apart. */
  private _isNewestToo(size: number, align: number): boolean {
    const top = this._words[StackWord.TOP]! >>> 0
    const bytes = (this._words[StackWord.CURSOR]! >>> 0) - top
    if (!isAlign(align) || (this._base + top) % align !== 0) return false
    if (bytes !== 1) return size === bytes
    const held = sizeAt(this._headers(), top)
    return held > 1 ? size === bytes : size === held
  }

  /**
   * Takes the newest block off. Nothing changes before the headers were found whole. What lies below is in the
   * state if it was there when the block was allocated, so that no address depends on a header.
   */
  private _drop(): void {
    const words = this._words
    const top = words[StackWord.TOP]!
    const cursor = words[StackWord.CURSOR]!
    let size = (cursor - top) | 0
    let isWhole = false
    try {
      const data = this._region._data
      const at = top >>> 0
      isWhole =
        words[StackWord.BELOW] !== Offset.UNKNOWN &&
        data.getInt32(at - 8, true) === words[StackWord.SIZE_WORD] &&
        data.getInt32(at - 4, true) === words[StackWord.BELOW_WORD]
    } catch {
      // The buffer is another one by now, or is gone.
    }
    if (!isWhole) size = this._look(top, size)
    const used = words[StackWord.USED]!
    if (
      used >>> 0 > words[StackWord.PEAK_USED]! >>> 0 ||
      cursor >>> 0 > words[StackWord.PEAK_OFFSET]! >>> 0
    ) {
      this._notePeaks()
    }
    words[StackWord.CURSOR] = words[StackWord.BELOW_END]!
    words[StackWord.TOP] = words[StackWord.BELOW]!
    words[StackWord.BELOW] = Offset.UNKNOWN
    words[StackWord.USED] = used - size
    if (this._named === top) this._forget()
  }

  /** The newest block's size, and what lies below it into the state: both as the headers have it. */
  private _look(top: number, length: number): number {
    const words = this._words
    const data = this._headers()
    const size = sizeAt(data, top) | 0
    if (size !== length && (size !== 0 || length !== 1)) throw poisoned(this.name, this._base, top)
    const below = belowAt(data, top) | 0
    if (words[StackWord.BELOW] === Offset.UNKNOWN) {
      const end = endBelow(data, this._low, top, below)
      if (end === Found.DAMAGED) throw poisoned(this.name, this._base, top)
      words[StackWord.BELOW_END] = end
      words[StackWord.BELOW] = below
    } else if (words[StackWord.BELOW] !== below) {
      throw poisoned(this.name, this._base, top)
    }
    return size
  }

  /** The newest block that has a handle was freed, maybe by its address: its handle must know. */
  private _forget(): void {
    this._handles.pop()!._markFreed()
    this._named = this._handles.at(-1)?._offset ?? 0
  }

  /** Keeps the newest block's handle. */
  private _name(a: Allocation): Allocation {
    this._handles.push(a)
    this._named = a._offset
    return a
  }

  /** Before `used` or the cursor fall: what they were may be the most that they have been. */
  private _notePeaks(): void {
    const stats = this.stats()
    this._words[StackWord.PEAK_USED] = stats.peak
    this._words[StackWord.PEAK_OFFSET] = stats.peakFootprint
  }

  /** The memory as it is now. Throws ERR_OFFHEAP_DISPOSED. */
  private _headers(): DataView {
    try {
      this._region._data.getInt8(0)
      return this._region._data
    } catch {
      return this._region._dataAgain()
    }
  }

  /** What its headers are read with, to tell what is wrong. Throws ERR_OFFHEAP_DISPOSED. */
  private _stack(): Stack {
    this._assertUsable()
    return { name: this.name, base: this._base, data: this._headers(), words: this._words }
  }

  private _refuse(ptr: Pointer, size: number, align: number): never {
    assertLive(this._stack(), ptr, size, align, 'free')
    throw outOfOrder(this.name, ptr)
  }
}
