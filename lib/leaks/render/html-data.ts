/**
 * A profile as the HTML page carries it: each text once, each frame once, stacks in order so that one
 * says only where it leaves the one before it, and figures in columns. 10^5 sites of 16 frames are a few
 * megabytes of JSON.
 */
import type { Frame, Growth, LeakProfile, Site, Totals, Why } from '../profile.js'

/** Figures of a site that are plain numbers. */
export const FIGURES = [
  'allocs',
  'frees',
  'totalBytes',
  'liveBlocks',
  'liveBytes',
  'peakBytes',
  'temporary',
  'lostBytes',
  'heldBytes',
] as const satisfies readonly (keyof Site)[]

export type Figure = (typeof FIGURES)[number]

/** Bits of `PackedFrames.flags`. */
export const NATIVE = 1
export const ASYNC = 2

/** Columns: the i-th entry of each is of the i-th frame. */
export interface PackedFrames {
  /** Of `strings`, as are `file` and `buildId`. */
  function: number[]
  file: number[]
  line: number[]
  column: number[]
  flags: number[]
  /** -1: none. */
  offset: number[]
  buildId: number[]
}

/** All stacks, outermost frame first, sorted, so that neighbours begin alike. */
export interface PackedStacks {
  /** Which site the i-th stack is of. */
  site: number[]
  /** How many frames it has in common with the stack before, and how many more it has. */
  shared: number[]
  more: number[]
  /** These, of all stacks, one after the other. */
  frames: number[]
}

/** What a page knows of a profile. */
export interface PackedProfile {
  about: Omit<LeakProfile, 'version' | 'sites' | 'snapshots' | 'totals'>
  totals: Totals
  strings: string[]
  frames: PackedFrames
  stacks: PackedStacks
  figures: Record<Figure, number[]>
  growth: Growth[]
  why: Why[]
  /** Of `growth` and `why`, for each site. */
  growthOf: number[]
  whyOf: number[]
  /** Of `strings`, for each site. */
  allocator: number[]
  /** Each list of scopes once, as places in `strings`; and which one each site has. */
  scopes: number[][]
  scopesOf: number[]
  /** Columns. Thinned to {@link MOST_SNAPSHOTS}. */
  snapshots: { at: number[]; liveBytes: number[]; liveBlocks: number[] }
  /** At which of these snapshots the sites' live bytes are given. */
  historyAt: number[]
  /** Of each site, in whole bytes; shorter than `historyAt` by what came before the site. */
  history: number[][]
}

/** More snapshots than that are thinned evenly; the first, the last and the largest are kept. */
export const MOST_SNAPSHOTS = 1000
/** So many numbers at most for the histories of all sites, but never fewer than eight for a site. */
const HISTORY_BUDGET = 1_500_000
const SHORTEST_HISTORY = 8
const LONGEST_HISTORY = 200

/** The profile in the form that the page takes. O(frames of all stacks), and a sort of the stacks. */
export function pack(profile: LeakProfile): PackedProfile {
  const { sites, snapshots, totals, version: _, ...about } = profile
  const strings = new Interner<string>()
  const scopes = new Interner<string>()
  const scopeLists: number[][] = []
  const frames = new FrameTable(strings)
  const stacks = packStacks(sites, frames)
  const kept = keptSnapshots(profile)
  const historyAt = evenly(
    kept.length,
    Math.min(
      LONGEST_HISTORY,
      Math.max(SHORTEST_HISTORY, Math.floor(HISTORY_BUDGET / (sites.length || 1))),
    ),
  )
  const growth = new Interner<Growth>()
  const why = new Interner<Why>()
  const scopesOf = sites.map((site) => {
    const list = scopes.id(JSON.stringify(site.scopes))
    scopeLists[list] ??= site.scopes.map((scope) => strings.id(scope))
    return list
  })
  return {
    about,
    totals,
    frames: frames.columns,
    stacks,
    figures: Object.fromEntries(
      FIGURES.map((figure) => [figure, sites.map((site) => site[figure])]),
    ) as Record<Figure, number[]>,
    growthOf: sites.map((site) => growth.id(site.growth)),
    whyOf: sites.map((site) => why.id(site.why)),
    growth: growth.all,
    why: why.all,
    allocator: sites.map((site) => strings.id(site.allocator)),
    scopes: scopeLists,
    scopesOf,
    snapshots: {
      at: kept.map((i) => snapshots[i]!.at),
      liveBytes: kept.map((i) => snapshots[i]!.liveBytes),
      liveBlocks: kept.map((i) => snapshots[i]!.liveBlocks),
    },
    historyAt,
    history: packHistories(
      sites,
      snapshots.length,
      historyAt.map((i) => kept[i]!),
    ),
    // Last: what comes before still adds to them.
    strings: strings.all,
  }
}

/** Gives each value a number, from 0, in the order in which they come. */
class Interner<T> {
  readonly all: T[] = []
  private readonly ids = new Map<T, number>()

