/**
 * Trace: what tracers have in common. Which allocations are written down, with which stack, in which ledger;
 * and the profile of it.
 *
 * A trace may be of many allocators: each is a heap in its ledger.
 */
import type { Allocation } from '../core/allocation.js'
import { unexpected } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import { cellOf } from './cells.js'
import { growthOf } from './growth.js'
import { History } from './history.js'
import { Ledger, type SiteFigures, type TracedDoor } from './ledger/ledger.js'
import { thisProcess } from './ledger/who.js'
import { type Frame, type LeakProfile, type Site, siteKey, type Totals } from './profile.js'
import { SITE_COUNTS, sortSites, whyOf } from './profile-sites.js'
import { Sampler, type TraceMode } from './sampler.js'
import { SourceMaps } from './source-maps.js'
import { isResolved, MOST_FRAMES, readStack, resolveLines } from './stacks.js'

/** What a tracer writes down, and how much of it. */
export interface TraceOptions {
  /** 'exact': each allocation; 'sampled': one every `sampleBytes`; 'off': none. Default 'exact'. */
  mode?: TraceMode
  /** Bytes between two samples on average, from 1 on. Default 524288. */
  sampleBytes?: number
  /** The most frames of a stack, 1 to 256, of JavaScript and of C each (there at most 64). Default 16. */
  frames?: number
  /**
   * Beyond so many live blocks the ledger counts by site only: 60 bytes each. Default 2^31, which is
   * 128 GB.
   */
  maxBlocks?: number
  /**
   * Whether handles are told from blocks that nobody has a handle of: 'handle lost' and 'still held' in the
   * profile. Default true. Costs about half a microsecond a handle that is written down.
   */
  handles?: boolean
}

/** What an allocator has served, and what of that lives. Of a sampled trace these are estimates. */
export interface AllocatorFigures {
  /** Its name; allocators with the same name are one. */
  allocator: string
  /** Blocks that were allocated, and that were freed. Neither ever falls. */
  allocs: number
  frees: number
  /** Bytes that were allocated in all. Never falls. */
  totalBytes: number
  liveBlocks: number
  liveBytes: number
}

/** Sums without stacks: what takes little time to ask for. */
export interface TraceFigures {
  allocators: AllocatorFigures[]
  liveBlocks: number
  liveBytes: number
  /** The most that liveBytes has been. */
  peakBytes: number
  /** Call stacks that allocated. */
  sites: number
  /** Frees of blocks that were not recorded. */
  unknownFrees: number
  /** Blocks that are counted by their site only, as the ledger was full. */
  unlisted: number
  /** Bytes that the ledger takes, outside of the JavaScript heap. */
  ledgerBytes: number
}

const SUMMED = ['allocs', 'frees', 'totalBytes', 'liveBlocks', 'liveBytes'] as const
const DEFAULT_SAMPLE = 512 * 1024
const MOST_BLOCKS = 2 ** 31

/** Taken at load: programs, and their tests above all, put clocks of their own in their place. */
const Day = Date
const { now } = Date

/** As for the words of `oh_traced_mode_t`. */
const MODES: readonly TraceMode[] = ['off', 'exact', 'sampled']

function inRange(value: unknown, from: number, to: number, what: string): number {
  if (Number.isInteger(value) && (value as number) >= from && (value as number) <= to) {
    return value as number
  }
  throw unexpected('INVALID_ARGUMENT', `an integer from ${from} to ${to}`, what, value)
}

export class Trace {
  readonly ledger: Ledger
  readonly sampler = new Sampler()
  readonly frames: number
  /** Bytes between two samples on average, now or when it is sampled next. */
  sampleBytes = DEFAULT_SAMPLE
  private readonly _handles: FinalizationRegistry<number> | null
  private readonly _doors = new Set<TracedDoor>()
  private readonly _history = new History()
  private readonly _maps = new SourceMaps()
  private readonly _startedAt = now()
  /** 0: it never was sampled; else how last. Of a trace that was switched, sites have both. */
  private _sampled = 0
  /**
   * Everything since the start is written down, so that a free of what is not can be told. Whoever could not
   * write a block down sets it to false: the program has its block nevertheless, and no error of a tracer's,
   * such as that there is no stack left for it.
   */
  isComplete = true

