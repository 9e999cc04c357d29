/** An allocator as a user writes one: the four raw operations and nothing else. */
import { Allocator, type Region } from '../../lib/index.js'

/** Passes everything on, and remembers how often. */
export class PassingAllocator extends Allocator {
  readonly calls = { alloc: 0, resize: 0, remap: 0, free: 0 }

  /** @param memory What the base class is told of where the blocks are; by default the inner one. */
  constructor(
    readonly inner: Allocator,
    memory: Allocator | Region | null = inner,
  ) {
    super(memory)
  }

  override rawAlloc(size: number, align: number): number {
    this.calls.alloc++
    return this.inner.rawAlloc(size, align)
  }

  override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
    this.calls.resize++
    return this.inner.rawResize(ptr, size, align, newSize)
  }

  override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
    this.calls.remap++
    return this.inner.rawRemap(ptr, size, align, newSize)
  }

  override rawFree(ptr: number, size: number, align: number): void {
    this.calls.free++
    this.inner.rawFree(ptr, size, align)
  }
}
