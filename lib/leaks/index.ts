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
export { diffProfiles } from './profile-diff.js'
export { parseProfile } from './profile-json.js'
export { mergeProfiles } from './profile-merge.js'
export { type Format, type FormatName, FORMATS } from './render/index.js'
export { type Figure, FIGURES, type RenderOptions } from './render/options.js'
export type { TraceMode } from './sampler.js'
export type { TraceOptions } from './trace.js'
export { traceEverything, type TraceEverythingOptions, type Tracing } from './trace-everything.js'
