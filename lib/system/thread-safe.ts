/**
 * ThreadSafeAllocator: one heap for many threads: a strategy behind a lock.
 *
 * It takes over what an allocator has in a region: the state goes into memory of the addon's, which
 * no JavaScript sees, and every operation from then on is one call into C that takes the lock,
 * works and gives it back. So a worker that is terminated cannot leave half of an operation behind,
 * and the token that brings the heap to another thread has nothing in it that could be forged: the
 * heap's number in this process, and the SharedArrayBuffer that the blocks are in.
 *
 * Costs: 30 to 60 ns an operation, as it crosses into native code and locks; the strategies in
 * TypeScript need a tenth of that. Give each thread a heap of its own where blocks do not change
 * hands, and ConcurrentBumpAllocator where nothing is freed singly.
 */
import { Allocation } from '../core/allocation.js'
import {
  Allocator,
  alignOf,
  doubleFree,
  invalidPointer,
  sizeOf,
  viewIn,
} from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { isSharedBuffer } from '../core/brand.js'
import { OffheapError, OutOfMemoryError } from '../core/errors.js'
import { checkLayout, checkSize, DEFAULT_ALIGN, type Layout } from '../core/layout.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed, type Region, type RegionUser } from '../core/region.js'
import { assertReleased, type CHeap } from '../core/valloc.js'
import { Box, loadAddon, type SharedHeaps, Status } from '../native/binding.js'
import { isUsualLayout } from './native-allocator.js'
import { Hold, type HeapToken, holdOf, takeOver } from './shared-hold.js'

/**
 * A heap that several threads use, each through an instance of its own. Handles belong to the
 * thread that made them; blocks to nobody: any thread, and C through `valloc`, may free them by
 * address.
 *
 * Alignment and capacity: the inner strategy's. Out of memory: `alloc` throws OutOfMemoryError,
 * `rawAlloc` returns 0. Blocks of a thread that has ended stay live, as those of malloc do.
 */
export class ThreadSafeAllocator extends Allocator implements RegionUser {
  private readonly _region: Region
  private readonly _base: number
  private readonly _hold: Hold
  private readonly _calls: SharedHeaps
  private readonly _box: Float64Array
  /** Where the heap is; 0 once it is let go of. */
  private _self: number

  /**
   * @param inner A SlabAllocator, FreeListAllocator, PoolAllocator (of which C hands out whole
   *   blocks) or BumpAllocator. It ends: its live blocks stay in the heap, its handles go stale.
   *   Its region is freed with this allocator if it was to be freed with the inner one. Over
   *   `Region.shared` (or a region of a SharedArrayBuffer) the heap can be shared with workers;
   *   over any other with C's threads only.
   *
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT, ERR_OFFHEAP_DISPOSED, ERR_OFFHEAP_PINNED while C holds the
   * inner valloc, ERR_OFFHEAP_UNSUPPORTED for other allocators, OutOfMemoryError.
   */
  constructor(inner: Allocator) {
    const hold = inner instanceof Hold ? inner : takeOver(inner)
    super(hold.region)
    const { native, box } = loadAddon()
    this._hold = hold
    this._region = hold.region
    this._base = hold.region.address
    this._calls = native.shared
    this._box = box
    this._self = hold.self
    this._region._claim(this)
    servesHeap(this, { key: `ThreadSafeAllocator ${hold.number}`, goes: true })
  }

  /**
   * The heap of a token that another thread made by {@link share}: allocate there, free here.
   * Whoever has the token can attach for as long as any thread holds the heap.
   *
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no token, or one of another process;
   * ERR_OFFHEAP_DISPOSED when no thread holds the heap any more.
   */
  static attach(token: HeapToken): ThreadSafeAllocator {
    return new ThreadSafeAllocator(holdOf(token) as unknown as Allocator)
  }

  override get name(): string {
    return 'ThreadSafeAllocator'
  }

  /** The memory that the blocks are in. */
  get region(): Region {
    return this._region
  }

  /**
   * The heap for another thread: a plain object, for postMessage or workerData. It does not keep
   * the heap: some thread must hold it until the other one has attached. Throws
   * ERR_OFFHEAP_UNSUPPORTED when the blocks are in no SharedArrayBuffer, ERR_OFFHEAP_DISPOSED.
   */
  share(): HeapToken {
    this._assertUsable()
    const { buffer } = this._region
    if (!isSharedBuffer(buffer)) {
      throw new OffheapError(
        'UNSUPPORTED',
        `${this.name} is over a region (${this._region.kind}) that other threads of JavaScript cannot see: ` +
          `make the inner allocator over Region.shared(size)`,
      )
    }
    const { process } = this._calls
    return { offheap: 'heap', process, heap: this._hold.number, memory: buffer }
  }

  /**
   * True when a thread of C ended in the midst of an operation: nobody knows what the heap's state
   * is, so all operations throw ERR_OFFHEAP_POISONED. The blocks can still be read.
   */
  get poisoned(): boolean {
    this._box[Box.PTR] = 0
    return this._ask() === Status.POISONED
  }

