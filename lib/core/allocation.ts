/**
 * Allocation: a checked handle on one block.
 *
 * A handle knows its block as an offset into a region, so that making a view needs no address
 * arithmetic and the object holds small integers only (an offset past 2^31 is kept as a negative
 * one). Freed and reset are one comparison: the handle's epoch against its region's.
 */
import { DoubleFreeError, UseAfterFreeError, unexpected } from './errors.js'
import type { Pointer } from './pointer.js'
import { disposed, unaddressable, type Region } from './region.js'

const FREED = -1

/** The allocator of a block, as its handle sees it. */
export interface BlockOwner {
  readonly name: string
  free(a: Allocation): void
  /** @internal */
  _resizeHandle(a: Allocation, newSize: number): boolean
  /** @internal The error for a freed handle, where this allocator knows more than the handle does. */
  _misused?(a: Allocation, freedAgain: boolean): Error | null
}

/** A constructor of typed arrays: `Float64Array`, `BigInt64Array`, ... */
export interface TypedArrayConstructor<T> {
  /** Bytes in an element. */
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

/**
 * One block. Every use after it was freed, by itself or by a reset of its allocator, throws
 * UseAfterFreeError; a second free throws DoubleFreeError. Views that were taken before stay what
 * they are: over a region that still lives they show whatever is there next.
 */
export class Allocation implements Disposable {
  /** @internal */
  _owner: BlockOwner
  /** @internal */
  _region: Region
  /** @internal Offset in the region, as a signed 32-bit word. */
  _offset: number
  /** @internal */
  _size: number
  /** @internal */
  _align: number
  /** @internal */
  _epoch: number
  private _view: Uint8Array | null = null

  /** @internal */
  constructor(owner: BlockOwner, region: Region, offset: number, size: number, align: number) {
    this._owner = owner
    this._region = region
    this._offset = offset
    this._size = size
    this._align = align
    this._epoch = region._epoch
  }

  /** Address of the first byte. O(1). */
  get ptr(): Pointer {
    this._assertLive()
    return this._region.address + (this._offset >>> 0)
  }

  /** Length in bytes. */
  get size(): number {
    this._assertLive()
    return this._size
  }

  /** Alignment in bytes, as it was asked for. */
  get align(): number {
    this._assertLive()
    return this._align
  }

  /**
   * The address as a bigint, as `node:ffi` and koffi take it. What C does with it is unchecked.
   * Throws ERR_OFFHEAP_UNSUPPORTED when the region's real address is not known, and over WebAssembly
   * memory, where `ptr` is an offset.
   */
  get address(): bigint {
    if (!this._region.addressable) throw unaddressable(this._owner.name, this.ptr)
    return BigInt(this.ptr)
  }

  /** The block's bytes. Made on first use, then kept; made anew when its buffer was replaced. */
  get bytes(): Uint8Array {
    if (this._epoch !== this._region._epoch) this._assertLive()
    const view = this._view
    if (view !== null && view.length === this._size && view.length !== 0) return view
    return this._show()
  }

  /** The same bytes as a Node Buffer. A new one at each call. */
  get buffer(): Buffer {
    const { buffer, byteOffset, length } = this.bytes
    return Buffer.from(buffer as ArrayBuffer, byteOffset, length)
  }

  /**
   * The block as an array of another type, as many whole elements as fit.
   * Throws ERR_OFFHEAP_INVALID_LAYOUT when the block is not aligned for the element.
   */
  as<T>(type: TypedArrayConstructor<T>): T {
    const width = typeof type === 'function' ? type.BYTES_PER_ELEMENT : undefined
    if (typeof width !== 'number' || !(width >= 1)) {
      throw unexpected('INVALID_ARGUMENT', 'a typed array constructor', 'Allocation.as', type)
    }
    const { buffer, byteOffset, length } = this.bytes
    if (byteOffset % width !== 0) {
      throw unexpected('INVALID_LAYOUT', `a block aligned to ${width}`, 'Allocation.as', byteOffset)
    }
    return new type(buffer, byteOffset, Math.floor(length / width))
  }

  /**
   * Makes the block `newSize` bytes long where it lies, and says whether it could. Views taken
   * before keep their old length: ask `bytes` again. Throws ERR_OFFHEAP_INVALID_LAYOUT.
   */
  resize(newSize: number): boolean {
    this._assertLive()
    return this._owner._resizeHandle(this, newSize)
  }

  /** True once the block was freed, by itself, by a reset, or with its region. */
  get freed(): boolean {
    return !this._region._isLiveEpoch(this._epoch)
  }

  /** Gives the block back. Throws DoubleFreeError when it was freed already. */
  free(): void {
    this._owner.free(this)
  }

  /** As free, but does nothing when the block was freed already. */
  [Symbol.dispose](): void {
    if (!this.freed) this.free()
  }

  /** @internal The block changed its length where it lies. */
  _setSize(size: number): void {
    this._size = size
    this._view = null
  }

  /** @internal The handle is of another block from now on. */
  _rebind(region: Region, offset: number, size: number, align: number): void {
    this._region = region
    this._offset = offset
    this._size = size
    this._align = align
    this._epoch = region._epoch
    this._view = null
  }

  /** @internal Throws unless the block may be freed now. */
  _assertFreeable(): void {
    if (!this.freed) return
    this._assertRegion()
    throw (
      this._owner._misused?.(this, true) ??
      new DoubleFreeError(
        `This block of ${this._owner.name} (${this._size} bytes) has been freed already`,
      )
    )
  }

  /** @internal */
  _markFreed(): void {
    this._epoch = FREED
    this._view = null
  }

  /** @internal */
  _assertLive(): void {
    if (this._region._isLiveEpoch(this._epoch)) return
    this._assertRegion()
    throw (
      this._owner._misused?.(this, false) ??
      new UseAfterFreeError(
        `This block of ${this._owner.name} (${this._size} bytes) has been freed`,
      )
    )
  }

  /** Makes the view. An empty one looks the same after its buffer was replaced: the buffer tells. */
  private _show(): Uint8Array {
    const view = this._view
    if (view !== null && this._size === 0 && view.buffer.byteLength !== 0) return view
    return (this._view = this._region._bytes(this._offset >>> 0, this._size))
  }

  private _assertRegion(): void {
    if (this._epoch === FREED || !this._region.disposed) return
    throw disposed(`The region of this block of ${this._owner.name}`)
  }
}
