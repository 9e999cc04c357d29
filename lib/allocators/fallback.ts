/**
 * FallbackAllocator: the first allocator while it can, then the second.
 *
 * An allocation that the first refuses goes to the second. Frees, resizes and views go to whoever
 * the block came from: to the first where that says it owns the address, else to the second. A
 * block never changes sides in place; `realloc` takes it across by allocating, copying and freeing.
 *
 * The pattern is that of Zig's StackFallbackAllocator (std/heap.zig), with any two allocators: a
 * small bump for nearly everything and the C heap for what does not fit, for example. The
 * disadvantage: each free asks the first who owns the block, so an allocator that answers slowly
 * (one in C: 25 ns) is better as the second.
 */
import type { Allocator } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import type { Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { checkAllocator, Passing } from './wrapper.js'

/**
 * Two allocators as one. Belongs to one thread. Out of memory when both are. Handles are this
 * allocator's own: they notice no reset of the two.
 */
export class FallbackAllocator extends Passing {
  /** Asked first. */
  readonly first: Allocator
  /** Asked when the first is out of memory. */
  readonly second: Allocator
  /**
   * Live blocks of the second that the first claims as well, because both are over the same heap.
   */
  private readonly _contested = new Set<Pointer>()

  /**
   * @param first Must know its blocks: its `owns` decides where they are freed. A hand-written
   *   allocator that was given no memory in its constructor says false to all.
   * Both stay the caller's: dispose does not reach them. Throws ERR_OFFHEAP_INVALID_ARGUMENT.
   */
  constructor(first: Allocator, second: Allocator) {
    super()
    this.first = checkAllocator(first, 'the first of FallbackAllocator')
    this.second = checkAllocator(second, 'the second of FallbackAllocator')
  }

  override get name(): string {
    return `FallbackAllocator(${this.first.name}, ${this.second.name})`
  }

  /** O(1) on top of what the two take. 0 when both are out of memory. */
  override rawAlloc(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    let ptr = this.first.rawAlloc(size, align)
    if (ptr === 0) {
      ptr = this.second.rawAlloc(size, align)
      if (ptr === 0) return 0
      this._noteSecond(ptr)
    } else if (this._contested.size !== 0) {
      // Still there if the second was reset behind our back.
      this._contested.delete(ptr)
    }
    this._counted(size)
    return ptr
  }

  /** Asks the block's own allocator; the other cannot help where the block lies. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const done = this._isOfFirst(ptr)
      ? this.first.rawResize(ptr, size, align, newSize)
      : this.second.rawResize(ptr, size, align, newSize)
    if (done) this._counted(newSize - size)
    return done
  }

  /** As rawResize. 0 also where only the other allocator has room: the caller then copies. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const moved = this._isOfFirst(ptr)
      ? this.first.rawRemap(ptr, size, align, newSize)
      : this._remapSecond(ptr, size, align, newSize)
    if (moved !== 0) this._counted(newSize - size)
    return moved
  }

  /** Throws what the block's own allocator throws; the second's errors for what is nobody's. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (this._isOfFirst(ptr)) {
      this.first.rawFree(ptr, size, align)
    } else {
      this.second.rawFree(ptr, size, align)
      if (this._contested.size !== 0) this._contested.delete(ptr)
    }
    this._counted(-size)
  }

  /** The bytes, from whoever owns them. */
  override view(ptr: Pointer, size: number): Uint8Array {
    return this._isOfFirst(ptr) ? this.first.view(ptr, size) : this.second.view(ptr, size)
  }

  /** @internal */
  override _isAddressable(ptr: Pointer): boolean {
    return (this._isOfFirst(ptr) ? this.first : this.second)._isAddressable(ptr)
  }

  /** @internal */
  override _anchor(ptr: Pointer, size: number): Disposable | null {
    return (this._isOfFirst(ptr) ? this.first : this.second)._anchor(ptr, size)
  }

  /** Does one of the two own this address? */
  override owns(ptr: Pointer): boolean {
    return this.first.owns(ptr) || this.second.owns(ptr)
  }

  /**
   * `used` and `peak` are of what went through here. Capacity and footprint are the sums of both
   * allocators', whoever else they serve; two over the same heap both count it.
   */
  override stats(): AllocatorStats {
    const a = this.first.stats()
    const b = this.second.stats()
    return this._statsOver(
      a.capacity + b.capacity,
      a.footprint + b.footprint,
      a.peakFootprint + b.peakFootprint,
    )
  }

  private _isOfFirst(ptr: Pointer): boolean {
    if (this._contested.size !== 0 && this._contested.has(ptr)) return false
    return this.first.owns(ptr)
  }

  private _remapSecond(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const moved = this.second.rawRemap(ptr, size, align, newSize)
    if (moved === 0 || moved === ptr) return moved
    this._contested.delete(ptr)
    this._noteSecond(moved)
    return moved
  }

  /** Remembers a block of the second that the first will claim. */
  private _noteSecond(ptr: Pointer): void {
    if (this.first.owns(ptr)) this._contested.add(ptr)
  }
}
