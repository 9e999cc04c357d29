/**
 * What the allocators share whose work is done in C: the C heap, aligned and raw, whole pages, and
 * heaps in other libraries.
 *
 * Blocks are known to the addon by address alone, so wrong frees are refused there. A block that JS
 * looks at is shown as an ArrayBuffer of its own, made on first use; from then on only this class
 * frees it, after detaching the buffer. It keeps the buffer until then: a block that nobody frees
 * leaks, as malloc's do, and `process.memoryUsage().external` counts it.
 *
 * rawAlloc and rawFree are written out in each subclass: they are hot, and a call site here would
 * see all of them.
 */
import { Allocator, doubleFree, invalidPointer } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OffheapError, unexpected } from '../core/errors.js'
import { checkLayout, checkSize } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { Region } from '../core/region.js'
import type { CHeap } from '../core/valloc.js'
import {
  type Binding,
  Box,
  loadAddon,
  type NativeHeap,
  Status,
  tryAddon,
} from '../native/binding.js'
import { showBlock } from '../native/shown.js'

/** The addon's side of one allocator: loaded with its first operation. */
export interface NativeDoor {
  readonly heap: NativeHeap
  readonly box: Float64Array
}

/** By the address of their block; a Map is one. */
export interface ShownRegions {
  get(ptr: Pointer): Region | undefined
  set(ptr: Pointer, region: Region): unknown
  delete(ptr: Pointer): unknown
}

/**
 * The cheap half of checkLayout: true for the layouts that nearly all calls have. What it does not
 * take is checked in full.
 */
export function isUsualLayout(size: number, align: number): boolean {
  return (
    typeof size === 'number' &&
    (size | 0) === size &&
    size >= 0 &&
    typeof align === 'number' &&
    (align | 0) === align &&
    align > 0 &&
    (align & (align - 1)) === 0
  )
}

export abstract class NativeAllocator extends Allocator {
  /** Live payload bytes allocated and freed through this instance, which is this thread's. */
  protected _live = 0
  protected _most = 0
  private _opened: NativeDoor | null = null

  /** How the addon knows the heap where it shows a block. */
  protected abstract readonly _heapId: number

  /**
   * @param _shown The regions that show blocks here: shared where several allocators have one heap. Where
   *   blocks may be collected it must not hold on to them.
   */
  constructor(private readonly _shown: ShownRegions = new Map<Pointer, Region>()) {
    super()
  }

  /** The addon's side of the heap. */
  protected abstract _heapOf(native: Binding): NativeHeap

  protected get _door(): NativeDoor {
    return this._opened ?? this._open()
  }

