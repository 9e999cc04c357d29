/**
 * GcAllocator: Boehm's collector, from the system's libgc. A block lives as long as something holds
 * it or memory that the collector reads has its address; what nothing reaches is reclaimed.
 *
 * What holds a block: its handle, until V8 collects that; each ArrayBuffer that shows it (a view
 * that outlives the handle is enough); `hold(ptr)`; and for blocks from the raw tier and from C,
 * their allocation itself: an address that is a number in JavaScript is seen by no collector, so
 * they live until they are freed or let go with `letGo(ptr)`. What memory is read: every block that
 * lives, and regions that were registered with `addRoots(region)`.
 *
 * Handles go when V8 collects them, and V8 says so with FinalizationRegistry: some time after,
 * never within one synchronous piece of code, perhaps never before the process ends. So nothing is
 * reclaimed under code that still runs, and much may wait. V8 is told how many bytes handles stand
 * for, and collects the sooner: 3,000 forgotten ones of 1 MiB were never more than 280 at a time.
 * Free what you know to be done with. What a worker held by handles is let go when it ends.
 *
 * native/core/gc_collector.c says why no thread is stopped and no stack is read.
 */
import { invalidPointer } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import type { Allocation } from '../core/allocation.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkLayout, type Layout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed, Region } from '../core/region.js'
import { assertReleased, type CHeap } from '../core/valloc.js'
import {
  type Binding,
  Box,
  Heap,
  loadAddon,
  type NativeGc,
  type NativeHeap,
} from '../native/binding.js'
import { openCollector } from './gc-library.js'
import { isUsualLayout, NativeAllocator } from './native-allocator.js'
import { WeakRegions } from './weak-regions.js'

/** A block that was reclaimed or lost: where it was and its size in bytes. */
export interface GcBlock {
  ptr: Pointer
  size: number
}

/** Options of {@link GcAllocator}. */
export interface GcOptions {
  /** The file of libgc; by default what the system finds as `libgc.so.1`. One for the process. */
  library?: string
  /**
   * Blocks hold data only: they are not searched for addresses, and are not zeroed. Default false.
   */
  pointerFree?: boolean
  /**
   * Called for each block of this allocator that a collection has reclaimed, never during one: by
   * `collect()` before it returns, and after a collection that came by itself in a microtask. What
   * it throws comes out there.
   */
  onReclaim?: (block: GcBlock) => void
  /**
   * Nothing of this allocator is reclaimed; `leaks()` tells what should have been freed. Default
   * false.
   */
  findLeaks?: boolean
}

interface Dropped {
  readonly ptr: Pointer
  readonly serial: number
}

/**
 * Handles that V8 has collected. Of the thread, as an allocator may be collected with its handles.
 */
const handles = new FinalizationRegistry<Dropped>(({ ptr, serial }) => {
  loadAddon().native.gc.drop(ptr, serial)
})
const owners = new FinalizationRegistry<number>((owner) => {
  loadAddon().native.gc.forgetOwner(owner)
})
/** Regions that the collector reads must not be collected themselves. */
const roots = new Map<number, Region>()

/**
 * Boehm's collector. All instances of all threads share one heap, behind one lock; each keeps its
 * own figures. An instance and its handles belong to the thread that made them; addresses may be
 * freed by any. Blocks are zeroed, up to 64 MiB. About 1.4 microseconds a handle; a collection
 * takes some 10 milliseconds with 100,000 blocks, during which other threads that allocate here
 * wait. Not on Windows.
 */
export class GcAllocator extends NativeAllocator {
  protected readonly _heapId = Heap.GC
  private readonly _gc: NativeGc
  private readonly _owner: number
  private readonly _onReclaim: ((block: GcBlock) => void) | undefined
  private readonly _findsLeaks: boolean
  private _reports: GcBlock[] = []
  private _reporting = false

  /**
   * Loads libgc with the first instance in the process. Throws ERR_OFFHEAP_LIBRARY_NOT_FOUND, with
   * the package to install, when it is not there; ERR_OFFHEAP_UNSUPPORTED on Windows and where
   * somebody else in the process uses it; ERR_OFFHEAP_INVALID_ARGUMENT for wrong options.
   */
  constructor(options: GcOptions = {}) {
    super(new WeakRegions())
    const { library, pointerFree = false, onReclaim, findLeaks = false } = checkOptions(options)
    this._gc = openCollector(library)
    this._onReclaim = onReclaim
    this._findsLeaks = findLeaks
    this._owner = this._gc.addOwner(pointerFree, onReclaim !== undefined, findLeaks)
    if (this._owner < 0) throw new OutOfMemoryError('GcAllocator', 0, 1)
    owners.register(this, this._owner)
  }

