/**
 * cAllocator: malloc, aligned, over all alignments. The global allocator.
 *
 * An allocation is one crossing into native code, malloc, and one byte written in a table of live
 * blocks (native/core/live_map.h); a free is the same with one atomic exchange. The table is what
 * makes a wrong free an error here and not the end of the process.
 */
import { provideBytes } from '../core/memory.js'
import { checkLayout } from '../core/layout.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import type { CHeap } from '../core/valloc.js'
import { type Binding, Box, Heap, loadAddon, type NativeHeap } from '../native/binding.js'
import { isUsualLayout, NativeAllocator } from './native-allocator.js'

/** What the C library says of its heap, of the whole process. Bytes. */
export interface HeapInfo {
  /** In blocks that are handed out, to this library and everybody else, `mmapped` included. */
  inUse: number
  /** Kept by the C library for later: not leaked, but not the system's either. `trim` gives it back. */
  free: number
  /** The part of `inUse` in mappings of its own, which goes back to the system when freed. */
  mmapped: number
  /** What the heap got from the system, without `mmapped`. */
  arena: number
  /**
   * Blocks that `free` is in: pages of theirs that are whole can be given back. 0: the C library does not
   * count them.
   */
  freeBlocks: number
}

/**
 * The C heap. Addresses may be freed by any thread; handles belong to the thread that made them, and
 * a block that JS has looked at can be freed only there.
 */
export class CAllocator extends NativeAllocator {
  protected readonly _heapId = Heap.LIBC

  constructor() {
    super()
    servesHeap(this, { key: 'cAllocator', goes: false })
  }

  protected override _heapOf(native: Binding): NativeHeap {
    return native.libc
  }

  /** @internal */
  override _cHeap(): CHeap {
    return { table: 'libc', state: null, region: null }
  }

  override get name(): string {
    return 'cAllocator'
  }

  /** malloc, or posix_memalign above 16. 0 when the heap has no memory. About 25 ns. */
  override rawAlloc(size: number, align: number): Pointer {
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'cAllocator.alloc')
    const { heap, box } = this._door
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    heap.alloc()
    const ptr = box[Box.RESULT]!
    if (ptr !== 0) this._live += size
    return ptr
  }

  /**
   * free. Throws ERR_OFFHEAP_INVALID_POINTER for what is not the start of a live block, for a size larger
   * than the block and for another alignment; DoubleFreeError for a block that was freed and whose
   * address was not handed out again. About 25 ns.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (!Number.isSafeInteger(ptr) || ptr < 0) checkPointer(ptr, 'cAllocator.free')
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'cAllocator.free')
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (heap.free() === undefined) this._counted(-size)
    else this._freeRefused(box[Box.STATUS]!, ptr, size, align)
  }

  /** Bytes that a live block really has, at least its size; 0 for any other pointer. */
  usableSize(ptr: Pointer): number {
    return this._usable(checkPointer(ptr, 'cAllocator.usableSize'))
  }

  /**
   * Gives memory that the C library retains back to the system (malloc_trim and its like on macOS and
   * Windows). True when some was; false on musl, which has no such call. Takes up to some milliseconds, of the whole process.
   */
  trim(): boolean {
    return loadAddon().native.trim()
  }

  /** The C library's own figures (mallinfo2), or null where it has none (musl, Windows). */
  info(): HeapInfo | null {
    return loadAddon().native.heapInfo()
  }
}

/** malloc as an allocator. Every thread has an instance; they all use the process's one heap. */
export const cAllocator: CAllocator = new CAllocator()

provideBytes((ptr, size) => {
  if (!cAllocator.owns(ptr) || cAllocator.usableSize(ptr) < size) return null
  return cAllocator.view(ptr, size)
})
