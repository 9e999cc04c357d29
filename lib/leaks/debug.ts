/**
 * DebugAllocator: leaks, double frees, overruns and use after free, as errors with stacks.
 *
 * After Zig's (std/heap/debug_allocator.zig): small blocks in pages of one size class, large ones alone,
 * no address handed out again while it could still be used by mistake, a stack for each allocation and
 * each free. It differs in that all it knows is kept apart from the blocks, in fences around them, and
 * in the blocks on guarded pages, sampled if wanted as in LLVM's GWP-ASan.
 *
 * Costs: microseconds an operation, nearly all of it for stacks, and the memory of fences and of what
 * is held back. With `guardEvery` nearly nothing. See docs/leaks/debug-allocator.md.
 */
import type { Allocation } from '../core/allocation.js'
import { Allocator } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OffheapError, unexpected } from '../core/errors.js'
import { checkLayout, checkSize } from '../core/layout.js'
import type { Layout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { assertReleased } from '../core/valloc.js'
import { type Block, BlockState } from './debug-block.js'
import { hex } from './debug-errors.js'
import { DebugHeap } from './debug-heap.js'
import { type DebugLeak, leaksAmong, leaksText, leakText } from './debug-leaks.js'
import { type DebugOptions, settingsOf, type Settings } from './debug-options.js'

function checkInner(inner: unknown): Allocator {
  if (inner instanceof Allocator) return inner
  throw unexpected('INVALID_ARGUMENT', 'an Allocator', 'DebugAllocator', inner)
}

/**
 * Finds misuse of what is allocated through it. `inner` stays the caller's: dispose does not reach it.
 * Belongs to one thread.
 *
 * Out of memory is what it is below, once everything that was held back has been given back. Misuse is
 * thrown where it is found, and nothing has changed then; damage is repaired first, so that it is told
 * once and the same call works when it is made again. See {@link Misuse} for what the errors carry.
 */
export class DebugAllocator extends Allocator {
  /** The allocator that the memory is from. Of guarded blocks the system is. */
  readonly inner: Allocator
  private readonly _settings: Settings
  private readonly _heap: DebugHeap
  private readonly _ofHandles = new WeakMap<Allocation, Block>()
  /** Sums stay exact below it. */
  private readonly _limit: number
  /** Do most operations go to the inner allocator as they are? */
  private readonly _passes: boolean
  /** Allocations up to the next that is guarded, itself counted. */
  private _until = Infinity
  private _requested = 0
  private _mostRequested = 0
  private _outcome: 'ok' | 'leak' | null = null

  /**
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator or no options, ERR_OFFHEAP_UNSUPPORTED
   * for `threadSafe: true`, and for guarded blocks where the system has no way.
   */
  constructor(inner: Allocator, options: DebugOptions = {}) {
    super(checkInner(inner))
    this.inner = inner
    this._settings = settingsOf(options)
    const { safety, guardEvery, memoryLimit } = this._settings
    this._limit = Math.min(memoryLimit, Number.MAX_SAFE_INTEGER)
    this._heap = new DebugHeap(this.name, inner, this._settings)
    this._passes = guardEvery > 0 || !safety
    if (guardEvery > 0) this._until = this._nextGuarded()
  }

  override get name(): string {
    return `DebugAllocator(${this.inner.name})`
  }

  /** Bytes that live, as callers asked for them: what `memoryLimit` limits. */
  get totalRequestedBytes(): number {
    return Math.max(0, this._requested)
  }

  /**
   * What was found so far, the oldest first: the first 100. What C caused through a
   * {@link Allocator.valloc} stands here too, as C cannot be thrown at.
   */
  get errors(): readonly OffheapError[] {
    return this._heap.journal.errors
  }

  /**
   * A block between fences, or on pages of its own. 0: the limit is reached or no memory is left. Throws
   * what was found since the last call that could throw: a write after free, say, of a block that went
   * back. Nothing was allocated then.
   */
  override rawAlloc(size: number, align: number): Pointer {
    if (this._passes && --this._until !== 0) return this._passOn(size, align)
    checkLayout(size, align, 'DebugAllocator.alloc')
    if (this._disposed) throw disposed(this.name)
    const { journal } = this._heap
    this._heap.settle()
    journal.throwHeld()
    if (this._passes) return this._sample(size, align)
    const ptr = this._roomFor(size) ? this._allocate(size, align) : 0
    if (journal.listens) journal.write(`alloc size=${size} align=${align} ptr=${hex(ptr)}`)
    return ptr
  }

  /** Within the slot of the block; a guarded block keeps its size. Throws as {@link rawFree} does. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    checkPointer(ptr, 'DebugAllocator.resize')
    checkLayout(size, align, 'DebugAllocator.resize')
    checkSize(newSize, 'DebugAllocator.resize')
    if (this._disposed) throw disposed(this.name)
    const known = !this._isPassedOn(ptr)
    const block = known ? this._heap.live(ptr, size, align, 'resize') : null
    if (!this._roomFor(newSize - size)) return false
    const done =
      block === null
        ? this.inner.rawResize(ptr, size, align, newSize)
        : this._heap.resize(block, newSize)
    if (done) this._counted(newSize - size)
    const { journal } = this._heap
    if (known && journal.listens) {
      const given = `ptr=${hex(ptr)} size=${size} align=${align}`
      journal.write(`resize ${given} newSize=${newSize} ok=${done}`)
    }
    return done
  }

  /** As rawResize: what would move is copied by the caller, so that its old place is held back. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    if (!this._isPassedOn(ptr)) return this.rawResize(ptr, size, align, newSize) ? ptr : 0
    checkPointer(ptr, 'DebugAllocator.remap')
    checkLayout(size, align, 'DebugAllocator.remap')
    checkSize(newSize, 'DebugAllocator.remap')
    if (this._disposed) throw disposed(this.name)
    if (!this._roomFor(newSize - size)) return 0
    const moved = this.inner.rawRemap(ptr, size, align, newSize)
    if (moved !== 0) this._counted(newSize - size)
    return moved
  }

  /**
   * Fills the block, detaches what shows it and holds it back. Throws DoubleFreeError,
   * ERR_OFFHEAP_INVALID_POINTER for what is no block, another size or another alignment,
   * ERR_OFFHEAP_CORRUPTED when a fence was overwritten, ERR_OFFHEAP_PINNED for a buffer that cannot be
   * detached. Nothing is freed then.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (this._isPassedOn(ptr)) {
      this.inner.rawFree(ptr, size, align)
      this._counted(-size)
      return
    }
    checkPointer(ptr, 'DebugAllocator.free')
    checkLayout(size, align, 'DebugAllocator.free')
    if (this._disposed) throw disposed(this.name)
    const { _heap } = this
    _heap.free(_heap.live(ptr, size, align, 'free'))
    this._counted(-size)
    if (_heap.journal.listens) {
      _heap.journal.write(`free ptr=${hex(ptr)} size=${size} align=${align}`)
    }
    _heap.settle()
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const a = super.tryAlloc(layout, align)
    if (a !== null) this._bind(a, a.ptr)
    return a
  }

  /**
   * The bytes of a live block, from its start: a buffer of its own where the memory allows that, which
   * is detached when the block is freed. Throws UseAfterFreeError, ERR_OFFHEAP_INVALID_POINTER.
   */
  override view(ptr: Pointer, size: number): Uint8Array {
    checkPointer(ptr, 'DebugAllocator.view')
    checkSize(size, 'DebugAllocator.view')
    if (this._disposed) throw disposed(this.name)
    return this._isPassedOn(ptr) ? this.inner.view(ptr, size) : this._heap.view(ptr, size)
  }

  /** Does a live block start there? Never throws. */
  override owns(ptr: Pointer): boolean {
    const block = this._heap.blocks.get(ptr)
    if (block !== undefined && block.state === BlockState.LIVE) return true
    return this._passes && this.inner.owns(ptr)
  }

  /**
   * `used` and `peak` are what callers asked for, `footprint` what was taken for it, fences and what is
   * held back included; of guarded blocks what lives.
   */
  override stats(): AllocatorStats {
    const { name, _requested } = this
    const { fenced, guarded } = this._heap
    const inner = this.inner.stats()
    const used = Math.max(0, _requested)
    const peak = Math.max(used, this._mostRequested)
    const taken = (this._passes ? inner.footprint : fenced.taken) + (guarded?.bytes ?? 0)
    const most = this._passes ? inner.peakFootprint : fenced.mostTaken
    const footprint = Math.max(used, taken)
    const capacity = guarded === null ? inner.capacity : Infinity
    return {
      name,
      capacity: Math.max(peak, Math.min(capacity, this._settings.memoryLimit)),
      used,
      peak,
      footprint,
      peakFootprint: Math.max(peak, footprint, most + (guarded?.mostBytes ?? 0)),
    }
  }

  /**
   * Looks at the fences of every live block and at every freed one that is held back. Throws the first
   * damage: ERR_OFFHEAP_CORRUPTED, UseAfterFreeError; {@link errors} has the rest. About a microsecond a
   * block, and what reading the freed ones takes. Throws ERR_OFFHEAP_DISPOSED.
   */
  check(): void {
    if (this._disposed) throw disposed(this.name)
    this._heap.look()
    this._heap.journal.throwHeld()
  }

  /**
   * The blocks that live now, grouped by the stack that allocated them, the most bytes first. With
   * `guardEvery` of those that are guarded only. The log gets a line for each group.
   */
  detectLeaks(): DebugLeak[] {
    const { blocks, journal } = this._heap
    const leaks = leaksAmong(blocks.values(), this._settings.stackTraceFrames)
    if (journal.listens) for (const leak of leaks) journal.write(leakText(leak))
    return leaks
  }

  /** Throws ERR_OFFHEAP_LEAK, with `leaks`, when {@link detectLeaks} finds any. */
  assertNoLeaks(): void {
    const leaks = this.detectLeaks()
    if (leaks.length === 0) return
    throw Object.assign(new OffheapError('LEAK', leaksText(this.name, leaks)), { leaks })
  }

  /**
   * Ends the allocator: looks at everything once more, gives all memory back, that of leaked blocks too,
   * and detaches the views of it. A second call says the same again. Throws ERR_OFFHEAP_PINNED while C
   * holds the {@link valloc}; when all is done, what {@link check} would have thrown.
   */
  deinit(): 'ok' | 'leak' {
    if (this._outcome !== null) return this._outcome
    assertReleased(this)
    this._heap.look()
    this._outcome = this.detectLeaks().length === 0 ? 'ok' : 'leak'
    this._disposed = true
    this._heap.end()
    this._heap.journal.throwHeld()
    return this._outcome
  }

  /** As {@link deinit}. Leaks are no error here: ask {@link detectLeaks} before. */
  override dispose(): void {
    this.deinit()
  }

  /**
   * Gives back what is held back, after a look at it, and pages in which nothing lives. Returns the bytes
   * that the inner allocator got. What was found is thrown by the next allocation. Nothing is given back
   * with `neverUnmap`.
   */
  trim(): number {
    return this._heap.trim()
  }

  /** @internal */
  override _isAddressable(ptr: Pointer): boolean {
    const { blocks, guarded } = this._heap
    return blocks.get(ptr)?.keeper === guarded || this.inner._isAddressable(ptr)
  }

  /** @internal While the block's buffer is pinned, nobody can free it. */
  override _anchor(ptr: Pointer, size: number): Disposable | null {
    if (this._isPassedOn(ptr)) return this.inner._anchor(ptr, size)
    const block = this._heap.blocks.get(ptr)
    if (block === undefined || block.state !== BlockState.LIVE || size > block.size) return null
    return block.keeper.show(block)?.pin() ?? null
  }

  /** @internal */
  _misused(a: Allocation, freedAgain: boolean): Error | null {
    const block = this._ofHandles.get(a)
    return block === undefined ? null : this._heap.misused(block, freedAgain)
  }

  protected override _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    super._moved(a, ptr, size, align)
    this._bind(a, ptr)
  }

  private _bind(a: Allocation, ptr: Pointer): void {
    const block = this._heap.blocks.get(ptr)
    if (block === undefined) this._ofHandles.delete(a)
    else this._ofHandles.set(a, block)
  }

  private _allocate(size: number, align: number): Pointer {
    // Taken before the inner allocator is asked, which may come back here: through a log, say.
    this._requested += size
    let block: Block | null = null
    try {
      block = this._heap.allocate(size, align)
    } finally {
      if (block === null) this._requested -= size
    }
    this._counted(0)
    return block === null ? 0 : block.ptr
  }

  /** An allocation whose turn it is to be guarded; one that cannot be is passed on. */
  private _sample(size: number, align: number): Pointer {
    this._until = this._nextGuarded()
    if (!this._roomFor(size)) return 0
    const block = this._heap.allocateGuarded(size, align)
    if (block === null) return this._passOn(size, align)
    this._counted(size)
    return block.ptr
  }

  private _passOn(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    if (!Number.isSafeInteger(size) || !this._roomFor(size)) {
      checkLayout(size, align, 'DebugAllocator.alloc')
      return 0
    }
    this._requested += size
    let ptr: Pointer = 0
    try {
      ptr = this.inner.rawAlloc(size, align)
    } finally {
      if (ptr === 0) this._requested -= size
    }
    this._counted(0)
    return ptr
  }

  /** Is this block, if it is one, the inner allocator's? */
  private _isPassedOn(ptr: Pointer): boolean {
    return this._passes && !this._heap.blocks.has(ptr)
  }

  private _roomFor(bytes: number): boolean {
    return !(bytes > this._limit - this._requested)
  }

  private _counted(bytes: number): void {
    this._requested += bytes
    if (this._requested > this._mostRequested) this._mostRequested = this._requested
  }

  /** From 1 to 2 n - 1, each as likely, and so n on average. */
  private _nextGuarded(): number {
    return 1 + Math.floor(Math.random() * (2 * this._settings.guardEvery - 1))
  }
}
