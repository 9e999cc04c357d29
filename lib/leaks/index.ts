/** offheap/leaks: who holds the memory. Exports only; see docs/leaks/. */
export { BacktracingAllocator, type TracedBlock } from './backtracing.js'
export { type GrowthFigures, growthFigures, growthOf } from './growth.js'
export {
  compareSites,
  type Frame,
  frameKey,
  type Growth,
  type LeakProfile,
  type Site,
  siteKey,
  type Snapshot,
  type Totals,
  type Why,
} from './profile.js'
export type { TraceMode } from './sampler.js'
export type { TraceOptions } from './trace.js'
export { traceEverything, type TraceEverythingOptions, type Tracing } from './trace-everything.js'
