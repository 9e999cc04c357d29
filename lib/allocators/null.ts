/**
 * nullAllocator: never has memory. A default for "no allocator given", and the allocator to test
 * with what happens when memory is out.
 */
import { Allocator, invalidPointer } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { checkLayout, checkSize } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import type { CHeap } from '../core/valloc.js'

/** Every allocation fails, so no pointer can be freed. Safe from any thread. O(1). */
export class NullAllocator extends Allocator {
  override get name(): string {
    return 'nullAllocator'
  }

  /** 0, always: alloc throws OutOfMemoryError. */
  override rawAlloc(size: number, align: number): Pointer {
    checkLayout(size, align, 'nullAllocator.alloc')
    return 0
  }

  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    checkSize(newSize, 'nullAllocator.resize')
    throw this._noBlock(ptr, size, align, 'resize')
  }

  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    checkSize(newSize, 'nullAllocator.remap')
    throw this._noBlock(ptr, size, align, 'remap')
  }

  override rawFree(ptr: Pointer, size: number, align: number): void {
    throw this._noBlock(ptr, size, align, 'free')
  }

  /** Is this the allocator that never has memory? False for everything else. */
  isNull(allocator: unknown): boolean {
    return allocator instanceof NullAllocator
  }

  override view(ptr: Pointer, size: number): Uint8Array {
    throw this._noBlock(ptr, size, 1, 'view')
  }

  override stats(): AllocatorStats {
    return { name: this.name, capacity: 0, used: 0, peak: 0, footprint: 0, peakFootprint: 0 }
  }

  /** @internal */
  override _cHeap(): CHeap {
    return { table: 'null', state: null, region: null }
  }

  /** Does nothing. */
  override dispose(): void {}

  private _noBlock(ptr: Pointer, size: number, align: number, operation: string): Error {
    checkPointer(ptr, `nullAllocator.${operation}`)
    checkLayout(size, align, `nullAllocator.${operation}`)
    return invalidPointer(this.name, operation, ptr, 'is not: it never hands one out')
  }
}

/** The allocator without memory. */
export const nullAllocator: NullAllocator = new NullAllocator()
