/**
 * pageAllocator: whole pages from the operating system, for few and large blocks.
 *
 * Every block is a mapping of its own: zero-filled, committed when first touched, back with the
 * system as soon as it is freed. It grows in place where the addresses behind it are free and moves
 * without copying where the kernel can (mremap). A system call or two each, some microseconds.
 */
import type { AllocatorStats } from '../core/allocator.js'
import { invalidPointer } from '../core/allocator.js'
import { checkLayout, checkSize } from '../core/layout.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import type { CHeap } from '../core/valloc.js'
import { type Binding, Box, Heap, loadAddon, type NativeHeap, Status } from '../native/binding.js'
import { NativeAllocator } from './native-allocator.js'

/** Whole pages. Safe as cAllocator is. */
export class PageAllocator extends NativeAllocator {
  protected readonly _heapId = Heap.PAGES
  private _pages = 0
  private _mostPages = 0

  constructor() {
    super()
    servesHeap(this, { key: 'pageAllocator', goes: false })
  }

  protected override _heapOf(native: Binding): NativeHeap {
    return native.pages
  }

  /** @internal */
  override _cHeap(): CHeap {
    return { table: 'pages', state: null, region: null }
  }

  override get name(): string {
    return 'pageAllocator'
  }

  /** Bytes in a page of this system. */
  get pageSize(): number {
    return loadAddon().native.pageSize
  }

  /** Zero-filled pages at a multiple of max(align, page size). 0: out of address space. */
  override rawAlloc(size: number, align: number): Pointer {
    checkLayout(size, align, 'pageAllocator.alloc')
    const { heap, box } = this._door
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    heap.alloc()
    const ptr = box[Box.RESULT]!
    if (ptr !== 0) {
      this._live += size
      this._countPages(this._usable(ptr))
    }
    return ptr
  }

  /** munmap. Throws ERR_OFFHEAP_INVALID_POINTER and DoubleFreeError as cAllocator does. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    checkPointer(ptr, 'pageAllocator.free')
    checkLayout(size, align, 'pageAllocator.free')
    const pages = this._usable(ptr)
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (heap.free() === undefined) this._counted(-size)
    else this._freeRefused(box[Box.STATUS]!, ptr, size, align)
    this._countPages(-pages)
  }

  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const pages = this._pagesAt(ptr)
    if (!super.rawResize(ptr, size, align, newSize)) return false
    this._countPages(this._usable(ptr) - pages)
    return true
  }

  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const pages = this._pagesAt(ptr)
    const moved = super.rawRemap(ptr, size, align, newSize)
    if (moved !== 0) this._countPages(this._usable(moved) - pages)
    return moved
  }

  /**
   * Gives the memory of the whole pages inside [offset, offset + size) of a live block back to the
   * system and keeps the addresses: they read as zeros from then on. Returns the bytes given back.
   * Throws ERR_OFFHEAP_INVALID_POINTER for what is no live block or no span inside it.
   */
  decommit(ptr: Pointer, offset: number, size: number): number {
    checkPointer(ptr, 'pageAllocator.decommit')
    checkSize(offset, 'pageAllocator.decommit')
    checkSize(size, 'pageAllocator.decommit')
    const { native, box } = loadAddon()
    const status = native.decommitPages(ptr, offset, size)
    if (status === Status.OK) return box[Box.RESULT]!
    throw invalidPointer(
      this.name,
      'decommit',
      ptr,
      `has no ${size} bytes at offset ${offset} to give back`,
    )
  }

  /** As of the others, with footprint in whole pages. */
  override stats(): AllocatorStats {
    const footprint = this._pages
    return { ...super.stats(), footprint, peakFootprint: Math.max(footprint, this._mostPages) }
  }

  private _countPages(bytes: number): void {
    if (this._pages > this._mostPages) this._mostPages = this._pages
    this._pages = Math.max(0, this._pages + bytes)
  }

  /** Bytes in the run at any pointer; the operation that follows says what is wrong with a wrong one. */
  private _pagesAt(ptr: Pointer): number {
    return this.owns(ptr) ? this._usable(ptr) : 0
  }
}

/** Whole pages. Every thread has an instance. */
export const pageAllocator: PageAllocator = new PageAllocator()
