/**
 * memoryReport: what is counted where, side by side, and what that says.
 *
 * Four things count memory and none of them all of it: the ledger of a trace, the runtime, the C library,
 * and the system. Sums that are made of them are bounds, and said as such.
 */
import { OffheapError, unexpected } from '../core/errors.js'
import { mallocInfo, memoryUsage, thisProcess } from './ledger/who.js'
import { type Finding, findingsOf, type Verdict } from './memory-verdict.js'
import type { LeakProfile, Site } from './profile.js'
import { checkProfile } from './profile-sites.js'

/** What has a profile: a BacktracingAllocator, and what traceEverything gives. */
export interface ProfileSource {
  profile(): LeakProfile
}

/** Options of {@link memoryReport}. */
export interface MemoryReportOptions {
  /** What was traced in this process: who holds what is known of that alone. */
  trace?: ProfileSource | LeakProfile
}

/** What the C library keeps, in bytes. */
export interface MallocFigures {
  /** In blocks that are handed out, to everybody in the process; `mmapped` included. */
  inUse: number
  /** In blocks that were freed and kept; some of it may have no memory behind it any more. */
  free: number
  /** The blocks that `free` is in; 0: not counted. */
  freeBlocks: number
  /** The part of `inUse` in mappings of its own. */
  mmapped: number
  /** What the heap got from the system, `mmapped` not included. */
  arena: number
  /** At most so much of `free` is resident: of what the process has, less what is used by others. */
  retained: number
}

/** What the traced allocators have handed out. Of a sampled trace these are estimates. */
export interface TracedFigures {
  liveBytes: number
  liveBlocks: number
  peakBytes: number
  /** Live bytes of the sites that grow. */
  growingBytes: number
  /** Live bytes whose handles were garbage-collected. */
  lostBytes: number
  isEstimate: boolean
  /** Too few snapshots to tell what grows. */
  isGrowthUnknown: boolean
}

/** What {@link memoryReport} gives: plain data. All sizes in bytes. */
export interface MemoryReport {
  /** ISO 8601. */
  takenAt: string
  program: string
  pid: number
  /** What the system and the runtime say. */
  process: {
    /** Resident, of everything. */
    rss: number
    /** The JavaScript heap: what is in use, and what V8 has got for it. */
    heap: number
    heapTotal: number
    /** What V8 knows to be held outside of its heap, `arrayBuffers` included. */
    external: number
    /** Buffers that V8 allocated itself. Regions of this library are in `external` alone. */
    arrayBuffers: number
  }
  /** null: this C library cannot tell. */
  malloc: MallocFigures | null
  /** null: no trace was given. */
  traced: TracedFigures | null
  /** All that stands out: a leak first, then by size. */
  findings: Finding[]
  /** The first of them; or that nothing stands out. */
  verdict: Verdict
}

/**
 * Where the memory of this process is, by all who count some of it, and a verdict in words. What it is by
 * which limits is in docs/leaks/memory-report.md. Takes a profile of what is traced, and some microseconds.
 * @throws {OffheapError} INVALID_ARGUMENT for what is no trace, for a profile of another process and for a
 * difference; LIBRARY_NOT_FOUND without the addon.
 */
export function memoryReport(options: MemoryReportOptions = {}): MemoryReport {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the options of memoryReport', options)
  }
  const { trace } = options
  const profile = trace === undefined ? null : profileOf(trace)
  const { program, pid } = thisProcess()
  if (profile !== null && profile.pid !== pid) {
    const message = `Expected a profile of this process, ${pid}, for memoryReport, but it is of ${profile.pid}`
    throw new OffheapError('INVALID_ARGUMENT', message)
  }
  const usage = memoryUsage()
  const figures = {
    takenAt: new Date().toISOString(),
    program,
    pid,
    process: usage,
    malloc: mallocFigures(usage),
    traced: profile === null ? null : tracedFigures(profile),
  }
  const findings = findingsOf(figures, profile)
  const verdict = findings[0] ?? fine(figures.traced === null)
  return { ...figures, findings, verdict }
}

/** The profile of a source, or a profile that was taken before. */
function profileOf(trace: ProfileSource | LeakProfile): LeakProfile {
  const isSource = typeof trace === 'object' && trace !== null && 'profile' in trace
  const profile = isSource && typeof trace.profile === 'function' ? trace.profile() : trace
  checkProfile(profile as LeakProfile, 'memoryReport')
  const found = profile as LeakProfile
  if (found.since === undefined) return found
  const message = 'Expected a profile for memoryReport, but it is the difference of two'
  throw new OffheapError('INVALID_ARGUMENT', message)
}

function mallocFigures({ rss, heapTotal }: MemoryReport['process']): MallocFigures | null {
  const info = mallocInfo()
  if (info === null) return null
  // What was given back to the system in the middle of the heap counts as free for good.
  const room = Math.max(0, rss - heapTotal - (info.inUse - info.mmapped))
  return { ...info, retained: Math.min(info.free, room) }
}

function tracedFigures({ mode, sites, totals, snapshots }: LeakProfile): TracedFigures {
  const sum = (of: (site: Site) => number): number => sites.reduce((all, site) => all + of(site), 0)
  const { liveBytes, liveBlocks, peakBytes } = totals
  return {
    liveBytes,
    liveBlocks,
    peakBytes,
    growingBytes: sum((site) => (site.growth === 'growing' ? site.liveBytes : 0)),
    lostBytes: sum((site) => site.lostBytes),
    isEstimate: mode === 'sampled',
    isGrowthUnknown: snapshots.length < 3,
  }
}

function fine(isUntraced: boolean): Verdict {
  const text = 'Nothing stands out: none of what is counted is large, and nothing is known to leak.'
  const untraced = ' What this library holds was not traced.'
  return { kind: 'fine', bytes: 0, text: isUntraced ? text + untraced : text }
}
