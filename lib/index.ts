/** offheap: real process memory for Node.js. Exports only; see docs/concepts.md. */
export { Allocation, type TypedArrayConstructor } from './core/allocation.js'
export { Allocator, type AllocatorStats } from './core/allocator.js'
export {
  DoubleFreeError,
  type ErrorCode,
  type ErrorName,
  OffheapError,
  OutOfMemoryError,
  UseAfterFreeError,
} from './core/errors.js'
export { Layout, StructLayout } from './core/layout.js'
export type { MemoryLike } from './core/memory.js'
export type { Pointer } from './core/pointer.js'
export type { RegionKind } from './core/region.js'
export { Region } from './regions/index.js'
export type { BorrowOptions } from './regions/borrowed.js'
export type { MallocOptions } from './regions/malloc.js'
export type { PagesOptions } from './regions/pages.js'
export { BumpAllocator, BumpCheckpoint } from './allocators/bump.js'
export { NullAllocator, nullAllocator } from './allocators/null.js'
export { CAllocator, cAllocator, type HeapInfo } from './system/c.js'
export { PageAllocator, pageAllocator } from './system/page.js'
export { RawCAllocator, rawCAllocator } from './system/raw-c.js'
