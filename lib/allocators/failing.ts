/**
 * FailingAllocator: runs out on purpose.
 *
 * Serves a number of allocations and refuses all that follow, so that a test can see what a program
 * does when memory is out at exactly that place. The names and rules are those of Zig's
 * FailingAllocator (std/testing/FailingAllocator.zig). `checkAllAllocationFailures` does it for
 * every allocation of a function in turn.
 */
import type { Allocator } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'
import { checkLayout, checkSize, isSize } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { Wrapper } from './wrapper.js'

/** When a {@link FailingAllocator} begins to fail. Infinity, the default: never. */
export interface FailingOptions {
  /** Allocations that succeed before. */
  failIndex?: number | undefined
  /** Resizes and remaps that succeed before. */
  resizeFailIndex?: number | undefined
}

/**
 * Out of memory from a certain allocation on. Belongs to one thread. Handles are this allocator's
 * own: they notice no reset of the inner one.
 */
export class FailingAllocator extends Wrapper {
  /** Allocations that succeed; all later ones fail. */
  readonly failIndex: number
  /** Resizes and remaps, taken together, that succeed; all later ones are refused. */
  readonly resizeFailIndex: number
  /** Bytes of all blocks that were allocated, and those by which blocks grew. */
  allocatedBytes = 0
  /** Bytes of all blocks that were freed, and those by which blocks shrank. */
  freedBytes = 0
  /** Blocks that were allocated. */
  allocations = 0
  /** Blocks that were freed. */
  deallocations = 0
  /** Resizes and remaps that succeeded: the index of the next one. */
  resizeIndex = 0
  /** Where the first refused allocation was made: a call stack without its first line. */
  failureStack: string | null = null

  /**
   * @param inner Stays the caller's: dispose does not reach it.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT.
   */
  constructor(inner: Allocator, options: FailingOptions = {}) {
    super(inner)
    if (typeof options !== 'object' || options === null) {
      throw unexpected('INVALID_ARGUMENT', 'an object of options', 'FailingAllocator', options)
    }
    this.failIndex = indexOf(options.failIndex, 'failIndex')
    this.resizeFailIndex = indexOf(options.resizeFailIndex, 'resizeFailIndex')
  }

  /** Index of the next allocation: how many have succeeded. Stays at failIndex. */
  get allocIndex(): number {
    return this.allocations
  }

  /** Was an allocation refused on purpose? Refused resizes do not count: callers expect them. */
  get hasInducedFailure(): boolean {
    return this.failureStack !== null
  }

  /** 0 from `failIndex` on, else as the inner allocator's. */
  override rawAlloc(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    if (this.allocations >= this.failIndex) {
      checkLayout(size, align, 'FailingAllocator.alloc')
      this.failureStack ??= stackAbove(this.rawAlloc)
      return 0
    }
    const ptr = this.inner.rawAlloc(size, align)
    if (ptr === 0) return 0
    this.allocations += 1
    this.allocatedBytes += size
    this._counted(size)
    return ptr
  }

  /** false from `resizeFailIndex` on, else as the inner allocator's. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    if (this._failsResize(ptr, size, align, newSize)) return false
    if (!this.inner.rawResize(ptr, size, align, newSize)) return false
    this._resizedBy(newSize - size)
    return true
  }

  /** 0 from `resizeFailIndex` on, else as the inner allocator's. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    if (this._failsResize(ptr, size, align, newSize)) return 0
    const moved = this.inner.rawRemap(ptr, size, align, newSize)
    if (moved !== 0) this._resizedBy(newSize - size)
    return moved
  }

  /** As the inner allocator's: a free never fails on purpose. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    this.inner.rawFree(ptr, size, align)
    this.deallocations += 1
    this.freedBytes += size
    this._counted(-size)
  }

  private _failsResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    if (this.resizeIndex < this.resizeFailIndex) return false
    checkPointer(ptr, 'FailingAllocator.resize')
    checkLayout(size, align, 'FailingAllocator.resize')
    checkSize(newSize, 'FailingAllocator.resize')
    return true
  }

  private _resizedBy(bytes: number): void {
    this.resizeIndex += 1
    if (bytes > 0) this.allocatedBytes += bytes
    else this.freedBytes -= bytes
    this._counted(bytes)
  }
}

function indexOf(value: unknown, option: string): number {
  if (value === undefined || value === Infinity) return Infinity
  if (isSize(value)) return value
  const expected = 'a number of calls (an integer from 0, or Infinity)'
  throw unexpected('INVALID_ARGUMENT', expected, `${option} of FailingAllocator`, value)
}

/** The call stack above a function as text, made at once: an Error would keep every frame alive. */
function stackAbove(called: (...args: never[]) => unknown): string {
  const holder: { stack?: unknown } = {}
  Error.captureStackTrace(holder, called)
  // Something else than text where the program has an Error.prepareStackTrace of its own.
  const { stack } = holder
  if (typeof stack !== 'string' || !stack.includes('\n')) return ''
  return stack.slice(stack.indexOf('\n') + 1)
}
