/**
 * DHAT's format, version 2, for Valgrind's dh_view and the Firefox Profiler. Written from the
 * description at the head of Valgrind's `dhat/dh_main.c`.
 */
import type { Frame, LeakProfile, Site, Snapshot } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { FrameNumbering } from './interning.js'
import { framePlace, functionName, printable, UNKNOWN_FRAME } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { selectWithRest } from './select.js'

const DEFAULTS: Required<RenderOptions> = { minBytes: 0, limit: Infinity }

/** A program point: one stack. All are integers. */
interface ProgramPoint {
  /** Total bytes and blocks, and the sum of the blocks' lifetimes. */
  tb: number
  tbk: number
  tl: number
  /** At this point's own maximum. */
  mb: number
  mbk: number
  /** At the maximum of all, and at the end. */
  gb: number
  gbk: number
  eb: number
  ebk: number
  /** Frames, innermost first: indices into `ftbl`. */
  fs: number[]
}

/** What every point is worked out from. */
interface Moments {
  snapshots: readonly Snapshot[]
  /** Index of the last snapshot with most live bytes; -1 where there are none. */
  largest: number
}

/**
 * The profile as `dhatFileVersion` 2, a program point for each stack; sites that differ in
 * allocator or scope only are one. `eb` and `ebk`, "at t-end", are what is live. What DHAT
 * measures and a profile does not know is worked out: "t-gmax" is the snapshot with most live
 * bytes; lifetimes are the area below the live bytes over time; blocks at a maximum have the
 * site's mean size. Times are in microseconds.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderDhat(profile: LeakProfile, options: RenderOptions = {}): string {
  const sites = selectWithRest(profile, withDefaults('dhat', options, DEFAULTS))
  const { snapshots, durationMs } = profile
  const most = snapshots.reduce((max, { liveBytes }) => Math.max(max, liveBytes), -Infinity)
  const largest = snapshots.findLastIndex(({ liveBytes }) => liveBytes === most)
  const frames = new FrameNumbering(frameText, frameText)
  const points = new Map<string, ProgramPoint>()
  for (const site of sites) add(points, pointOf(site, { snapshots, largest }, frames))
  const file = {
    dhatFileVersion: 2,
    mode: modeOf(profile),
    verb: 'Allocated',
    bklt: true,
    bkacc: false,
    tu: 'µs',
    Mtu: 's',
    tuth: 1000,
    cmd: profile.program === '' ? '(unknown)' : profile.program,
    pid: profile.pid,
    te: Math.round(durationMs * 1000),
    tg: Math.round((snapshots[largest]?.at ?? durationMs) * 1000),
    pps: [...points.values()],
    ftbl: ['[root]', ...frames.items],
  }
  return withinLimits(profile, () => JSON.stringify(file))
}

function modeOf({ mode, sampleBytes, since }: LeakProfile): string {
  const how = mode === 'exact' ? 'heap' : `heap, one sample every ${sampleBytes} bytes`
  return since === undefined ? how : `${how}, change since ${since}`
}

function pointOf(site: Site, { snapshots, largest }: Moments, frames: Numbers): ProgramPoint {
  const { allocs, totalBytes, liveBytes, liveBlocks, peakBytes, history } = site
  const size = allocs === 0 ? 0 : totalBytes / allocs
  const blocks = (bytes: number): number => (size === 0 ? 0 : Math.round(bytes / size))
  const offset = snapshots.length - history.length
  const known = history.length === 0 ? [liveBytes] : history
  // The last one is the profile's own moment.
  const isLast = largest === snapshots.length - 1
  const atLargest = isLast ? liveBytes : (history[largest - offset] ?? 0)
  const stack = site.stack.length === 0 ? [UNKNOWN_FRAME] : site.stack
  return {
    tb: Math.round(totalBytes),
    tbk: Math.round(allocs),
    tl: blocks(area(known, snapshots.slice(-known.length)) * 1000),
    mb: Math.round(peakBytes),
    mbk: Math.max(Math.round(liveBlocks), blocks(peakBytes)),
    gb: Math.round(atLargest),
    gbk: isLast ? Math.round(liveBlocks) : blocks(atLargest),
    eb: Math.round(liveBytes),
    ebk: Math.round(liveBlocks),
    fs: stack.map((frame) => frames.of(frame) + 1),
  }
}

type Numbers = Pick<FrameNumbering<string>, 'of'>

/** Bytes times milliseconds below the line through the snapshots, which starts at 0. */
function area(history: readonly number[], snapshots: readonly Snapshot[]): number {
  let [sum, bytes, at] = [0, 0, 0]
  for (const [i, value] of history.entries()) {
    const now = snapshots[i]?.at ?? at
    // Before the first value, the site was not there: it may have come at any time since.
    sum += ((value + bytes) / 2) * (now - at)
    at = now
    bytes = value
  }
  return sum
}

/** dh_view takes each stack once only. */
function add(points: Map<string, ProgramPoint>, point: ProgramPoint): void {
  const key = point.fs.join()
  const known = points.get(key)
  if (known === undefined) {
    points.set(key, point)
    return
  }
  for (const name of ['tb', 'tbk', 'tl', 'mb', 'mbk', 'gb', 'gbk', 'eb', 'ebk'] as const)
    known[name] += point[name]
}

/**
 * As DHAT writes frames, and the Firefox Profiler reads them: address, name, and a place in
 * brackets.
 */
function frameText(frame: Frame): string {
  const name = printable(functionName(frame))
  if (frame.native === true && frame.line === 0) {
    const address = (frame.offset ?? 0).toString(16).toUpperCase()
    return `0x${address}: ${name} (in ${printable(frame.file)})`
  }
  const place = printable(framePlace(frame))
  return `0x0: ${name} (${place === '' ? 'unknown' : place})`
}
