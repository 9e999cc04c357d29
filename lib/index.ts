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
export type { Valloc } from './core/valloc.js'
export { refusedCalls } from './interop/doors.js'
export { Region } from './regions/index.js'
export type { BorrowOptions } from './regions/borrowed.js'
export type { MallocOptions } from './regions/malloc.js'
export type { PagesOptions } from './regions/pages.js'
export type { WasmGlobal, WasmMemory, WasmOptions } from './regions/wasm.js'
export {
  ArenaAllocator,
  ArenaCheckpoint,
  type ArenaOptions,
  type ArenaReset,
} from './allocators/arena.js'
export { BumpAllocator, BumpCheckpoint } from './allocators/bump.js'
export { ConcurrentBumpAllocator } from './allocators/concurrent-bump.js'
export type { BumpToken } from './allocators/concurrent-token.js'
export { FailingAllocator, type FailingOptions } from './allocators/failing.js'
export { checkAllAllocationFailures } from './allocators/failure-check.js'
export { FallbackAllocator } from './allocators/fallback.js'
export { FreeListAllocator } from './allocators/free-list.js'
export { LimitAllocator } from './allocators/limit.js'
export { LoggingAllocator, type LogSink } from './allocators/logging.js'
export { NullAllocator, nullAllocator } from './allocators/null.js'
export { PoolAllocator } from './allocators/pool.js'
export type { PoolMemory, PoolOptions } from './allocators/pool-plan.js'
export { SlabAllocator } from './allocators/slab.js'
export type { SlabOptions } from './allocators/slab/memory.js'
export { StackAllocator } from './allocators/stack.js'
export { type SizeBucket, TrackingAllocator, type TrackingSnapshot } from './allocators/tracking.js'
export { BacktracingAllocator, type TracedBlock } from './leaks/backtracing.js'
export { DebugAllocator } from './leaks/debug.js'
export { isMisuse, type Misuse } from './leaks/debug-errors.js'
export type { DebugLeak } from './leaks/debug-leaks.js'
export type { DebugOptions } from './leaks/debug-options.js'
export type { Frame, LeakProfile, Site } from './leaks/profile.js'
export type { TraceMode } from './leaks/sampler.js'
export type { TraceOptions } from './leaks/trace.js'
export { CAllocator, cAllocator, type HeapInfo } from './system/c.js'
export { DynamicAllocator, type DynamicOptions } from './system/dynamic.js'
export { GcAllocator, type GcBlock, type GcOptions } from './system/gc.js'
export { PageAllocator, pageAllocator } from './system/page.js'
export { RawCAllocator, rawCAllocator } from './system/raw-c.js'
export type { HeapToken } from './system/shared-hold.js'
export { ThreadSafeAllocator } from './system/thread-safe.js'
