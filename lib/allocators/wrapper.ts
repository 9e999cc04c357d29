/**
 * What allocators share that pass on to others: figures of what went through, in raw calls and
 * handles alike, and for those over one other who that is, and a name.
 *
 * The four raw operations are written out in each of them: a call site here would see all of them.
 */
import { Allocator } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'

/** `value`, which must be an Allocator. Throws ERR_OFFHEAP_INVALID_ARGUMENT. */
export function checkAllocator(value: unknown, where: string): Allocator {
  if (value instanceof Allocator) return value
  throw unexpected('INVALID_ARGUMENT', 'an Allocator', where, value)
}

/** An allocator that passes on, and counts the bytes that live. */
export abstract class Passing extends Allocator {
  /** Bytes of the live blocks that went through here, and the most that there were. */
  protected _live = 0
  protected _most = 0

  /** @internal Blocks are another allocator's, and outlive this one. Tracers ask. */
  get _passesOn(): boolean {
    return true
  }

  /** Called when another allocator has done it: what throws is not counted. */
  protected _counted(bytes: number): void {
    this._live += bytes
    if (this._live > this._most) this._most = this._live
  }

  /** Own figures of what lives, and others' of what that takes, which may serve others besides. */
  protected _statsOver(capacity: number, footprint: number, peakFootprint: number): AllocatorStats {
    // Blocks that were not allocated here may have been freed here.
    const used = Math.max(0, this._live)
    const peak = Math.max(used, this._most)
    const occupied = Math.max(used, footprint)
    return {
      name: this.name,
      capacity,
      used,
      peak,
      footprint: occupied,
      peakFootprint: Math.max(peak, occupied, peakFootprint),
    }
  }
}

/** An allocator over one other, which stays the caller's: dispose does not reach it. */
export abstract class Wrapper extends Passing {
  /** The allocator that serves this one. */
  readonly inner: Allocator

  constructor(inner: Allocator) {
    super(checkAllocator(inner, new.target.name))
    this.inner = inner
  }

  override get name(): string {
    return `${this.constructor.name}(${this.inner.name})`
  }

  /**
   * `used` and `peak` are of what went through here. Capacity and footprint are the inner
   * allocator's, which may serve others besides.
   */
  override stats(): AllocatorStats {
    const { capacity, footprint, peakFootprint } = this.inner.stats()
    return this._statsOver(capacity, footprint, peakFootprint)
  }
}
