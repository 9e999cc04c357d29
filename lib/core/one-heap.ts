/**
 * Allocators that serve the same blocks: what one of them allocates, another may free, in another thread too.
 * Whoever follows blocks asks here, which is why they say it.
 */
import type { Allocator } from './allocator.js'

export interface OneHeap {
  /** What all of them say, in every thread of the process. */
  readonly key: string
  /** Does the memory go with the last of them? Else it is the process's. */
  readonly goes: boolean
}

const heaps = new WeakMap<Allocator, OneHeap>()

/** Says once what heap an allocator serves, if others serve it too. */
export function servesHeap(allocator: Allocator, heap: OneHeap): void {
  heaps.set(allocator, heap)
}

/** undefined: no other allocator serves its blocks. */
export function heapServedBy(allocator: Allocator): OneHeap | undefined {
  return heaps.get(allocator)
}