  protected override _heapOf(native: Binding): NativeHeap {
    return native.gc
  }

  /** @internal */
  override _cHeap(): CHeap {
    if (this._disposed) throw disposed(this.name)
    return { table: 'gc', self: this._owner, state: null, region: null }
  }

  /** @internal What nobody refers to any more is reclaimed, held or not. */
  override _anchor(): null {
    return null
  }

  /**
   * A block that lives until it is freed or let go. 0: out of memory. Throws
   * ERR_OFFHEAP_INVALID_LAYOUT, ERR_OFFHEAP_DISPOSED. About 0.1 microseconds, or a collection.
   */
  override rawAlloc(size: number, align: number): Pointer {
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'GcAllocator.alloc')
    if (this._disposed) throw disposed(this.name)
    const { box } = this._door
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    box[Box.NEW_SIZE] = this._owner
    this._gc.alloc()
    const ptr = box[Box.RESULT]!
    if (box[Box.STATUS] !== 0) this._reportSoon()
    return ptr
  }

  /** As of cAllocator. A block that was reclaimed counts as one that was freed. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    checkPointer(ptr, 'GcAllocator.free')
    if (!isUsualLayout(size, align)) checkLayout(size, align, 'GcAllocator.free')
    const { box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (this._gc.free() !== undefined) this._freeRefused(box[Box.STATUS]!, ptr, size, align)
  }

  /**
   * As of every allocator; the block lives as long as its handle, its views, or what points at it.
   */
  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const a = super.tryAlloc(layout, align)
    if (a !== null) this._adopt(a, a.ptr)
    return a
  }

  /** As of every allocator. */
  override free(a: Allocation): void {
    super.free(a)
    // What is registered takes memory until V8 says that the handle is gone: never in a loop.
    handles.unregister(a)
  }

  /** Bytes that a live block really has, at least its size; 0 for any other pointer. */
  usableSize(ptr: Pointer): number {
    return this._usable(checkPointer(ptr, 'GcAllocator.usableSize'))
  }

  /**
   * Keeps a live block of any instance from being reclaimed, until the result is disposed or the
   * block is freed or moved. Holds count. One that a worker leaves behind stays. Throws
   * ERR_OFFHEAP_INVALID_POINTER.
   */
  hold(ptr: Pointer): Disposable {
    checkPointer(ptr, 'GcAllocator.hold')
    const { box } = this._door
    box[Box.PTR] = ptr
    this._gc.hold()
    const serial = box[Box.RESULT]!
    if (serial === 0) throw notLive(this.name, 'hold', ptr)
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (held) this._gc.unhold(ptr, serial)
        held = false
      },
    }
  }

  /**
   * Lets go of a block from the raw tier: from now on it lives only as long as something points at
   * it or holds it. Of an allocator that finds leaks, blocks stay. Throws
   * ERR_OFFHEAP_INVALID_POINTER.
   */
  letGo(ptr: Pointer): void {
    checkPointer(ptr, 'GcAllocator.letGo')
    const { box } = this._door
    box[Box.PTR] = ptr
    this._gc.letGo()
    if (box[Box.RESULT] === 0) throw notLive(this.name, 'letGo', ptr)
  }

  /**
   * The collector reads this region for addresses of blocks, of all instances, until the result is
   * disposed; the region is pinned until then. At the end of a worker that is done for it. Throws
   * ERR_OFFHEAP_DISPOSED, and ERR_OFFHEAP_UNSUPPORTED for memory of V8's or of WebAssembly's, which
   * may go or move while a collection reads it: it takes regions made by malloc, pages and borrow.
   */
  addRoots(region: Region): Disposable {
    if (!(region instanceof Region)) {
      throw unexpected('INVALID_ARGUMENT', 'a Region', 'GcAllocator.addRoots', region)
    }
    const { address, byteLength } = region
    const pin = region.pin()
    const id = isNative(region) ? this._gc.addRoots(address, byteLength) : -1
    if (id <= 0) {
      pin[Symbol.dispose]()
      if (id === 0) throw new OutOfMemoryError('GcAllocator.addRoots', byteLength, 1)
      throw new OffheapError(
        'UNSUPPORTED',
        `GcAllocator.addRoots cannot read a region of kind ${region.kind}: take one of malloc, pages or borrow`,
      )
    }
    roots.set(id, region)
    let registered = true
    return {
      [Symbol.dispose]: () => {
        if (!registered) return
        registered = false
        this._gc.removeRoots(id)
        pin[Symbol.dispose]()
        roots.delete(id)
      },
    }
  }

  /**
   * Collects now: reclaims every block of every instance that nothing reaches. A few may survive by
   * accident, as other blocks hold words that look like their address. Calls `onReclaim`. Returns
   * how many blocks of this allocator were reclaimed.
   */
  collect(): number {
    return this._collect(false)
  }

  /** Collects, and gives what is free back to the system. true: the heap became smaller. */
  trim(): boolean {
    const before = this.heapSize()
    this._collect(true)
    return this.heapSize() < before
  }

  /** Bytes that the collector has from the system for blocks of all instances, used or free. */
  heapSize(): number {
    return this._gc.heapSize()
  }

  /** Blocks of this allocator that collections have reclaimed so far, and their bytes. */
  get reclaimed(): { blocks: number; bytes: number } {
    const { reclaimedBlocks: blocks, reclaimedBytes: bytes } = this._gc.stats(this._owner)
    return { blocks, bytes }
  }

  /**
   * With the option `findLeaks`: the blocks of this allocator that nobody has freed and that
   * nothing reaches: no handle, view, hold or registered region, and no block that one of those
   * reaches. An address that only JavaScript or a library's own variables know counts for nothing:
   * `hold` the blocks that C code starts from. They stay until they are freed, and are told again
   * by the next call. Collects. Throws ERR_OFFHEAP_UNSUPPORTED without the option.
   */
  leaks(): GcBlock[] {
    if (!this._findsLeaks) {
      throw new OffheapError(
        'UNSUPPORTED',
        'GcAllocator.leaks needs an allocator made with findLeaks: true',
      )
    }
    this._gc.findLeaks(this._owner)
    return this._takeRecords()
  }

  /** Figures of this instance. footprint: bytes that its blocks really have. */
  override stats(): AllocatorStats {
    const { used, peak, footprint, peakFootprint } = this._gc.stats(this._owner)
    return { name: this.name, capacity: Infinity, used, peak, footprint, peakFootprint }
  }

  /**
   * No more blocks. Those with a handle, a view or a hold live on as before; all others are let go.
   * A second call does nothing.
   */
  override dispose(): void {
    if (this._disposed) return
    assertReleased(this)
    this._disposed = true
    this._gc.endOwner(this._owner)
  }

  protected override _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    super._moved(a, ptr, size, align)
    handles.unregister(a)
    this._adopt(a, ptr)
  }

  /** The handle takes over from the allocation. */
  private _adopt(a: Allocation, ptr: Pointer): void {
    const { box } = this._door
    box[Box.PTR] = ptr
    this._gc.adopt()
    handles.register(a, { ptr, serial: box[Box.RESULT]! }, a)
  }

  private _collect(unmap: boolean): number {
    const before = this.reclaimed.blocks
    this._gc.collect(unmap)
    const { blocks } = this.reclaimed
    this._report()
    return blocks - before
  }

  private _reportSoon(): void {
    if (this._reporting || this._onReclaim === undefined) return
    this._reporting = true
    queueMicrotask(() => this._report())
  }

  /**
   * A callback may collect, and so come here again; one that throws leaves the others for next
   * time.
   */
  private _report(): void {
    this._reporting = false
    if (this._onReclaim === undefined) return
    this._reports = this._reports.concat(this._takeRecords())
    for (let block = this._reports.shift(); block !== undefined; block = this._reports.shift()) {
      this._onReclaim(block)
    }
  }

  private _takeRecords(): GcBlock[] {
    const records = this._gc.takeRecords(this._owner)
    return Array.from({ length: records.length / 2 }, (_, i) => ({
      ptr: records[2 * i]!,
      size: records[2 * i + 1]!,
    }))
  }
}

const notLive = (by: string, operation: string, ptr: Pointer): OffheapError =>
  invalidPointer(by, operation, ptr, 'is not the start of a live block')

/** Shown by the addon, which keeps memory that is pinned; all else is V8's or WebAssembly's. */
function isNative(region: Region): boolean {
  if (!region.addressable) return false
  return loadAddon().native.find(region.address, region.byteLength) !== undefined
}

/** Throws ERR_OFFHEAP_INVALID_ARGUMENT. What `library` is, the loader finds out. */
function checkOptions(options: GcOptions): GcOptions {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an options object', 'GcAllocator', options)
  }
  const { library, pointerFree, onReclaim, findLeaks } = options
  checkOption('pointerFree', 'a boolean', pointerFree, 'boolean')
  checkOption('findLeaks', 'a boolean', findLeaks, 'boolean')
  checkOption('onReclaim', 'a function', onReclaim, 'function')
  return { library, pointerFree, onReclaim, findLeaks } as GcOptions
}

function checkOption(name: string, expected: string, value: unknown, type: string): void {
  if (value === undefined || typeof value === type) return
  throw unexpected('INVALID_ARGUMENT', expected, `${name} of GcAllocator`, value)
}
