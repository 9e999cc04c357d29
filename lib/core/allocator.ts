/**
 * Allocator: hands out blocks. The interface is Zig's (alloc, resize, remap, free), with a checked
 * tier of handles written once on top of the four raw operations.
 *
 * Whoever writes an allocator extends this class and implements the four; see
 * docs/writing-an-allocator.md. The strategies of this library also define `alloc` themselves, a few
 * lines each, because a hot call through a base class that many classes share is a megamorphic one.
 */
import { Allocation } from './allocation.js'
import { isUint8Array } from './brand.js'
import { DoubleFreeError, OffheapError, OutOfMemoryError, unexpected } from './errors.js'
import { checkLayout, checkSize, DEFAULT_ALIGN, Layout } from './layout.js'
import { bytesAt } from './memory.js'
import { checkPointer, type Pointer } from './pointer.js'
import { disposed, Region, type RegionSource, type Shown } from './region.js'
import { assertReleased, type CHeap, ownVallocOf, type Valloc, vallocOf } from './valloc.js'

/** What {@link Allocator.stats} tells. All figures in bytes. */
export interface AllocatorStats {
  name: string
  /** The most payload there can be; Infinity where only the system limits it. */
  capacity: number
  /** Live payload: what callers asked for and have not freed. */
  used: number
  /** The most that `used` has been. */
  peak: number
  /** Memory occupied: live payload, metadata and holes. */
  footprint: number
  /** The most that `footprint` has been. */
  peakFootprint: number
}

/**
 * Base of all allocators. Belongs to the thread that made it unless its own documentation says
 * otherwise.
 *
 * The raw operations take and return addresses; out of memory is a return value there, never an
 * exception. They throw for what is no layout (ERR_OFFHEAP_INVALID_LAYOUT) and for pointers that are
 * provably wrong (ERR_OFFHEAP_INVALID_POINTER, ERR_OFFHEAP_DOUBLE_FREE). A block of 0 bytes has an
 * address of its own and occupies at least one byte.
 */
export abstract class Allocator implements Disposable {
  private readonly _memory: Region | Allocator | null
  private _used = 0
  private _peak = 0
  protected _disposed = false

  /**
   * @param memory Where the pointers of a hand-written allocator point: the region it works in, or
   *   the allocator that it passes on to. Without it, `view` finds regions and blocks of the C heap
   *   by their address.
   */
  constructor(memory: Region | Allocator | null = null) {
    this._memory = memory
  }

  /** For messages and stats. */
  get name(): string {
    return this.constructor.name
  }

  /** A block of `size` bytes at a multiple of `align`, uninitialised. 0: out of memory. */
  abstract rawAlloc(size: number, align: number): Pointer
  /** Makes a block `newSize` long where it lies. false: it cannot, and nothing changed. */
  abstract rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean
  /** As rawResize, but the block may move, keeping its bytes. 0: the caller must copy. */
  abstract rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer
  /** Gives a block back. */
  abstract rawFree(ptr: Pointer, size: number, align: number): void

  /**
   * A handle on a new block, uninitialised. `align` defaults to the layout's, or 16 bytes for a
   * plain size. Throws OutOfMemoryError, ERR_OFFHEAP_INVALID_LAYOUT, ERR_OFFHEAP_DISPOSED.
   */
  alloc(layout: Layout | number, align?: number): Allocation {
    const a = this.tryAlloc(layout, align)
    if (a === null) throw new OutOfMemoryError(this.name, sizeOf(layout), alignOf(layout, align))
    return a
  }