  /** Throws ERR_OFFHEAP_INVALID_ARGUMENT, LIBRARY_NOT_FOUND without the addon. */
  constructor(options: TraceOptions, where: string, isOfProcess = false) {
    const { frames = 16, maxBlocks = MOST_BLOCKS, handles = true } = options
    this.frames = inRange(frames, 1, MOST_FRAMES, `frames of ${where}`)
    const most = inRange(maxBlocks, 0, MOST_BLOCKS, `maxBlocks of ${where}`)
    this.ledger = new Ledger(most, isOfProcess)
    this._handles = handles ? new FinalizationRegistry((ticket) => this.ledger.lose(ticket)) : null
    this.set(options.mode ?? 'exact', options.sampleBytes ?? DEFAULT_SAMPLE, where)
  }

  set(mode: TraceMode, sampleBytes: number, where: string): void {
    if (!MODES.includes(mode)) {
      throw unexpected('INVALID_ARGUMENT', "'exact', 'sampled' or 'off'", `mode of ${where}`, mode)
    }
    inRange(sampleBytes, 1, Number.MAX_SAFE_INTEGER, `sampleBytes of ${where}`)
    this.sampler.set(mode, sampleBytes)
    if (mode === 'sampled') this._sampled = sampleBytes
    if (mode !== 'exact') this.isComplete = false
    this.sampleBytes = sampleBytes
    for (const door of this._doors) this._setDoor(door)
  }

  /** A door for C over one of C, which writes into this trace's ledger. */
  openDoor(heap: number, self: bigint, vt: bigint): TracedDoor {
    const door = this.ledger.openDoor(heap, self, vt)
    this._doors.add(door)
    this._setDoor(door)
    return door
  }

  closeDoor(door: TracedDoor): void {
    this._doors.delete(door)
    door.close()
  }

  private _setDoor(door: TracedDoor): void {
    door.set(MODES.indexOf(this.sampler.mode), this.sampleBytes, this.frames)
  }

  /**
   * Writes a block down. The sampler has taken it. Who calls has captured the stack: that costs less the
   * fewer calls there are between.
   */
  record(heap: number, ptr: Pointer, size: number, align: number, stack: number): void {
    try {
      this.ledger.add(heap, ptr, size, align, stack, this.sampler.weightOf(size), false)
    } catch {
      this.isComplete = false
    }
  }

  /** The same of a block that a handle was made for. false: it is not written down. */
  recordHandle(heap: number, a: Allocation, stack: number): boolean {
    try {
      const { ptr, size, align } = a
      const handles = this._handles
      const weight = this.sampler.weightOf(size)
      const ticket = this.ledger.add(heap, ptr, size, align, stack, weight, handles !== null)
      if (handles !== null && ticket !== 0) handles.register(a, ticket)
      return true
    } catch {
      this.isComplete = false
      return false
    }
  }

  /** As record, of what has a holder that is looked after elsewhere: a ticket, or 0. */
  recordHeld(heap: number, ptr: Pointer, size: number, stack: number): number {
    return this.ledger.add(heap, ptr, size, 1, stack, this.sampler.weightOf(size), true)
  }

  /**
   * Takes the record of a block that is about to be freed or moved off its address: one of the next three
   * follows. 0: it has none, which the three take too.
   */
  lift(heap: number, ptr: Pointer): number {
    if (typeof ptr !== 'number' || this.ledger.cells[cellOf(ptr)] === 0) return 0
    return this.ledger.lift(heap, ptr)
  }

  /** The block was freed. */
  strike(record: number): void {
    try {
      if (record !== 0) this.ledger.strike(record)
      else if (this.isComplete) this.ledger.unknown()
    } catch {
      this.isComplete = false // as where no stack is left: the block is free all the same
    }
  }

  /** The block was freed; that others were never written down is no finding. */
  strikeKnown(record: number): void {
    if (record !== 0) this.ledger.strike(record)
  }

