/**
 * LimitAllocator: a quota.
 *
 * Counts the payload bytes that live and refuses what would pass the limit, as if memory were out.
 * What counts is what callers asked for, with one byte for a block of 0 bytes, as it occupies one;
 * the inner allocator's padding and metadata do not. Several limits may stand over one allocator,
 * one a tenant, and one over another: the innermost that is reached decides.
 *
 * Costs: a few instructions an operation. The disadvantage: sizes come with the call, so a free
 * with a wrong size that the inner allocator cannot tell from the right one makes the figures wrong
 * as well.
 */
import type { AllocatorStats } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'
import { checkLayout, checkSize, isSize } from '../core/layout.js'
import type { Allocator } from '../core/allocator.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { Wrapper } from './wrapper.js'

const taken = (size: number): number => (size === 0 ? 1 : size)

/**
 * At most so many live bytes of an allocator. Belongs to one thread. Handles are this allocator's
 * own: they notice no reset of the inner one, and the bytes that such a reset freed stay counted.
 */
export class LimitAllocator extends Wrapper {
  /** The most bytes that may live at a time. */
  readonly limit: number

  /**
   * @param inner Stays the caller's: dispose does not reach it.
   * @param bytes The quota, from 0 (nothing at all) to 2^53 - 1.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT.
   */
  constructor(inner: Allocator, bytes: number) {
    super(inner)
    if (!isSize(bytes)) {
      const expected = 'a quota in bytes (an integer from 0 to 2^53 - 1)'
      throw unexpected('INVALID_ARGUMENT', expected, 'LimitAllocator', bytes)
    }
    this.limit = bytes
  }

  /** Bytes that may still be allocated. The inner allocator may have less. */
  get remaining(): number {
    return this.limit - this._live
  }

  /** 0 when the quota is used up, or the inner allocator has no memory. */
  override rawAlloc(size: number, align: number): Pointer {
    checkLayout(size, align, 'LimitAllocator.alloc')
    if (this._disposed) throw disposed(this.name)
    const bytes = taken(size)
    if (bytes > this.remaining) return 0
    // Taken before the inner allocator is asked, which may come back here: through a log, say.
    this._live += bytes
    let ptr: Pointer = 0
    try {
      ptr = this.inner.rawAlloc(size, align)
    } finally {
      if (ptr === 0) this._live -= bytes
    }
    this._counted(0)
    return ptr
  }

  /**
   * false also where the quota has no room for the growth; the inner allocator is not asked then.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const growth = this._growth(ptr, size, align, newSize, 'LimitAllocator.resize')
    if (growth > this.remaining) return false
    if (growth > 0) this._live += growth
    let done = false
    try {
      done = this.inner.rawResize(ptr, size, align, newSize)
    } finally {
      if (!done && growth > 0) this._live -= growth
    }
    if (done) this._settle(growth)
    return done
  }

  /**
   * As rawResize. 0 where the quota has no room for the growth; a caller that copies needs more.
   */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const growth = this._growth(ptr, size, align, newSize, 'LimitAllocator.remap')
    if (growth > this.remaining) return 0
    if (growth > 0) this._live += growth
    let moved: Pointer = 0
    try {
      moved = this.inner.rawRemap(ptr, size, align, newSize)
    } finally {
      if (moved === 0 && growth > 0) this._live -= growth
    }
    if (moved !== 0) this._settle(growth)
    return moved
  }

  /** Throws what the inner allocator throws, and then nothing is given back. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    this.inner.rawFree(ptr, size, align)
    this._release(taken(size))
  }

  /** `capacity` is the limit, or the inner allocator's where that is less. */
  override stats(): AllocatorStats {
    const stats = super.stats()
    stats.capacity = Math.min(this.limit, stats.capacity)
    return stats
  }

  /** Bytes by which a block would grow, negative if it shrinks. Throws for what is no argument. */
  private _growth(
    ptr: Pointer,
    size: number,
    align: number,
    newSize: number,
    where: string,
  ): number {
    checkPointer(ptr, where)
    checkLayout(size, align, where)
    checkSize(newSize, where)
    return taken(newSize) - taken(size)
  }

  /** The block has its new size; a growth was taken already. */
  private _settle(growth: number): void {
    if (growth < 0) this._release(-growth)
    else this._counted(0)
  }

  /** Never below none: blocks that the inner allocator handed out itself may be freed here. */
  private _release(bytes: number): void {
    this._live = Math.max(0, this._live - bytes)
  }
}