  /** Within what the heap already gave the block. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    this._request(ptr, size, align, newSize, 'resize')
    const { heap, box } = this._door
    heap.resize()
    const status = box[Box.STATUS]!
    if (status === Status.OK) return box[Box.RESULT] === 1 && this._counted(newSize - size)
    // What is shown keeps its bytes: its buffer must not reach behind them.
    const region = this._shownOr(status, 'resize', ptr, size, align)
    return newSize <= region.byteLength && this._counted(newSize - size)
  }

  /** Moves as realloc does; 0 when memory is out, or when JS looks at the block (it must copy). */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    this._request(ptr, size, align, newSize, 'remap')
    const { heap, box } = this._door
    heap.remap()
    const status = box[Box.STATUS]!
    if (status === Status.OK) {
      const moved = box[Box.RESULT]!
      if (moved !== 0) this._counted(newSize - size)
      return moved
    }
    this._shownOr(status, 'remap', ptr, size, align)
    return 0
  }

  /**
   * The `size` bytes at `ptr`, which must be the start of a live block with that many. The first view
   * of a block costs about 1 microsecond, later ones a map lookup. Throws ERR_OFFHEAP_INVALID_POINTER.
   */
  override view(ptr: Pointer, size: number): Uint8Array {
    checkPointer(ptr, `${this.name}.view`)
    checkSize(size, `${this.name}.view`)
    const region = this._shownAt(ptr) ?? this._show(ptr)
    if (size > region.byteLength) {
      throw invalidPointer(this.name, 'view', ptr, `has ${region.byteLength} bytes, not ${size}`)
    }
    return region._bytes(0, size)
  }

  /** Is this the start of a live block of this heap, allocated by any thread? O(1). Never throws. */
  override owns(ptr: Pointer): boolean {
    if (!Number.isSafeInteger(ptr) || ptr <= 0 || tryAddon() === null) return false
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    heap.owns()
    return box[Box.RESULT] === 1
  }

  /** @internal Shows the block, which then is freed by dispose of its region alone, and pins that. */
  override _anchor(ptr: Pointer, size: number): Disposable | null {
    if (!this.owns(ptr)) return null
    const region = this._shownAt(ptr) ?? this._show(ptr)
    return size <= region.byteLength ? region.pin() : null
  }

  /**
   * What went through this instance: each worker has its own. The heap's own overhead is not known
   * here; footprint counts blocks as they were asked for.
   */
  override stats(): AllocatorStats {
    const { name } = this
    const used = Math.max(0, this._live)
    const peak = Math.max(used, this._most)
    return { name, capacity: Infinity, used, peak, footprint: used, peakFootprint: peak }
  }

  /** Does nothing: the heap is the process's. */
  override dispose(): void {}

  /** @internal */
  abstract override _cHeap(): CHeap

  /** The slow half of rawFree: the addon did not free the block, and said why. */
  protected _freeRefused(status: number, ptr: Pointer, size: number, align: number): void {
    this._shownOr(status, 'free', ptr, size, align).dispose()
    this._counted(-size)
  }

  /** The region of a block that the addon refused because this thread shows it; throws for all else. */
  private _shownOr(
    status: number,
    operation: string,
    ptr: Pointer,
    size: number,
    align: number,
  ): Region {
    const region = status === Status.SHOWN ? this._shownAt(ptr) : undefined
    if (region === undefined) throw this._refused(status, operation, ptr, size, align)
    if (size <= region.byteLength) return region
    throw this._refused(Status.INVALID_SIZE, operation, ptr, size, align)
  }

  protected _usable(ptr: Pointer): number {
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    heap.usableSize()
    return box[Box.RESULT]!
  }

  protected _counted(bytes: number): true {
    if (this._live > this._most) this._most = this._live
    this._live += bytes
    return true
  }

  protected _open(): NativeDoor {
    const { native, box } = loadAddon()
    return (this._opened = { heap: this._heapOf(native), box })
  }

  /** Checks the arguments of a raw operation and writes them into the box. */
  private _request(
    ptr: Pointer,
    size: number,
    align: number,
    newSize: number,
    operation: string,
  ): void {
    checkPointer(ptr, `${this.name}.${operation}`)
    checkLayout(size, align, `${this.name}.${operation}`)
    checkSize(newSize, `${this.name}.${operation}`)
    const { box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    box[Box.NEW_SIZE] = newSize
  }

  /** The region that shows a block here; one whose memory got another owner is forgotten. */
  private _shownAt(ptr: Pointer): Region | undefined {
    const region = this._shown.get(ptr)
    if (region === undefined || !region._isGone()) return region
    this._shown.delete(ptr)
    return undefined
  }

  private _show(ptr: Pointer): Region {
    if (!this.owns(ptr)) {
      throw invalidPointer(this.name, 'view', ptr, 'is not the start of a live block')
    }
    const shown = showBlock(this._heapId, ptr, 0, {
      kind: 'block',
      owned: false,
      onRelease: () => this._shown.delete(ptr),
    })
    if (shown === null) {
      throw new OffheapError(
        'UNSUPPORTED',
        `${this.name} cannot show the block at 0x${ptr.toString(16)}: this runtime makes no external ` +
          `buffers of its size. Allocate from a Region instead`,
      )
    }
    const { buffer, source } = shown
    const region = new Region(source, ptr, buffer.byteLength, { buffer, byteOffset: 0 })
    this._shown.set(ptr, region)
    return region
  }

  private _refused(
    status: number,
    operation: string,
    ptr: Pointer,
    size: number,
    align: number,
  ): Error {
    switch (status) {
      case Status.DOUBLE_FREE:
        return doubleFree(this.name, ptr)
      case Status.INVALID_SIZE:
        return invalidPointer(
          this.name,
          operation,
          ptr,
          `has ${this._usable(ptr)} bytes, not ${size}`,
        )
      case Status.INVALID_ALIGN:
        return invalidPointer(
          this.name,
          operation,
          ptr,
          `was not allocated with alignment ${align}`,
        )
      case Status.SHOWN:
        return new OffheapError(
          'PINNED',
          `The block of ${this.name} at 0x${ptr.toString(16)} is shown by a region or by another thread: free it there`,
        )
      case Status.INVALID_POINTER:
        return invalidPointer(this.name, operation, ptr, 'is not the start of a live block')
      default:
        return unexpected('INVALID_ARGUMENT', 'a known status', `${this.name}.${operation}`, status)
    }
  }
}