  /** The block is where it was. */
  keep(record: number, ptr: Pointer): void {
    if (record !== 0) this.ledger.putBack(record, ptr)
  }

  /** The same, and this handle has it too. */
  keepHeld(record: number, a: Allocation): void {
    const ticket = this.ledger.putBackHeld(record, a.ptr)
    this._handles?.register(a, ticket)
  }

  /** The block is there now, and so long. */
  move(record: number, ptr: Pointer, size: number): void {
    if (record !== 0) this.ledger.put(record, ptr, size)
  }

  /** Notes the live bytes of all sites now. O(sites). */
  snapshot(): void {
    const { liveBlocks } = this.ledger.totals()
    this._history.note(now() - this._startedAt, liveBlocks, this.ledger.liveBytes())
  }

  /** Sums by allocator, without a look at stacks. O(sites). */
  figures(): TraceFigures {
    const byName = new Map<number, AllocatorFigures>()
    for (const site of this.ledger.sites()) {
      const none = { allocs: 0, frees: 0, totalBytes: 0, liveBlocks: 0, liveBytes: 0 }
      const sum = byName.get(site.name) ?? { allocator: this.ledger.nameOf(site.name), ...none }
      for (const field of SUMMED) sum[field] += site[field]
      byName.set(site.name, sum)
    }
    const { records: _, bytes: ledgerBytes, ...totals } = this.ledger.totals()
    return { allocators: [...byName.values()], ...totals, ledgerBytes }
  }

  /** For profiles that other threads make. O(stacks that are new since). */
  resolveLines(): void {
    resolveLines((frame) => this._maps.map(frame))
  }

  profile(): LeakProfile {
    this.snapshot()
    const sites = this._sites()
    const snapshots = this._history.snapshots
    this._history.pop()
    return {
      version: 1,
      mode: this._sampled === 0 ? 'exact' : 'sampled',
      sampleBytes: this._sampled,
      takenAt: new Day(now()).toISOString(),
      durationMs: now() - this._startedAt,
      ...thisProcess(),
      sites,
      totals: this._totals(sites),
      snapshots,
    }
  }

  private _sites(): Site[] {
    const byKey = new Map<string, Site>()
    this.ledger.sites().forEach((figures, i) => {
      const site = this._site(figures, i)
      const key = siteKey(site)
      const same = byKey.get(key)
      if (same === undefined) byKey.set(key, site)
      else add(same, site)
    })
    const sites = [...byKey.values()]
    for (const site of sites) {
      site.growth = growthOf(site.history, this._history.snapshots)
      site.why = whyOf(site)
    }
    return sortSites(sites)
  }

  private _site(figures: SiteFigures, index: number): Site {
    const { frames, scopes } = readStack(figures.stack)
    const { stack: _, name, ...rest } = figures
    return {
      stack: frames.map((frame: Frame) => (isResolved(frame) ? frame : this._maps.map(frame))),
      allocator: this.ledger.nameOf(name),
      scopes,
      ...rest,
      growth: 'unknown',
      why: 'never freed',
      history: this._history.of(index),
    }
  }

  private _totals(sites: readonly Site[]): Totals {
    const { liveBlocks, liveBytes, peakBytes, unknownFrees, unlisted } = this.ledger.totals()
    const sum = { allocs: 0, frees: 0, totalBytes: 0, temporary: 0 }
    for (const site of sites) {
      sum.allocs += site.allocs
      sum.frees += site.frees
      sum.totalBytes += site.totalBytes
      sum.temporary += site.temporary
    }
    const { length } = sites
    return { ...sum, liveBlocks, liveBytes, peakBytes, sites: length, unknownFrees, unlisted }
  }
}

/** Stacks that differ only in frames which are left out are one site. */
function add(site: Site, other: Site): void {
  for (const name of SITE_COUNTS) site[name] += other[name]
  // Both end now.
  const [long, short] =
    site.history.length >= other.history.length
      ? [site.history, other.history]
      : [other.history, site.history]
  const missing = long.length - short.length
  site.history = long.map((bytes, i) => bytes + (i < missing ? 0 : short[i - missing]!))
}