  /**
   * About 30 ns, more while others have the lock. 0: out of memory. Throws ERR_OFFHEAP_POISONED.
   */
  override rawAlloc(size: number, align: number): Pointer {
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'ThreadSafeAllocator.alloc')
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    this._calls.alloc()
    const ptr = box[Box.RESULT]!
    return ptr === 0 ? this._none() : ptr
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const a = this.tryAlloc(layout, align)
    if (a === null) throw new OutOfMemoryError(this.name, sizeOf(layout), alignOf(layout, align))
    return a
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const ptr = this.rawAlloc(size, aligned)
    if (ptr === 0) return null
    return new Allocation(this, this._region, (ptr - this._base) | 0, size, aligned)
  }

  /**
   * A handle on a block that another thread, or C, allocated with this size and alignment: from
   * then on it is for this handle to free. Throws ERR_OFFHEAP_INVALID_POINTER and DoubleFreeError
   * where no such block lives.
   */
  adopt(ptr: Pointer, size: number, align: number = DEFAULT_ALIGN): Allocation {
    this._resize(ptr, size, align, size, 'adopt')
    return new Allocation(this, this._region, (ptr - this._base) | 0, size, align)
  }

  /**
   * Of a block that any thread allocated. Throws ERR_OFFHEAP_INVALID_POINTER, DoubleFreeError,
   * ERR_OFFHEAP_POISONED, as far as the strategy knows its blocks: a bump does not.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (!Number.isSafeInteger(ptr) || ptr < 0) checkPointer(ptr, 'ThreadSafeAllocator.free')
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'ThreadSafeAllocator.free')
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (this._calls.free() === undefined) return
    throw this._refused(box[Box.STATUS]!, 'free', ptr, size, align)
  }

  /** As the strategy does. Throws as rawFree. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    return this._resize(ptr, size, align, newSize, 'resize')
  }

  /** As rawResize: what has to move is for the caller to copy. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this._resize(ptr, size, align, newSize, 'remap') ? ptr : 0
  }

  /**
   * Bytes that the live block at `ptr` has, at least what was asked for. Throws as rawFree; always
   * over a bump, which keeps no sizes.
   */
  usableSize(ptr: Pointer): number {
    this._box[Box.PTR] = checkPointer(ptr, 'ThreadSafeAllocator.usableSize')
    const status = this._ask()
    if (status !== Status.OK) throw this._refused(status, 'usableSize', ptr, 0, 1)
    return this._box[Box.RESULT]!
  }

  override view(ptr: Pointer, size: number): Uint8Array {
    this._assertUsable()
    return viewIn(this._region, ptr, size, this.name)
  }

  /** Is this address in the heap's memory? O(1), without asking the heap. */
  override owns(ptr: Pointer): boolean {
    return this._self !== 0 && super.owns(ptr)
  }

  /** The figures of the heap, all threads together. */
  override stats(): AllocatorStats {
    const { name } = this
    if (this._self === 0) {
      return { name, capacity: 0, used: 0, peak: 0, footprint: 0, peakFootprint: 0 }
    }
    this._box[Box.SELF] = this._self
    const figures = this._calls.read()
    return {
      name,
      capacity: figures[0]!,
      used: figures[1]!,
      peak: figures[2]!,
      footprint: figures[3]!,
      peakFootprint: figures[4]!,
    }
  }

  /**
   * Lets go of this thread's hold; the last thread's ends the heap, and its blocks with it. Throws
   * ERR_OFFHEAP_PINNED.
   */
  override dispose(): void {
    assertReleased(this)
    if (this._hold.owned) this._region.dispose()
    else this._region._unclaim(this)
    this.regionGone()
    super.dispose()
  }

  /** @internal */
  override _cHeap(): CHeap {
    this._assertUsable()
    const { _self: self, _region: region } = this
    return { table: 'shared', self, state: null, region, keeper: this._hold.heap }
  }

  /** @internal */
  regionGone(): void {
    if (this._self === 0) return
    this._self = 0
    this._calls.letGo(this._hold.heap)
  }

  protected override _resized(a: Allocation, size: number): void {
    a._setSize(size)
  }

  protected override _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    a._rebind(this._region, (ptr - this._base) | 0, size, align)
  }

  /** There was no memory, or no heap to ask. */
  private _none(): 0 {
    if (this._box[Box.STATUS] === Status.POISONED) throw poisonedHeap()
    this._assertUsable()
    return 0
  }

  /** The usable size of the block whose address is in the box. */
  private _ask(): number {
    this._box[Box.SELF] = this._self
    this._calls.usableSize()
    return this._box[Box.STATUS]!
  }

  private _resize(ptr: Pointer, size: number, align: number, newSize: number, by: string): boolean {
    const where = `ThreadSafeAllocator.${by}`
    checkPointer(ptr, where)
    checkLayout(size, align, where)
    checkSize(newSize, where)
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    box[Box.NEW_SIZE] = newSize
    this._calls.resize()
    if (box[Box.STATUS] === Status.OK) return box[Box.RESULT] === 1
    throw this._refused(box[Box.STATUS]!, by, ptr, size, align)
  }

  private _assertUsable(): void {
    if (this._self === 0) throw disposed(this.name)
  }

  private _refused(
    status: number,
    operation: string,
    ptr: Pointer,
    size: number,
    align: number,
  ): Error {
    if (this._self === 0) return disposed(this.name)
    if (status === Status.POISONED) return poisonedHeap()
    if (status === Status.DOUBLE_FREE) return doubleFree(this.name, ptr)
    const why =
      status === Status.INVALID_SIZE
        ? `was not allocated with ${size} bytes aligned to ${align}`
        : 'is not the start of a live block'
    return invalidPointer(this.name, operation, ptr, why)
  }
}

function poisonedHeap(): OffheapError {
  return new OffheapError(
    'POISONED',
    'A thread ended in the midst of an operation on this heap of ThreadSafeAllocator: its state is not known',
  )
}
