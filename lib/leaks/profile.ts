/**
 * The model of a leak profile: plain data, the same when it is stored as JSON and read again.
 *
 * Whoever traces makes one, whoever renders takes one, and neither knows of the other. A difference of two
 * profiles is a profile too, with figures that may be negative.
 */

/** A line of code on a stack. Of JavaScript it is where the source map says, where there is one. */
export interface Frame {
  /** Name of the function; '' of an anonymous one. Of a native frame without a symbol: '0x' and its offset. */
  function: string
  /** A path or URL as the runtime gives it; of a native frame the shared library. '' where there is none. */
  file: string
  /** From 1; 0: not known. */
  line: number
  /** From 1; 0: not known. */
  column: number
  /** C or C++: `file` is a shared library. */
  native?: boolean
  /** Where an `await` of an outer function waits, and no call that is on the stack now. */
  async?: boolean
  /** Of a native frame: bytes from the start of `file` as it is loaded, for symbolizers. */
  offset?: number
  /** Of a native frame: the build id of `file` in hex, where it has one. */
  buildId?: string
}

/** How the live bytes of a site went over the snapshots. See {@link growthOf}. */
export type Growth = 'startup' | 'plateau' | 'growing' | 'unknown'

/**
 * Why live blocks are there. 'handle lost': most of their bytes are in blocks whose handles were
 * garbage-collected, so nobody can free them by handle any more. 'still held': most are in blocks whose
 * handles live, in a cache, say. 'never freed': neither is known, as blocks of raw calls and of C have no
 * handles.
 */
export type Why = 'never freed' | 'handle lost' | 'still held'

/**
 * One call stack of one allocator, and what was allocated there. Of a sampled profile the figures are
 * estimates: each sampled block stands for as many as the sampling left out.
 */
export interface Site {
  /** Innermost frame first, frames of this library left out. Empty: the stack is not known. */
  stack: Frame[]
  /** The allocator's name. */
  allocator: string
  /** The scopes that were open, outermost first. */
  scopes: string[]
  /** Blocks that were allocated, and that were freed. */
  allocs: number
  frees: number
  /** Bytes that were allocated in all. */
  totalBytes: number
  liveBlocks: number
  liveBytes: number
  /** The most that liveBytes has been. */
  peakBytes: number
  /** Blocks that were freed before the allocator's next allocation. */
  temporary: number
  /** Live bytes in blocks whose handles were garbage-collected, and whose handles live. */
  lostBytes: number
  heldBytes: number
  growth: Growth
  why: Why
  /** Live bytes at each of the profile's snapshots; shorter than those by what came before the site. */
  history: number[]
}

/** Sums over all sites. */
export interface Totals {
  allocs: number
  frees: number
  totalBytes: number
  liveBlocks: number
  liveBytes: number
  /** The most that the live bytes of all sites together have been. */
  peakBytes: number
  temporary: number
  /** Sites; those that a renderer leaves out are counted here. */
  sites: number
  /** Frees of blocks that were not recorded: allocated before tracing began, or by somebody else. */
  unknownFrees: number
  /** Blocks that are counted by their site only, as the ledger was full. */
  unlisted: number
}

/** A moment at which the live bytes of all sites were noted. */
export interface Snapshot {
  /** Milliseconds since tracing began. */
  at: number
  liveBytes: number
  liveBlocks: number
}

/** What {@link BacktracingAllocator.profile} gives, and what the renderers take. */
export interface LeakProfile {
  version: 1
  mode: 'exact' | 'sampled'
  /** Of a sampled profile: one sample every so many bytes on average. 0 of an exact one. */
  sampleBytes: number
  /** ISO 8601. */
  takenAt: string
  /** How long tracing has been on, in milliseconds. */
  durationMs: number
  /** What ran, in words: a command line. '' where nobody said. */
  program: string
  pid: number
  /** Of a difference: the `takenAt` of the earlier profile. */
  since?: string
  /** By liveBytes, largest first. */
  sites: Site[]
  totals: Totals
  /** Oldest first; the last one is the profile's own moment. */
  snapshots: Snapshot[]
}

/** Largest live bytes first; then most allocated, then by name, so that an order is always the same. */
export function compareSites(a: Site, b: Site): number {
  const larger = b.liveBytes - a.liveBytes || b.totalBytes - a.totalBytes
  if (larger !== 0) return larger
  return siteKey(a) < siteKey(b) ? -1 : 1
}

/** The same text for the same stack, scopes and allocator: what tells sites apart across profiles. */
export function siteKey(site: Site): string {
  const frames = site.stack.map(frameKey)
  return [site.allocator, site.scopes.join('\u0001'), ...frames].join('\u0002')
}

/** The same text for the same line of code. */
export function frameKey(frame: Frame): string {
  const { file, line, column, offset = '' } = frame
  return [frame.function, file, line, column, offset].join('\u0001')
}
