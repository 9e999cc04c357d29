/**
 * ConcurrentBumpAllocator: a pointer that moves up, moved by many threads without a lock.
 *
 * An allocation reads where the pointer is, and moves it by one compare-and-swap; whoever was
 * overtaken tries again. So no thread ever waits for another, and one that is terminated at any
 * moment leaves nothing half done. The words that it works on are in a SharedArrayBuffer of their
 * own.
 *
 * Costs: about 25 ns an allocation, some times that while others allocate at the same moment.
 * Disadvantage: what is freed comes back only when it was last, so it is for what is freed
 * together: the results of a batch, a frame, an index that is built and then read. Let go of all of
 * it at once by `reset()`, while no thread allocates.
 *
 * The same in C: native/core/concurrent_bump.c.
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { isSharedBuffer } from '../core/brand.js'
import { OffheapError, OutOfMemoryError } from '../core/errors.js'
import { alignUp, checkLayout, checkSize, type Layout } from '../core/layout.js'
import type { MemoryLike } from '../core/memory.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { RegionAllocator } from '../core/region-allocator.js'
import {
  Attached,
  attachedTo,
  type BumpToken,
  ConcurrentWord as Word,
  memoryOf,
  newWords,
} from './concurrent-token.js'

const NAME = 'ConcurrentBumpAllocator'

const enum Offset {
  NONE = -1,
}

/**
 * A bump for many threads, each through an instance of its own. Handles belong to the thread that
 * made them, blocks to nobody.
 *
 * Alignment: any power of two. Out of memory: `alloc` throws OutOfMemoryError, `rawAlloc` returns
 * 0. Works without the addon.
 */
