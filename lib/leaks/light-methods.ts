/**
 * What a tracer's four hot operations are while little or nothing is written down: closures over the
 * allocator below, which V8 puts into the caller's loop together with that allocator's own code. A method
 * that goes through fields of the tracer costs 5 ns more each.
 */
import type { Allocation } from '../core/allocation.js'
import { alignOf, type Allocator, sizeOf } from '../core/allocator.js'
import { OutOfMemoryError } from '../core/errors.js'
import type { Layout } from '../core/layout.js'
import type { Pointer } from '../core/pointer.js'
import type { AnyFunction } from './capture.js'
import { SamplerWord } from './sampler.js'

export type HotMethods = Pick<Allocator, 'rawAlloc' | 'alloc' | 'tryAlloc' | 'rawFree'>

/** What they hand over what is to be looked at to. */
export interface Watcher {
  readonly name: string
  /** The stack begins where this object's own `rawAlloc` was called. */
  rawAllocWatched(size: number, align: number): Pointer
  /** It begins where `skip` was. */
  watchHandle(a: Allocation, skip: AnyFunction): void
  rawFreeWatched(ptr: Pointer, size: number, align: number): void
}

/** The tracer's own, so that the error names it. */
export function outOfMemory(by: string, layout: Layout | number, align: number | undefined): never {
  throw new OutOfMemoryError(by, sizeOf(layout), alignOf(layout, align))
}

/** Nothing is written down, and nothing of what is there need be followed. */
export function untraced(inner: Allocator, watcher: Watcher): HotMethods {
  return {
    rawAlloc: (size, align) => inner.rawAlloc(size, align),
    alloc: (layout, align) =>
      inner.tryAlloc(layout, align) ?? outOfMemory(watcher.name, layout, align),
    tryAlloc: (layout, align) => inner.tryAlloc(layout, align),
    rawFree: (ptr, size, align) => inner.rawFree(ptr, size, align),
  }
}

/** As long as the bytes before the next sample last, there is nothing to do but to count them. */
export function sampled(
  inner: Allocator,
  watcher: Watcher,
  words: Int32Array,
  cells: Uint8Array,
): HotMethods {
  const rawAlloc = (size: number, align: number): Pointer => {
    if (typeof size === 'number') {
      const left = words[SamplerWord.LEFT]! - size
      if (left >= 0) {
        words[SamplerWord.LEFT] = left
        return inner.rawAlloc(size, align)
      }
    }
    return watcher.rawAllocWatched(size, align)
  }
  const alloc = (layout: Layout | number, align?: number): Allocation => {
    const a = inner.tryAlloc(layout, align)
    if (a === null) return outOfMemory(watcher.name, layout, align)
    const left = words[SamplerWord.LEFT]! - a._size
    if (left >= 0) words[SamplerWord.LEFT] = left
    else watcher.watchHandle(a, alloc)
    return a
  }
  const tryAlloc = (layout: Layout | number, align?: number): Allocation | null => {
    const a = inner.tryAlloc(layout, align)
    if (a === null) return null
    const left = words[SamplerWord.LEFT]! - a._size
    if (left >= 0) words[SamplerWord.LEFT] = left
    else watcher.watchHandle(a, tryAlloc)
    return a
  }
  return { rawAlloc, alloc, tryAlloc, rawFree: unlisted(inner, watcher, cells) }
}

/** Frees at once what is certainly not written down. */
export function unlisted(
  inner: Allocator,
  watcher: Watcher,
  cells: Uint8Array,
): HotMethods['rawFree'] {
  return (ptr, size, align) => {
    if (typeof ptr === 'number') {
      // As cellOf, which V8 has no room for here.
      const granule = (ptr / 16) | 0
      if (!cells[((granule << 16) ^ granule) >>> 16]) return inner.rawFree(ptr, size, align)
    }
    return watcher.rawFreeWatched(ptr, size, align)
  }
}
