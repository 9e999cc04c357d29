/**
 * RegionAllocator: what the strategies that work in one region have in common. Only what is cold or
 * as simple as a field; what is hot each strategy writes itself, because a call through a base class
 * that many classes share is a megamorphic one.
 */
import type { Allocation } from './allocation.js'
import { Allocator, viewIn } from './allocator.js'
import { OutOfMemoryError, unexpected } from './errors.js'
import { type MemoryLike, regionFor } from './memory.js'
import type { Pointer } from './pointer.js'
import { disposed, type Region, type RegionUser } from './region.js'
import { MAX_CAPACITY, stateBlock } from './state.js'
import { assertReleased, type CHeap, type CTable } from './valloc.js'

/**
 * Base of the allocators over one region: they take a capacity in bytes (a region of that size is
 * made, and freed by dispose), a Region of their own, or a buffer. Up to 4 GiB - 4 KiB.
 */
export abstract class RegionAllocator extends Allocator implements RegionUser {
  /** Address of the region's first byte. */
  protected readonly _base: number
  protected readonly _region: Region
  /** The allocator or its region was disposed. */
  protected _gone = false
  private _owned: boolean
  private readonly _table: CTable
  /** Its mutable state. */
  protected abstract readonly _words: Int32Array

  /**
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for a region that is larger than 4 GiB - 4 KiB or in which
   * another allocator works, OutOfMemoryError when no region of that capacity can be had.
   *
   * @param table The strategy's C, on the same state.
   * @param adopted A region that was made for this allocator: it is freed with it.
   */
  constructor(memory: MemoryLike, name: string, table: CTable, adopted = false) {
    assertCapacity(memory, name)
    const { region, owned } = regionFor(memory, name)
    assertCapacity(region.byteLength, name)
    super(region)
    this._base = region.address
    this._region = region
    this._owned = owned || adopted
    this._table = table
    region._claim(this)
  }

  /** The memory that this allocator works in. */
  get region(): Region {
    return this._region
  }

  override view(ptr: Pointer, size: number): Uint8Array {
    this._assertUsable()
    return viewIn(this._region, ptr, size, this.name)
  }

  /** A state block. Throws OutOfMemoryError, and the region is as if there were no allocator. */
  protected _stateBlock(words: number): Int32Array {
    try {
      return stateBlock(words)
    } catch {
      this._gone = true
      this.dispose()
      throw new OutOfMemoryError(this.name, words * Int32Array.BYTES_PER_ELEMENT, 4)
    }
  }

  /** Ends the allocator; a region that it made itself is freed. Throws ERR_OFFHEAP_PINNED. */
  override dispose(): void {
    assertReleased(this)
    if (this._owned) this._region.dispose()
    else this._region._unclaim(this)
    this.regionGone()
    super.dispose()
  }

  /** @internal The strategy's C, on the same words. Throws ERR_OFFHEAP_DISPOSED. */
  override _cHeap(): CHeap {
    this._assertUsable()
    return { table: this._table, state: this._words, region: this._region }
  }

  /**
   * @internal Another allocator goes on with a copy of the state, in the same region: this one
   * ends. Returns whether the region is freed with its allocator. Throws ERR_OFFHEAP_PINNED.
   */
  _handOver(): boolean {
    assertReleased(this)
    const owned = this._owned
    this._owned = false
    this._region._unclaim(this)
    this.regionGone()
    super.dispose()
    return owned
  }

  /** @internal */
  regionGone(): void {
    if (this._gone) return
    this._gone = true
    this._shut()
  }

  /** The region is gone: makes the state one in which no operation finds room or a block. */
  protected abstract _shut(): void

  protected override _resized(a: Allocation, size: number): void {
    a._setSize(size)
  }

  protected override _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    a._rebind(this._region, (ptr - this._base) | 0, size, align)
  }

  protected _assertUsable(): void {
    if (this._gone) throw disposed(this.name)
  }
}

function assertCapacity(memory: MemoryLike, name: string): void {
  if (typeof memory !== 'number' || !(memory > MAX_CAPACITY)) return
  throw unexpected('INVALID_ARGUMENT', `at most ${MAX_CAPACITY} bytes`, name, memory)
}