  id(value: T): number {
    const known = this.ids.get(value)
    if (known !== undefined) return known
    const id = this.all.push(value) - 1
    this.ids.set(value, id)
    return id
  }
}

/**
 * Each frame once. Found by an open hash table of their numbers: a Map of texts made of them takes ten
 * times as long, and there are 1.6 million frames in 10^5 stacks of 16.
 */
class FrameTable {
  readonly columns: PackedFrames = {
    function: [],
    file: [],
    line: [],
    column: [],
    flags: [],
    offset: [],
    buildId: [],
  }
  /** Frames by their hash, or the next free place; -1: free. A power of two, at most half full. */
  private slots = new Int32Array(1024).fill(-1)

  constructor(private readonly strings: Interner<string>) {}

  id(frame: Frame): number {
    const name = this.strings.id(frame.function)
    const file = this.strings.id(frame.file)
    const flags = (frame.native === true ? NATIVE : 0) | (frame.async === true ? ASYNC : 0)
    const { line, column, offset = -1, buildId } = frame
    const build = this.strings.id(buildId ?? '')
    const { columns } = this
    let slot = this.slotOf(name, file, line, column, offset)
    for (let id = this.slots[slot]!; id !== -1; id = this.slots[slot]!) {
      if (
        columns.function[id] === name &&
        columns.file[id] === file &&
        columns.line[id] === line &&
        columns.column[id] === column &&
        columns.flags[id] === flags &&
        columns.offset[id] === offset &&
        columns.buildId[id] === build
      ) {
        return id
      }
      slot = (slot + 1) & (this.slots.length - 1)
    }
    const id = columns.function.push(name) - 1
    columns.file.push(file)
    columns.line.push(line)
    columns.column.push(column)
    columns.flags.push(flags)
    columns.offset.push(offset)
    columns.buildId.push(build)
    this.slots[slot] = id
    if (id * 2 > this.slots.length) this.grow()
    return id
  }

  private slotOf(name: number, file: number, line: number, column: number, offset: number): number {
    let hash = Math.imul(name, 0x9e3779b1) ^ Math.imul(file, 0x85ebca6b)
    hash = Math.imul(hash ^ line, 0xc2b2ae35) ^ Math.imul(column, 0x27d4eb2f)
    hash = Math.imul(hash ^ (hash >>> 13) ^ offset, 0x85ebca6b)
    return (hash ^ (hash >>> 15)) & (this.slots.length - 1)
  }

  private grow(): void {
    const { columns } = this
    this.slots = new Int32Array(this.slots.length * 2).fill(-1)
    const { file, line, column, offset } = columns
    columns.function.forEach((name, id) => {
      let slot = this.slotOf(name, file[id]!, line[id]!, column[id]!, offset[id]!)
      while (this.slots[slot] !== -1) slot = (slot + 1) & (this.slots.length - 1)
      this.slots[slot] = id
    })
  }
}

function packStacks(sites: readonly Site[], table: FrameTable): PackedStacks {
  const stacks = sites.map(({ stack }) => {
    const ids = new Int32Array(stack.length)
    for (let i = 0; i < ids.length; i++) ids[i] = table.id(stack[ids.length - 1 - i]!)
    return ids
  })
  const site = sites.map((_, i) => i)
  site.sort((a, b) => compareStacks(stacks[a]!, stacks[b]!) || a - b)
  const packed: PackedStacks = { site, shared: [], more: [], frames: [] }
  let before = new Int32Array(0)
  for (const i of site) {
    const stack = stacks[i]!
    const shared = alike(before, stack)
    packed.shared.push(shared)
    packed.more.push(stack.length - shared)
    for (let k = shared; k < stack.length; k++) packed.frames.push(stack[k]!)
    before = stack
  }
  return packed
}

/** How many frames two stacks begin with in common. */
function alike(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length)
  let i = 0
  while (i < end && a[i] === b[i]) i++
  return i
}

function compareStacks(a: Int32Array, b: Int32Array): number {
  const i = alike(a, b)
  return (a[i] ?? -1) - (b[i] ?? -1)
}

/** Places in the profile's snapshots. */
function keptSnapshots({ snapshots }: LeakProfile): number[] {
  const kept = evenly(snapshots.length, MOST_SNAPSHOTS)
  if (kept.length === snapshots.length) return kept
  let largest = 0
  snapshots.forEach(({ liveBytes }, i) => {
    if (liveBytes > snapshots[largest]!.liveBytes) largest = i
  })
  return [...new Set([...kept, largest])].sort((a, b) => a - b)
}

/** At most `most` of 0 .. count - 1 at equal steps, with both ends. */
function evenly(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i)
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)))
}

function packHistories(
  sites: readonly Site[],
  snapshots: number,
  kept: readonly number[],
): number[][] {
  return sites.map(({ history }) => {
    const missing = snapshots - history.length
    const points: number[] = []
    for (const i of kept) if (i >= missing) points.push(Math.round(history[i - missing]!))
    return points
  })
}
