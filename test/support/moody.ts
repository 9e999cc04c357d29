/** A parent that is out of memory, or does not resize, whenever it was told to. */
import type { Allocator } from '../../lib/index.js'
import { PassingAllocator } from './passing.js'

export class MoodyAllocator extends PassingAllocator {
  /** Asked before each call that may say no. */
  allows: (what: 'alloc' | 'resize', size: number) => boolean

  constructor(inner: Allocator, allows: (what: 'alloc' | 'resize', size: number) => boolean) {
    super(inner)
    this.allows = allows
  }

  override rawAlloc(size: number, align: number): number {
    return this.allows('alloc', size) ? super.rawAlloc(size, align) : 0
  }

  override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
    return this.allows('resize', newSize) && super.rawResize(ptr, size, align, newSize)
  }
}
