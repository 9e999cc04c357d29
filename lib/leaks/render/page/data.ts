/** The packed profile, unpacked into what the page's parts read: frames, stacks, columns. No DOM. */
import type { Figure, PackedProfile } from '../html-data.js'
import { visible } from './text.js'

/** What kind of code a frame is, which its colour says. */
export type Kind = 'user' | 'package' | 'node' | 'native'

export interface FrameInfo {
  /** As it is shown; '(anonymous)' where there is no name. */
  name: string
  /** File and line as they are shown, short: src/upload.ts:42. '' where not known. */
  place: string
  /** The same in full, with the column. */
  fullPlace: string
  kind: Kind
  /** What gives it its hue: a file of the user's, a package, a shared library. */
  group: string
  async: boolean
  /** Of a native frame: where a symbolizer looks. '' otherwise. */
  symbol: string
  /** What a search looks into, in lower case. */
  text: string
}

/** Frames have numbers; so do sites, in the profile's order: largest live bytes first. */
export interface Model {
  packed: PackedProfile
  /** How many sites. */
  count: number
  frames: FrameInfo[]
  /** The frames of site i, outermost first: stacks[starts[i]] .. stacks[starts[i + 1] - 1]. */
  starts: Int32Array
  stacks: Int32Array
  figures: Record<Figure, Float64Array>
  allocators: string[]
  scopes: string[]
  /** The innermost frame of each site that is the user's own; -1: the stack is not known. */
  userFrame: Int32Array
  /** Figures may be negative. */
  isDiff: boolean
}

export function unpack(packed: PackedProfile): Model {
  const frames = readFrames(packed)
  const { starts, stacks } = readStacks(packed)
  const scopeTexts = packed.scopes.map((list) =>
    list.map((scope) => visible(packed.strings[scope]!)).join(' › '),
  )
  const figures = Object.fromEntries(
    Object.entries(packed.figures).map(([figure, column]) => [figure, Float64Array.from(column)]),
  ) as Record<Figure, Float64Array>
  return {
    packed,
    count: packed.allocator.length,
    frames,
    starts,
    stacks,
    figures,
    allocators: packed.allocator.map((name) => visible(packed.strings[name]!)),
    scopes: packed.scopesOf.map((list) => scopeTexts[list]!),
    userFrame: userFrames(frames, starts, stacks),
    isDiff: packed.about.since !== undefined,
  }
}

function readStacks({ stacks: packed, allocator }: PackedProfile) {
  const starts = new Int32Array(allocator.length + 1)
  packed.site.forEach((site, i) => {
    starts[site + 1] = packed.shared[i]! + packed.more[i]!
  })
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!
  const stacks = new Int32Array(starts.at(-1)!)
  let before = 0
  let next = 0
  packed.site.forEach((site, i) => {
    let to = starts[site]!
    const shared = packed.shared[i]!
    stacks.copyWithin(to, before, before + shared)
    before = to
    to += shared
    for (let left = packed.more[i]!; left > 0; left--) stacks[to++] = packed.frames[next++]!
  })
  return { starts, stacks }
}

function readFrames({ frames: packed, strings }: PackedProfile): FrameInfo[] {
  const files = fileNames(strings, packed.file, packed.flags)
  return packed.function.map((name, i) => {
    const file = files.get(packed.file[i]!)!
    const native = (packed.flags[i]! & 1) !== 0
    const [line, column] = [packed.line[i]!, packed.column[i]!]
    const at = line === 0 ? '' : `:${line}`
    const shown = visible(strings[name]!) || '(anonymous)'
    const fullPlace = `${file.full}${at}${line === 0 || column === 0 ? '' : `:${column}`}`
    return {
      name: shown,
      place: file.short === '' ? '' : file.short + at,
      fullPlace,
      kind: native ? 'native' : file.kind,
      group: native ? file.base : file.group,
      async: (packed.flags[i]! & 2) !== 0,
      symbol: native ? symbolOf(packed.offset[i]!, strings[packed.buildId[i]!]!) : '',
      text: `${shown} ${fullPlace}`.toLowerCase(),
    }
  })
}

function symbolOf(offset: number, buildId: string): string {
  const at = offset < 0 ? '' : `+0x${offset.toString(16)}`
  return visible(buildId === '' ? at : `${at} build id ${buildId}`.trim())
}

interface FileInfo {
  full: string
  short: string
  base: string
  kind: Exclude<Kind, 'native'>
  group: string
}

const PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/?(.*)$/

/** What there is to know of each file's name. Those of the user are shown from their common folder. */
function fileNames(
  strings: readonly string[],
  used: readonly number[],
  flags: readonly number[],
): Map<number, FileInfo> {
  const native = new Set(used.filter((_, i) => (flags[i]! & 1) !== 0))
  const infos = new Map<number, FileInfo>()
  for (const id of new Set(used)) infos.set(id, fileInfo(strings[id]!, native.has(id)))
  const own = [...infos.values()].filter(({ kind, full }) => kind === 'user' && full !== '')
  const prefix = commonFolder(own.map(({ short }) => short))
  for (const info of own) info.short = info.short.slice(prefix)
  return infos
}

function fileInfo(file: string, native: boolean): FileInfo {
  const full = visible(file)
  const path = full.replace(/^file:\/\//, '').replaceAll('\\', '/')
  const base = path.slice(path.lastIndexOf('/') + 1)
  if (native) return { full, short: base, base, kind: 'package', group: base }
  if (path.startsWith('node:')) return { full, short: path, base, kind: 'node', group: 'node' }
  const [, name, rest] = PACKAGE.exec(`/${path}`) ?? []
  if (name !== undefined) {
    const short = rest === '' ? name : `${name}/${rest!}`
    return { full, short, base, kind: 'package', group: name }
  }
  return { full, short: path, base, kind: 'user', group: path }
}

/** The length of the folder that all paths lie in, with its slash. */
function commonFolder(paths: readonly string[]): number {
  const [first = ''] = paths
  let length = first.lastIndexOf('/') + 1
  for (const path of paths) {
    while (length > 0 && !path.startsWith(first.slice(0, length))) {
      // A place before the first is taken for the first.
      length = length === 1 ? 0 : first.lastIndexOf('/', length - 2) + 1
    }
  }
  return length
}

/** The innermost frame of the user's; else of a package; else the innermost of all. */
function userFrames(
  frames: readonly FrameInfo[],
  starts: Int32Array,
  stacks: Int32Array,
): Int32Array {
  const found = new Int32Array(starts.length - 1).fill(-1)
  for (let site = 0; site < found.length; site++) {
    const [from, to] = [starts[site]!, starts[site + 1]!]
    let best = -1
    let rank = Infinity
    for (let i = to - 1; i >= from && rank > 0; i--) {
      const frame = stacks[i]!
      const its = RANKS[frames[frame]!.kind]
      if (its < rank) [best, rank] = [frame, its]
    }
    found[site] = best
  }
  return found
}

const RANKS: Readonly<Record<Kind, number>> = { user: 0, package: 1, native: 2, node: 3 }

/** Of 0 .. points - 1, the site's live bytes at each of `historyAt`; 0 before it was. */
export function historyOf(model: Model, site: number): number[] {
  const { history, historyAt } = model.packed
  const its = history[site]!
  return historyAt.map((_, i) => its[i - (historyAt.length - its.length)] ?? 0)
}