export class ConcurrentBumpAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  /** The low word of the region's address. */
  private readonly _low: number
  /** 0 when the region is gone. */
  private _capacity: number

  /**
   * @param memory A capacity in bytes (a SharedArrayBuffer of that size is made), a Region of its
   *   own, or a buffer. Over another memory than a SharedArrayBuffer it serves this thread and
   *   those of C.
   *
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for more than 4 GiB - 4 KiB or a region in which another
   * allocator works, OutOfMemoryError.
   */
  constructor(memory: MemoryLike) {
    const attached = memory instanceof Attached ? memory : null
    super(attached?.region ?? memoryOf(memory), NAME, 'concurrentBump', attached !== null)
    const region = this._region
    this._words = attached?.words ?? newWords(region)
    this._low = region.address % 2 ** 32
    this._capacity = region.byteLength
    if (region.addressable) servesHeap(this, { key: `${NAME} ${region.address}`, goes: true })
  }

  /**
   * The bump of a token that another thread made by {@link share}. Throws
   * ERR_OFFHEAP_INVALID_ARGUMENT for what is no such token, ERR_OFFHEAP_DISPOSED when all who had
   * it disposed theirs.
   */
  static attach(token: BumpToken): ConcurrentBumpAllocator {
    return new ConcurrentBumpAllocator(attachedTo(token) as unknown as MemoryLike)
  }

  override get name(): string {
    return NAME
  }

  /**
   * The bump for another thread: a plain object, for postMessage or workerData. Throws
   * ERR_OFFHEAP_UNSUPPORTED when the memory is no SharedArrayBuffer, ERR_OFFHEAP_DISPOSED.
   */
  share(): BumpToken {
    this._assertUsable()
    const { buffer } = this._region
    if (isSharedBuffer(buffer)) {
      return { offheap: 'bump', memory: buffer, state: this._words.buffer as SharedArrayBuffer }
    }
    throw new OffheapError(
      'UNSUPPORTED',
      `${NAME} is over a region (${this._region.kind}) that other threads of JavaScript cannot see: give it ` +
        `a capacity, or Region.shared(size)`,
    )
  }

  /** Bytes behind the newest block. */
  get remaining(): number {
    return Math.max(0, this._capacity - this._cursor)
  }

  /** Bytes in blocks, and padding between them. */
  get totalAllocated(): number {
    return this._cursor
  }

  /** Lock-free. 0 when it does not fit. Throws for what is no layout. */
  override rawAlloc(size: number, align: number): Pointer {
    const offset = this._take(size, align)
    return offset === Offset.NONE ? 0 : this._base + offset
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const a = this.tryAlloc(layout, align)
    if (a === null) throw new OutOfMemoryError(NAME, sizeOf(layout), alignOf(layout, align))
    return a
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._take(size, aligned)
    if (offset === Offset.NONE) return null
    return new Allocation(this, this._region, offset | 0, size, aligned)
  }

  /**
   * The last block of all threads' can grow; any other only shrinks. Throws
   * ERR_OFFHEAP_INVALID_POINTER outside of what was handed out.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const start = this._locate(ptr, size, align, 'resize')
    checkSize(newSize, `${NAME}.resize`)
    const before = size === 0 ? 1 : size
    const asked = newSize === 0 ? 1 : newSize
    const end = start + asked
    if (end > this._capacity) return false
    if (asked === before) return true
    if (asked > before) return this._move(start + before, end)
    this._notePeaks()
    if (!this._move(start + before, end)) Atomics.add(this._words, Word.GAPS, before - asked)
    return true
  }

  /** As rawResize: what has to move is for the caller to copy. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * Gives room back when the block is the last one of all threads'; any other is only counted.
   * Throws ERR_OFFHEAP_INVALID_POINTER outside of what was handed out; a second free is not
   * noticed.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    const start = this._locate(ptr, size, align, 'free')
    const asked = size === 0 ? 1 : size
    this._notePeaks()
    if (!this._move(start + asked, start)) Atomics.add(this._words, Word.GAPS, asked)
  }

  /**
   * Frees every block of every thread at once; the handles of this thread throw from now on. No
   * other thread may allocate, or use a block, while this runs: that is for the caller to arrange.
   */
  reset(): void {
    this._assertUsable()
    this._notePeaks()
    Atomics.store(this._words, Word.GAPS, 0)
    Atomics.store(this._words, Word.CURSOR, 0)
    this._region._nextEpoch()
  }

  /** Is this address in what was handed out? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr)) return false
    const offset = ptr - this._base
    return offset >= 0 && offset < Math.min(this._cursor, this._capacity)
  }

  /** All threads together; while others allocate, the figures are of slightly different moments. */
  override stats(): AllocatorStats {
    if (this._gone) {
      return { name: NAME, capacity: 0, used: 0, peak: 0, footprint: 0, peakFootprint: 0 }
    }
    const footprint = this._cursor
    const used = Math.max(0, footprint - this._read(Word.GAPS))
    return {
      name: NAME,
      capacity: this._capacity,
      used,
      peak: Math.max(used, this._read(Word.PEAK_USED)),
      footprint,
      peakFootprint: Math.max(footprint, this._read(Word.PEAK_CURSOR)),
    }
  }

  /** What others hold lives on; this thread's instance has no memory any more. */
  protected override _shut(): void {
    this._capacity = 0
    Atomics.sub(this._words, Word.HOLDERS, 1)
  }

  private _read(word: Word): number {
    return Atomics.load(this._words, word) >>> 0
  }

  private get _cursor(): number {
    return this._read(Word.CURSOR)
  }

  /** Moves the cursor. false: it was not where the caller thought. */
  private _move(from: number, to: number): boolean {
    return Atomics.compareExchange(this._words, Word.CURSOR, from | 0, to | 0) === (from | 0)
  }

  /** The offset of a new block, or NONE. */
  private _take(size: number, align: number): number {
    checkLayout(size, align, `${NAME}.alloc`)
    const asked = size === 0 ? 1 : size
    for (;;) {
      const cursor = Atomics.load(this._words, Word.CURSOR)
      const offset = cursor >>> 0
      const padding =
        align <= 0x40000000
          ? -(this._low + offset) & (align - 1)
          : alignUp(this._base + offset, align) - (this._base + offset)
      const start = offset + padding
      const end = start + asked
      if (!(end <= this._capacity)) {
        this._assertUsable()
        return Offset.NONE
      }
      if (Atomics.compareExchange(this._words, Word.CURSOR, cursor, end | 0) === cursor) {
        if (padding !== 0) Atomics.add(this._words, Word.GAPS, padding)
        return start
      }
    }
  }

  /** The offset of a block that was handed out; throws for every span that provably was not. */
  private _locate(ptr: Pointer, size: number, align: number, operation: string): number {
    this._assertUsable()
    checkPointer(ptr, `${NAME}.${operation}`)
    checkLayout(size, align, `${NAME}.${operation}`)
    const start = ptr - this._base
    const end = Math.min(this._cursor, this._capacity)
    if (start < 0 || start + (size === 0 ? 1 : size) > end) {
      const why = `with ${size} bytes is not inside what was handed out`
      throw invalidPointer(NAME, operation, ptr, why)
    }
    if (ptr % align !== 0) throw invalidPointer(NAME, operation, ptr, `is not aligned to ${align}`)
    return start
  }

  /** Before `used` or the cursor fall: what they were may be the most that they have been. */
  private _notePeaks(): void {
    const { peak, peakFootprint } = this.stats()
    this._raise(Word.PEAK_USED, peak)
    this._raise(Word.PEAK_CURSOR, peakFootprint)
  }

  private _raise(word: Word, to: number): void {
    let now = this._read(word)
    while (now < to) {
      const seen = Atomics.compareExchange(this._words, word, now | 0, to | 0) >>> 0
      if (seen === now) return
      now = seen
    }
  }
}
