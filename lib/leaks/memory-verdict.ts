/** What the figures of a memory report say, and nothing that they do not. */
import { growthFigures } from './growth.js'
import type { MemoryReport } from './memory-report.js'
import type { LeakProfile, Site } from './profile.js'
import {
  counted,
  formatBytes,
  frameLabel,
  printable,
  UNKNOWN_FRAME,
  userFrameIndex,
} from './render/labels.js'
import { formatRate } from './render/summary.js'

/**
 * - `'leak'`: live blocks at sites that grow, or whose handles are gone.
 * - `'held'`: much lives at sites that are not known to grow.
 * - `'retention'`: freed, and kept by the C library: trim gives it back.
 * - `'fragmentation'`: freed, in holes of less than a page: trim cannot give all of it back.
 * - `'elsewhere'`: memory that the traced allocators did not hand out.
 * - `'untraced'`: memory outside of JavaScript, and no trace that could tell whose it is.
 * - `'fine'`: nothing of that stands out.
 */
export type VerdictKind =
  | 'leak'
  | 'held'
  | 'retention'
  | 'fragmentation'
  | 'elsewhere'
  | 'untraced'
  | 'fine'

/** What a report comes to, in words. */
export interface Verdict {
  kind: VerdictKind
  /** How much it is about, in bytes; an estimate or a bound where `text` says so. */
  bytes: number
  text: string
}

/** A verdict that stands out of the figures. */
export type Finding = Verdict

type Figures = Omit<MemoryReport, 'findings' | 'verdict'>

const KIB = 1024
const MIB = 1024 * KIB

/** What leaks is told from here on: less may still be a warm-up. */
const LEAKING = 64 * KIB
/** Anything else must be so large, and as much of what is resident, to stand out. */
const LARGE = 32 * MIB
const SHARE = 0.25
/** What a Node process takes for its code, stacks and so on. */
const RUNTIME = 96 * MIB
/** Holes that are smaller hold no whole page. */
const PAGE = 4 * KIB
/** Lines that are named. */
const NAMED = 3

/** A leak first; then by size. */
export function findingsOf(figures: Figures, profile: LeakProfile | null): Finding[] {
  const found = [held(figures, profile), freed(figures), ...elsewhere(figures)]
  const others = found.filter((finding) => finding !== null)
  others.sort((a, b) => b.bytes - a.bytes)
  const leaking = leak(profile)
  return leaking === null ? others : [leaking, ...others]
}

const isLarge = (bytes: number, { process: { rss } }: Figures): boolean =>
  bytes >= LARGE && bytes >= SHARE * rss

// ---- What was traced ------------------------------------------------------------------------------

function leak(profile: LeakProfile | null): Finding | null {
  if (profile === null) return null
  const sites = profile.sites.filter((site) => leakingBytes(site) > 0)
  const bytes = sites.reduce((sum, site) => sum + leakingBytes(site), 0)
  if (bytes < LEAKING) return null
  sites.sort((a, b) => leakingBytes(b) - leakingBytes(a))
  const lines = named(
    sites,
    (site) => `${formatBytes(leakingBytes(site))} ${evidence(site, profile)}`,
  )
  const text = `A leak: ${about(profile)}${formatBytes(bytes)} at ${counted(sites.length, 'site')}: ${lines}.`
  return { kind: 'leak', bytes, text }
}

const leakingBytes = (site: Site): number =>
  site.growth === 'growing' ? site.liveBytes : site.lostBytes

function evidence(site: Site, { snapshots }: LeakProfile): string {
  const parts: string[] = []
  if (site.growth === 'growing') {
    const rate = formatRate(growthFigures(site.history, snapshots).bytesPerSecond)
    parts.push(`growing by ${rate} over ${counted(snapshots.length, 'snapshot')}`)
  }
  if (site.lostBytes > 0) parts.push('whose handles were garbage-collected')
  return parts.join(', ')
}

function held(figures: Figures, profile: LeakProfile | null): Finding | null {
  if (profile === null || figures.traced === null) return null
  const { growingBytes, isGrowthUnknown } = figures.traced
  const sites = profile.sites.filter((site) => site.liveBytes > 0 && site.growth !== 'growing')
  const bytes = figures.traced.liveBytes - growingBytes
  if (!isLarge(bytes, figures)) return null
  const growth = isGrowthUnknown
    ? 'Whether that grows is not known: it takes three snapshots'
    : 'None of that is known to grow'
  const lines = named(sites, (site) => formatBytes(site.liveBytes))
  const text = `In use: ${about(profile)}${formatBytes(bytes)} live at ${counted(sites.length, 'site')}: ${lines}. ${growth}.`
  return { kind: 'held', bytes, text }
}