  /** As {@link alloc}, but null when out of memory. Other errors are still thrown. */
  tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    if (this._disposed) throw disposed(this.name)
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    checkLayout(size, aligned, `${this.name}.alloc`)
    const ptr = this.rawAlloc(size, aligned)
    if (ptr === 0) return null
    this._count(size)
    return new Allocation(this, blockRegion(this, ptr, size), 0, size, aligned)
  }

  /** As {@link alloc}, with every byte 0. */
  allocZeroed(layout: Layout | number, align?: number): Allocation {
    const a = this.alloc(layout, align)
    try {
      a.bytes.fill(0)
    } catch (error) {
      a.free()
      throw error
    }
    return a
  }

  /**
   * Changes a block's size, keeping the bytes up to the smaller one: in place, else by remap, else by
   * allocating, copying and freeing. Returns the same handle, which follows the block; views taken
   * before do not. When memory is out, throws OutOfMemoryError and the block is as it was.
   */
  realloc(a: Allocation, layout: Layout | number): Allocation {
    this._assertOwn(a, 'realloc')
    a._assertLive()
    const newSize = sizeOf(layout)
    const newAlign = layout instanceof Layout ? layout.align : a.align
    checkLayout(newSize, newAlign, `${this.name}.realloc`)
    if (newAlign <= a.align && this._resizeHandle(a, newSize)) return a
    this._moveHandle(a, newSize, Math.max(newAlign, a.align))
    return a
  }

  /**
   * Gives the block of a handle back. Throws DoubleFreeError, ERR_OFFHEAP_INVALID_POINTER for
   * another allocator's handle, ERR_OFFHEAP_DISPOSED when its region is gone.
   */
  free(a: Allocation): void {
    this._assertOwn(a, 'free')
    a._assertFreeable()
    this.rawFree(a.ptr, a._size, a._align)
    this._count(-a._size)
    a._markFreed()
  }

  /** A copy of bytes, or of a string as UTF-8. Alignment 16. */
  dupe(bytes: Uint8Array | string): Allocation {
    if (typeof bytes !== 'string' && !isUint8Array(bytes)) {
      throw unexpected('INVALID_ARGUMENT', 'a Uint8Array or a string', `${this.name}.dupe`, bytes)
    }
    const source = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes
    return this._copyOf(source, source.length)
  }

  /**
   * A string as UTF-8 with a NUL behind it, for C. Throws ERR_OFFHEAP_INVALID_ARGUMENT for text that
   * holds a NUL itself, because C would stop reading there.
   */
  dupeZ(text: string): Allocation {
    if (typeof text !== 'string' || text.includes('\0')) {
      throw unexpected(
        'INVALID_ARGUMENT',
        'a string without NUL characters',
        `${this.name}.dupeZ`,
        text,
      )
    }
    const source = Buffer.from(text, 'utf8')
    const a = this._copyOf(source, source.length + 1)
    a.bytes[source.length] = 0
    return a
  }

  /**
   * The `size` bytes at `ptr`. Bounds-checked by whoever owns the memory: it throws
   * ERR_OFFHEAP_INVALID_POINTER for a span that is not inside. Not checked: that a block lives there.
   */
  view(ptr: Pointer, size: number): Uint8Array {
    checkPointer(ptr, `${this.name}.view`)
    checkSize(size, `${this.name}.view`)
    if (this._memory instanceof Region) return viewIn(this._memory, ptr, size, this.name)
    if (this._memory !== null) return this._memory.view(ptr, size)
    return bytesAt(ptr, size, `${this.name}.view`)
  }

  /** Does this address belong to this allocator? O(1). Never throws. */
  owns(ptr: Pointer): boolean {
    if (this._memory instanceof Region) return isIn(this._memory, ptr, 1)
    return this._memory !== null && this._memory.owns(ptr)
  }

  /** Cheap figures. An allocator that does not override this counts what went through handles. */
  stats(): AllocatorStats {
    const { name, _used: used, _peak: peak } = this
    return { name, capacity: Infinity, used, peak, footprint: used, peakFootprint: peak }
  }

  /**
   * This allocator for C: pass `address`, or `self` and `vt`. The same object until it is released, and
   * until then the allocator cannot be disposed. A strategy is the same heap on both sides, at C's
   * speed; an allocator that is written in TypeScript is called back, on this thread only.
   *
   * Handles do not learn of what C does: let C free what C allocated. Throws ERR_OFFHEAP_UNSUPPORTED where
   * addresses are none for C (over a WebAssembly memory), ERR_OFFHEAP_DISPOSED.
   */
  get valloc(): Valloc {
    if (this._disposed) throw disposed(this.name)
    return vallocOf(this)
  }

  /**
   * Ends the allocator and frees what it owns. A second call does nothing. Throws ERR_OFFHEAP_PINNED while C
   * holds the {@link valloc}.
   */
  dispose(): void {
    assertReleased(this)
    this._disposed = true
  }

  /** @internal As {@link valloc}, but one that nobody else has. */
  _ownValloc(): Valloc {
    if (this._disposed) throw disposed(this.name)
    return ownVallocOf(this)
  }

  /** @internal What of this allocator is written in C; null: nothing, C calls it back. */
  _cHeap(): CHeap | null {
    return null
  }

  /** @internal What C is given when a door is opened: a tracer comes in between here. */
  _doorHeap(): CHeap | null {
    return this._cHeap()
  }

  /** As {@link dispose}. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** @internal May C be given the address of a block of this allocator? */
  _isAddressable(ptr: Pointer): boolean {
    if (this._memory instanceof Region) return this._memory.addressable
    return this._memory === null || this._memory._isAddressable(ptr)
  }

  /**
   * @internal Keeps the memory of a live block from being unmapped, by anybody, until let go of. null:
   * nobody here can.
   */
  _anchor(ptr: Pointer, size: number): Disposable | null {
    const memory = this._memory
    if (!(memory instanceof Region)) return memory === null ? null : memory._anchor(ptr, size)
    return isIn(memory, ptr, size) ? memory._anchor() : null
  }

  /** @internal */
  _resizeHandle(a: Allocation, newSize: number): boolean {
    checkSize(newSize, `${this.name}.resize`)
    const size = a._size
    if (!this.rawResize(a.ptr, size, a._align, newSize)) return false
    this._count(newSize - size)
    this._resized(a, newSize)
    return true
  }

  /** The block was resized where it lies: tells the handle. */
  protected _resized(a: Allocation, size: number): void {
    a._rebind(blockRegion(this, a.ptr, size), 0, size, a._align)
  }

  /** The block is at `ptr` now: tells the handle. */
  protected _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    a._rebind(blockRegion(this, ptr, size), 0, size, align)
  }

  /** Moves a block to where `newSize` bytes fit; throws, with the block as it was, when none are. */
  private _moveHandle(a: Allocation, newSize: number, newAlign: number): void {
    const { ptr, size, align } = a
    const remapped = newAlign === align ? this.rawRemap(ptr, size, align, newSize) : 0
    if (remapped !== 0) {
      this._count(newSize - size)
      this._moved(a, remapped, newSize, newAlign)
      return
    }
    const fresh = this.rawAlloc(newSize, newAlign)
    if (fresh === 0) throw new OutOfMemoryError(this.name, newSize, newAlign)
    try {
      const kept = Math.min(size, newSize)
      if (kept > 0) this.view(fresh, kept).set(this.view(ptr, kept))
      this.rawFree(ptr, size, align)
    } catch (error) {
      this.rawFree(fresh, newSize, newAlign)
      throw error
    }
    this._count(newSize - size)
    this._moved(a, fresh, newSize, newAlign)
  }

  private _copyOf(source: Uint8Array, size: number): Allocation {
    const a = this.alloc(size)
    try {
      a.bytes.set(source)
    } catch (cause) {
      a.free()
      if (cause instanceof OffheapError) throw cause
      throw unexpected('INVALID_ARGUMENT', 'bytes that can be read', `${this.name}.dupe`, source)
    }
    return a
  }

  protected _assertOwn(a: unknown, operation: string): asserts a is Allocation {
    if (!(a instanceof Allocation)) {
      throw unexpected('INVALID_ARGUMENT', 'an Allocation', `${this.name}.${operation}`, a)
    }
    if (a._owner !== this) {
      throw new OffheapError(
        'INVALID_POINTER',
        `Expected a block of ${this.name} for ${operation} but received one of ${a._owner.name}`,
      )
    }
  }

  private _count(bytes: number): void {
    this._used += bytes
    if (this._used > this._peak) this._peak = this._used
  }
}

