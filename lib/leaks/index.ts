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
export { diffProfiles } from './profile-diff.js'
export { parseProfile } from './profile-json.js'
export { mergeProfiles } from './profile-merge.js'
export { renderDhat } from './render/dhat.js'
export { type FoldedOptions, renderFolded } from './render/folded.js'
export { renderHeapProfile } from './render/heapprofile.js'
export { type HtmlOptions, renderHtml } from './render/html.js'
export { type Format, type FormatName, FORMATS } from './render/index.js'
export { type JsonOptions, renderJson } from './render/json.js'
export { type MarkdownOptions, renderMarkdown } from './render/markdown.js'
export { type Figure, FIGURES, type RenderOptions } from './render/options.js'
export { type PprofOptions, renderPprof } from './render/pprof.js'
export { renderSpeedscope } from './render/speedscope.js'
export { renderText, type TextOptions } from './render/text.js'
export type { TraceMode } from './sampler.js'
export { expectNoLeaks, type ExpectNoLeaksOptions } from './testing.js'
export type { AllocatorFigures, TraceFigures, TraceOptions } from './trace.js'
export { traceEverything, type TraceEverythingOptions, type Tracing } from './trace-everything.js'