const about = ({ mode }: LeakProfile): string => (mode === 'sampled' ? 'about ' : '')

/** The first sites by name, and how many there are more. */
function named(sites: readonly Site[], what: (site: Site) => string): string {
  const shown = sites.slice(0, NAMED).map((site) => {
    const frame = site.stack[userFrameIndex(site)] ?? UNKNOWN_FRAME
    return `${printable(frameLabel(frame))}: ${what(site)}`
  })
  if (sites.length > NAMED) shown.push(`${sites.length - NAMED} more`)
  return shown.join('; ')
}

// ---- What the C library keeps ---------------------------------------------------------------------

function freed(figures: Figures): Finding | null {
  const { malloc } = figures
  if (malloc === null || !isLarge(malloc.retained, figures)) return null
  const { retained: bytes, free, freeBlocks } = malloc
  const size = formatBytes(bytes)
  const hole = freeBlocks === 0 ? Infinity : free / freeBlocks
  if (hole >= PAGE) {
    const text =
      `Retention: up to ${size} were freed and are kept by the C library. ` +
      `cAllocator.trim() would give back up to that.`
    return { kind: 'retention', bytes, text }
  }
  const text =
    `Fragmentation: up to ${size} were freed, in ${counted(freeBlocks, 'hole')} of ` +
    `${formatBytes(hole)} on average between blocks that live. cAllocator.trim() gives back whole ` +
    `pages alone.`
  return { kind: 'fragmentation', bytes, text }
}

// ---- What others hold -----------------------------------------------------------------------------

function elsewhere(figures: Figures): (Finding | null)[] {
  const { heap, arrayBuffers } = figures.process
  const finding = (bytes: number, what: string): Finding | null =>
    isLarge(bytes, figures) ? { kind: 'elsewhere', bytes, text: `Elsewhere: ${what}` } : null
  const objects = `${formatBytes(heap)} are JavaScript objects: a heap snapshot of V8 shows them.`
  const buffers =
    `${formatBytes(arrayBuffers)} are ArrayBuffers, SharedArrayBuffers and Buffers that JavaScript ` +
    `holds, those of Region.shared among them.`
  return [
    finding(heap, objects),
    finding(arrayBuffers, buffers),
    figures.traced === null ? untraced(figures) : null,
    figures.traced === null ? null : ofOthers(figures, figures.traced, finding),
    figures.traced === null ? null : uncounted(figures, figures.traced, finding),
  ]
}

/** Without a trace nobody can tell whose it is. */
function untraced(figures: Figures): Finding | null {
  const { malloc, process: usage } = figures
  const known = usage.heapTotal + usage.arrayBuffers + (malloc?.retained ?? 0)
  const bytes = usage.rss - RUNTIME - known
  if (!isLarge(bytes, figures)) return null
  const text =
    `Not traced: at least ${formatBytes(bytes)} are resident outside of JavaScript. Whether this ` +
    `library holds them is not known, as nothing was traced.`
  return { kind: 'untraced', bytes, text }
}

type Make = (bytes: number, what: string) => Finding | null
type Traced = NonNullable<Figures['traced']>

/** What of the C heap has certainly nothing to do with the trace. */
function ofOthers({ malloc, process: usage }: Figures, traced: Traced, make: Make): Finding | null {
  if (malloc === null) return null
  // The regions that allocators work in are in `external`, and much that is traced is there too.
  const bytes = malloc.inUse - usage.external - traced.liveBytes
  const bound = traced.isEstimate ? 'about' : 'at least'
  return make(
    bytes,
    `${bound} ${formatBytes(bytes)} of the C heap were not handed out by what is traced, and are ` +
      `no buffers: Node, addons, or allocators that are not traced.`,
  )
}

/** What is resident, and in nobody's figures. */
function uncounted(
  { malloc, process: usage }: Figures,
  traced: Traced,
  make: Make,
): Finding | null {
  const ofMalloc = malloc === null ? 0 : malloc.inUse + malloc.retained
  const known = usage.heapTotal + usage.external + ofMalloc + traced.liveBytes
  const bytes = usage.rss - RUNTIME - known
  const [who, what] =
    malloc === null
      ? ['neither the runtime nor the trace', 'the C heap, of which this C library does not tell']
      : ['neither the runtime nor the C library nor the trace', 'another malloc']
  return make(
    bytes,
    `at least ${formatBytes(bytes)} are resident that ${who} counts: mapped files, code, stacks, ${what}.`,
  )
}
