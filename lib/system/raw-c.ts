/**
 * rawCAllocator: malloc as it is. It saves cAllocator's choice between malloc and posix_memalign and
 * grants no alignment above that of max_align_t.
 */
import { checkLayout, DEFAULT_ALIGN } from '../core/layout.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import type { CHeap } from '../core/valloc.js'
import { type Binding, Box, Heap, type NativeHeap } from '../native/binding.js'
import { NativeAllocator } from './native-allocator.js'

/** As cAllocator, in everything else. */
export class RawCAllocator extends NativeAllocator {
  protected readonly _heapId = Heap.LIBC

  constructor() {
    super()
    servesHeap(this, { key: 'rawCAllocator', goes: false })
  }

  protected override _heapOf(native: Binding): NativeHeap {
    return native.rawLibc
  }

  /** @internal */
  override _cHeap(): CHeap {
    return { table: 'rawLibc', state: null, region: null }
  }

  override get name(): string {
    return 'rawCAllocator'
  }

  /** malloc(size). 0 when the heap has no memory, and for an alignment above 16. */
  override rawAlloc(size: number, align: number): Pointer {
    checkLayout(size, align, 'rawCAllocator.alloc')
    if (align > DEFAULT_ALIGN) return 0
    const { heap, box } = this._door
    box[Box.SIZE] = size
    heap.alloc()
    const ptr = box[Box.RESULT]!
    if (ptr !== 0) this._live += size
    return ptr
  }

  /** free(ptr), refused as by cAllocator. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    checkPointer(ptr, 'rawCAllocator.free')
    checkLayout(size, align, 'rawCAllocator.free')
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (heap.free() === undefined) this._counted(-size)
    else this._freeRefused(box[Box.STATUS]!, ptr, size, align)
  }
}

/** malloc, unaligned. Every thread has an instance; they all use the process's one heap. */
export const rawCAllocator: RawCAllocator = new RawCAllocator()
