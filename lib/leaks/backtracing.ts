/**
 * BacktracingAllocator: who allocated what is still alive.
 *
 * Passes everything on, and gives the same addresses and the same answers as the allocator that it is over
 * (the contract of Firedancer's backtracing allocator). What is allocated is written into a ledger with its
 * call stack, all of it or a sample. A failed allocation is none; of a block that the ledger does not know
 * a free is counted. A block that is resized or moved stays what it was: of the line that allocated it.
 *
 * Handles are those of the allocator below, so that its reset ends them too. That a reset freed blocks it
 * cannot know: reset through this one.
 *
 * Costs: switched off, a subtraction an allocation and a look into a table of 64 KiB a free; sampled, the same
 * but for the samples; exact, the stack: some microseconds. The ledger takes 60 bytes a live block outside of
 * the JavaScript heap.
 */
import { Allocation } from '../core/allocation.js'
import { Allocator, type AllocatorStats } from '../core/allocator.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import type { Layout } from '../core/layout.js'
import type { Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import type { CHeap } from '../core/valloc.js'
import { scoped, wrapped } from './calls.js'
import type { AnyFunction } from './capture.js'
import type { ListedBlock } from './ledger/ledger.js'
import type { Frame, LeakProfile } from './profile.js'
import {
  type HotMethods,
  outOfMemory,
  sampled,
  unlisted,
  untraced,
  type Watcher,
} from './light-methods.js'
import type { TraceMode } from './sampler.js'
import { captureStack, readStack } from './stacks.js'
import { Trace, type TraceFigures, type TraceOptions } from './trace.js'
import { tracedHeap } from './traced-door.js'

/** A live block, and where it was allocated. */
export interface TracedBlock extends Omit<ListedBlock, 'site'> {
  stack: Frame[]
}

/** What an allocator with a reset has. */
interface Resettable {
  reset(...args: unknown[]): void
}

/**
 * Traces what goes through it. The inner allocator stays the caller's: dispose does not reach it. Belongs to
 * the thread of the inner one; what C allocates through its `valloc` is written down from any thread that
 * the inner one serves.
 */
export class BacktracingAllocator extends Allocator implements Watcher {
  /** The allocator that serves this one. */
  readonly inner: Allocator
  private readonly _trace: Trace
  private readonly _heap: number
  /** The method that calls `alloc`, if it is one of this class. */
  private _called: AnyFunction | null = null

  /**
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT, ERR_OFFHEAP_LIBRARY_NOT_FOUND without the addon,
   * ERR_OFFHEAP_OUT_OF_MEMORY without memory for a ledger.
   */
  constructor(inner: Allocator, options: TraceOptions = {}) {
    if (!(inner instanceof Allocator)) {
      throw unexpected('INVALID_ARGUMENT', 'an Allocator', 'BacktracingAllocator', inner)
    }
    if (typeof options !== 'object' || options === null) {
      const where = 'the options of BacktracingAllocator'
      throw unexpected('INVALID_ARGUMENT', 'an object', where, options)
    }
    super(inner)
    this.inner = inner
    this._trace = new Trace(options, 'BacktracingAllocator')
    this._heap = this._trace.ledger.addHeap(inner.name)
    this._bind()
  }

  override get name(): string {
    return `BacktracingAllocator(${this.inner.name})`
  }

  // ---- Switching ----------------------------------------------------------------------------------

  /** What is written down from now on. What is in the ledger stays there until it is freed. */
  get mode(): TraceMode {
    return this._trace.sampler.mode
  }

  set mode(mode: TraceMode) {
    this._set(mode, this._trace.sampleBytes)
  }

  /** Bytes between two samples on average. */
  get sampleBytes(): number {
    return this._trace.sampleBytes
  }

  set sampleBytes(bytes: number) {
    this._set(this.mode, bytes)
  }

  private _set(mode: TraceMode, sampleBytes: number): void {
    this._trace.set(mode, sampleBytes, 'BacktracingAllocator')
    this._bind()
  }

  /** The hot methods are this object's own, after its mode; always there, so that all have one shape. */
  private _bind(): void {
    const methods = this._methods()
    for (const name of ['rawAlloc', 'alloc', 'tryAlloc', 'rawFree'] as const) {
      const value = methods[name]
      Object.defineProperty(this, name, { value, writable: true, configurable: true })
    }
  }

  private _methods(): HotMethods {
    const { inner, mode } = this
    const { ledger, sampler } = this._trace
    if (this._disposed || mode === 'exact') return BacktracingAllocator.prototype
    if (mode === 'sampled') return sampled(inner, this, sampler.words, ledger.cells)
    const methods = untraced(inner, this)
    if (ledger.totals().records > 0) methods.rawFree = unlisted(inner, this, ledger.cells)
    return methods
  }

  // ---- Allocating ---------------------------------------------------------------------------------
  // With everything written down; else the methods of light-methods.ts take their place.

  override rawAlloc(size: number, align: number): Pointer {
    return this.rawAllocWatched(size, align)
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    if (this._disposed) throw disposed(this.name)
    const a = this.inner.tryAlloc(layout, align)
    if (a === null) return outOfMemory(this.name, layout, align)
    this.watchHandle(a, BacktracingAllocator.prototype.alloc)
    return a
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    if (this._disposed) throw disposed(this.name)
    const a = this.inner.tryAlloc(layout, align)
    if (a !== null) this.watchHandle(a, BacktracingAllocator.prototype.tryAlloc)
    return a
  }

  /** @internal Allocates, and writes it down if it is to be. */
  rawAllocWatched(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    const ptr = this.inner.rawAlloc(size, align)
    if (ptr !== 0 && this._trace.sampler.takes(size)) {
      const stack = captureStack(this.rawAlloc, this._trace.frames)
      this._trace.record(this._heap, ptr, size, align, stack)
    }
    return ptr
  }

  override allocZeroed(layout: Layout | number, align?: number): Allocation {
    return this._from(BacktracingAllocator.prototype.allocZeroed, () =>
      super.allocZeroed(layout, align),
    )
  }

  override dupe(bytes: Uint8Array | string): Allocation {
    return this._from(BacktracingAllocator.prototype.dupe, () => super.dupe(bytes))
  }

  override dupeZ(text: string): Allocation {
    return this._from(BacktracingAllocator.prototype.dupeZ, () => super.dupeZ(text))
  }

  /** What allocates by way of `alloc`: stacks begin where it was called, however few their frames. */
  private _from(method: AnyFunction, allocate: () => Allocation): Allocation {
    const before = this._called
    this._called = method
    try {
      return allocate()
    } finally {
      this._called = before
    }
  }

  /** @internal Writes a handle down if it is to be; else it stays the inner allocator's. */
  watchHandle(a: Allocation, skip: AnyFunction): void {
    if (!this._trace.sampler.takes(a._size)) return
    const stack = captureStack(this._called ?? skip, this._trace.frames)
    if (this._trace.recordHandle(this._heap, a, stack)) a._owner = this
  }

  // ---- Freeing and moving -------------------------------------------------------------------------
  // The record is taken off its address first: once the block is free, another thread may be given it.

  override rawFree(ptr: Pointer, size: number, align: number): void {
    this.rawFreeWatched(ptr, size, align)
  }

  /** @internal */
  rawFreeWatched(ptr: Pointer, size: number, align: number): void {
    const record = this._trace.lift(this._heap, ptr)
    try {
      this.inner.rawFree(ptr, size, align)
    } catch (error) {
      this._trace.keep(record, ptr)
      throw error
    }
    this._trace.strike(record)
  }

  override free(a: Allocation): void {
    if (a instanceof Allocation && a._owner === this.inner) {
      this.inner.free(a)
      return
    }
    this._assertOwn(a, 'free')
    a._assertFreeable()
    this._freeWatched(a)
  }

  /** Of a handle that was written down, so that it is this allocator's. */
  private _freeWatched(a: Allocation): void {
    const { ptr } = a
    const record = this._trace.lift(this._heap, ptr)
    a._owner = this.inner
    try {
      this.inner.free(a)
    } catch (error) {
      this._trace.keep(record, ptr)
      throw error
    } finally {
      a._owner = this
    }
    this._trace.strike(record)
  }

  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const done = this.inner.rawResize(ptr, size, align, newSize)
    const record = done ? this._trace.lift(this._heap, ptr) : 0
    this._trace.move(record, ptr, newSize)
    return done
  }

  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const record = this._trace.lift(this._heap, ptr)
    let moved: Pointer = 0
    try {
      moved = this.inner.rawRemap(ptr, size, align, newSize)
    } finally {
      if (moved === 0) this._trace.keep(record, ptr)
      else this._trace.move(record, moved, newSize)
    }
    return moved
  }

  override realloc(a: Allocation, layout: Layout | number): Allocation {
    if (a instanceof Allocation && a._owner === this.inner) return this.inner.realloc(a, layout)
    this._assertOwn(a, 'realloc')
    try {
      this._move(a, () => this.inner.realloc(a, layout))
    } catch (error) {
      // Said in this allocator's name, which has the inner one's in it.
      if (!(error instanceof OutOfMemoryError)) throw error
      throw new OutOfMemoryError(this.name, error.size, error.align)
    }
    return a
  }

  /** @internal */
  override _resizeHandle(a: Allocation, newSize: number): boolean {
    return this._move(a, () => this.inner._resizeHandle(a, newSize))
  }

  /** What may give a handle another place or size, with its record taken along. */
  private _move<T>(a: Allocation, change: () => T): T {
    const { ptr } = a
    const record = this._trace.lift(this._heap, ptr)
    a._owner = this.inner
    try {
      return change()
    } finally {
      a._owner = this
      this._trace.move(record, a.freed ? ptr : a.ptr, a._size)
    }
  }

  // ---- The rest of an allocator -------------------------------------------------------------------

  override view(ptr: Pointer, size: number): Uint8Array {
    return this.inner.view(ptr, size)
  }

  override owns(ptr: Pointer): boolean {
    return this.inner.owns(ptr)
  }

  /** As the inner allocator's. */
  override stats(): AllocatorStats {
    return { ...this.inner.stats(), name: this.name }
  }

  /**
   * Resets the inner allocator, with these arguments, and counts its blocks as freed. Throws
   * ERR_OFFHEAP_UNSUPPORTED where that has no `reset`, and what that throws.
   */
  reset(...args: unknown[]): void {
    const inner = this.inner as Partial<Resettable> & Allocator
    if (typeof inner.reset !== 'function') {
      throw new OffheapError('UNSUPPORTED', `${inner.name} has no reset`)
    }
    inner.reset(...args)
    this._trace.ledger.drop(this._heap)
  }

  /** Ends this allocator, not the inner one; the profile stays what it was. */
  override dispose(): void {
    super.dispose()
    this._bind()
  }

  /** @internal */
  override _isAddressable(ptr: Pointer): boolean {
    return this.inner._isAddressable(ptr)
  }

  /** @internal C's calls go to the C of the inner allocator, and are written down on the way. */
  override _cHeap(): CHeap {
    const inner = this.inner._ownValloc()
    return tracedHeap(this._trace, this._heap, inner, this)
  }

  // ---- What it found ------------------------------------------------------------------------------

  /**
   * Runs a function with a label: what it allocates, after awaits too, is a site of its own in the profile.
   * Scopes nest, and are the same for all tracers.
   */
  scope<T>(name: string, run: () => T): T {
    return scoped(name, run, this.name)
  }

  /**
   * The same function for calls into C: what C allocates in it through a traced `valloc` has the stack of
   * JavaScript that called below its own.
   */
  wrap<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
    return wrapped(call, this._trace.frames, this.name)
  }

  /** Notes how much lives at each site now: what {@link profile} tells growth by. O(sites). */
  snapshot(): void {
    this._trace.snapshot()
  }

  /**
   * What was allocated and what lives, by site, largest first. Lines are those of the sources, where there
   * are source maps. Reads files for that; tens of microseconds a site.
   */
  profile(): LeakProfile {
    return this._trace.profile()
  }

  /** Sums by allocator, and no stacks: microseconds, for gauges that are asked often. O(sites). */
  figures(): TraceFigures {
    return this._trace.figures()
  }

  /** The live blocks that are in the ledger, in no order, at most `limit`. O(blocks). */
  blocks(limit = Infinity): TracedBlock[] {
    const sites = this._trace.ledger.sites()
    const blocks: TracedBlock[] = []
    for (const { site, ...block } of this._trace.ledger.blocks()) {
      if (blocks.length >= limit) break
      blocks.push({ ...block, stack: readStack(sites[site]!.stack).frames })
    }
    return blocks
  }
}