/** The size that `alloc` was asked for. Not checked: the raw operation does that. */
export function sizeOf(layout: Layout | number): number {
  if (typeof layout === 'number') return layout
  return layout instanceof Layout ? layout.size : layout
}

/** The alignment that `alloc` was asked for: its own argument, else the layout's, else 16. */
export function alignOf(layout: Layout | number, align: number | undefined): number {
  if (align !== undefined) return align
  return layout instanceof Layout ? layout.align : DEFAULT_ALIGN
}

/** Are the `size` bytes at `ptr` inside the region? */
export function isIn(region: Region, ptr: Pointer, size: number): boolean {
  if (!Number.isInteger(ptr) || region.disposed) return false
  const offset = ptr - region.address
  return offset >= 0 && offset + size <= region.byteLength
}

/** The `size` bytes at `ptr` in a region. Throws ERR_OFFHEAP_INVALID_POINTER outside of it. */
export function viewIn(region: Region, ptr: Pointer, size: number, by: string): Uint8Array {
  if (typeof ptr === 'number' && typeof size === 'number') {
    const offset = ptr - region.address
    const inside = offset >= 0 && size >= 0 && offset + size <= region.byteLength
    if (inside && Number.isInteger(offset) && Number.isInteger(size)) {
      return region._bytes(offset, size)
    }
  }
  checkPointer(ptr, `${by}.view`)
  checkSize(size, `${by}.view`)
  region._assertLive()
  throw new OffheapError(
    'INVALID_POINTER',
    `Expected a span inside the memory of ${by} for view, but ${size} bytes at 0x${ptr.toString(16)} are not: it has ` +
      `${region.byteLength} bytes at 0x${region.address.toString(16)}`,
  )
}

/** A region of one block, whose bytes its allocator shows when they are first asked for. */
function blockRegion(owner: Allocator, ptr: Pointer, size: number): Region {
  return new Region(new BlockSource(owner, ptr, size), ptr, size, null)
}

class BlockSource implements RegionSource {
  readonly kind = 'block'

  get addressable(): boolean {
    return this.owner._isAddressable(this.ptr)
  }

  constructor(
    private readonly owner: Allocator,
    private readonly ptr: Pointer,
    private readonly size: number,
  ) {}

  show(): Shown | null {
    return this.owner.view(this.ptr, this.size)
  }

  release(): void {}
}

/** The errors for raw pointers that are no live block; shared so that all allocators say the same. */
export function invalidPointer(
  by: string,
  operation: string,
  ptr: Pointer,
  why: string,
): OffheapError {
  return new OffheapError(
    'INVALID_POINTER',
    `Expected a block of ${by} for ${operation}, but 0x${ptr.toString(16)} ${why}`,
  )
}

export function doubleFree(by: string, ptr: Pointer): DoubleFreeError {
  return new DoubleFreeError(`The block of ${by} at 0x${ptr.toString(16)} has been freed already`)
}
