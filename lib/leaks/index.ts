/** offheap/leaks: who holds the memory. Exports only; see docs/leaks/. */
export { BacktracingAllocator, type TracedBlock } from './backtracing.js'
export { type GrowthFigures, growthFigures, growthOf } from './growth.js'
export { httpHandler, type HttpHandler, type HttpHandlerOptions } from './http.js'
export {
  type MallocFigures,
  memoryReport,
  type MemoryReport,
  type MemoryReportOptions,
  type ProfileSource,
  type TracedFigures,
} from './memory-report.js'
export {
  type FiguresSource,
  metrics,
  type MetricsOptions,
  type MetricsRegistry,
  type RegisteredMetrics,
} from './metrics.js'
export { renderMemoryReport } from './memory-text.js'
export type { Finding, Verdict, VerdictKind } from './memory-verdict.js'
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
export { expectNoLeaks, type ExpectNoLeaksOptions } from './testing.js'
export type { AllocatorFigures, TraceFigures, TraceOptions } from './trace.js'
export { traceEverything, type TraceEverythingOptions, type Tracing } from './trace-everything.js'
