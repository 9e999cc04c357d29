/**
 * The report that a terminal shows: a table, largest first, and below each row the lines of code.
 */
import type { Frame, LeakProfile, Site } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { bar, columnsOf, cut, padded, type Paint, painter, type Style } from './columns.js'
import { framePlace, functionName, printable, UNKNOWN_FRAME, userFrameIndex } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { select } from './select.js'
import { growthLabel, numbersOf, restOf, summaryOf } from './summary.js'

/** Options of the format `text`. */
export interface TextOptions extends RenderOptions {
  /** Columns of the terminal, from 40, or Infinity. Default 80. */
  width?: number
  /** With SGR sequences, as terminals know them. Default: without. */
  colors?: boolean
  /** Lines of its stack that each site has besides the user's own. Default 3. */
  frames?: number
}

const DEFAULTS: Required<TextOptions> = {
  minBytes: 1,
  limit: 20,
  width: 80,
  colors: false,
  frames: 3,
}
const WIDEST_BAR = 24
const GAP = '  '

interface Column {
  title: string
  cells: string[]
  side: 'left' | 'right'
  /** Which column gives way first where there is too little room: the highest. */
  rank: number
  style(site: Site): Style[]
}

/**
 * A table of the sites, largest first, with figures, a bar and, below, the line of code and its
 * callers. Lines are never wider than `width`: paths are cut at their start, and columns left out
 * that do not fit. Control characters in names are shown as escapes, so that none reaches a
 * terminal. In a difference, figures have signs.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderText(profile: LeakProfile, options: TextOptions = {}): string {
  const { width, colors, frames, ...choice } = withDefaults('text', options, DEFAULTS)
  const paint = painter(colors)
  const numbers = numbersOf(profile)
  const { sites, rest } = select(profile, choice)
  const lines = summaryOf(profile).flatMap((line) => wrapped(line, width))
  if (sites.length > 0) {
    const table = tableOf(profile, sites, width, paint)
    const allocators = new Set(profile.sites.map(({ allocator }) => allocator))
    const code = (site: Site): string[] =>
      codeOf(site, { width, frames, paint, named: allocators.size > 1 })
    lines.push('', table.head)
    for (const [i, site] of sites.entries()) lines.push(table.rows[i]!, ...code(site))
  }
  const more = restOf(rest, numbers)
  if (more !== '') lines.push('', ...wrapped(more, width))
  return withinLimits(profile, () => `${lines.join('\n')}\n`)
}

/** A sentence over as many lines as it takes. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && columnsOf(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(cut(word, width, 'end'))
  }
  return lines
}

interface Table {
  head: string
  rows: string[]
}

function tableOf(profile: LeakProfile, sites: readonly Site[], width: number, paint: Paint): Table {
  const columns = fitting(columnsFor(profile, sites), width)
  const widths = columns.map(widthOf)
  const used = widths.reduce((sum, each) => sum + each + GAP.length, 0)
  const room = Math.min(WIDEST_BAR, width - used)
  const most = sites.reduce((max, { liveBytes }) => Math.max(max, Math.abs(liveBytes)), 0)
  const row = (cell: (column: Column, width: number) => string): string =>
    columns.map((column, i) => cell(column, widths[i]!)).join(GAP)
  return {
    head: paint(row(({ title, side }, w) => padded(title, w, side)).trimEnd(), 'dim'),
    rows: sites.map((site, i) => {
      const cells = row(({ cells: all, side, style }, w) =>
        paint(padded(all[i]!, w, side), ...style(site)),
      )
      const drawn = room < 3 ? '' : bar(share(Math.abs(site.liveBytes), most), room)
      return drawn === '' ? cells.trimEnd() : `${cells}${GAP}${paint(drawn, direction(site))}`
    }),
  }
}

const share = (part: number, all: number): number => (all === 0 ? 0 : part / all)
const direction = ({ liveBytes }: Site): Style => (liveBytes < 0 ? 'green' : 'yellow')

function columnsFor(profile: LeakProfile, sites: readonly Site[]): Column[] {
  const { bytes, count } = numbersOf(profile)
  return [
    {
      title: 'live',
      cells: sites.map(({ liveBytes }) => bytes(liveBytes)),
      side: 'left',
      rank: 0,
      style: () => ['bold'],
    },
    {
      title: 'blocks',
      cells: sites.map(({ liveBlocks }) => count(liveBlocks)),
      side: 'left',
      rank: 2,
      style: () => [],
    },
    {
      title: 'growth',
      cells: sites.map((site) => growthLabel(site, profile)),
      side: 'right',
      rank: 3,
      style: ({ growth }) => (growth === 'growing' ? ['red'] : ['dim']),
    },
    {
      title: 'why',
      cells: sites.map(({ why }) => why),
      side: 'right',
      rank: 1,
      style: ({ why }) => (why === 'handle lost' ? ['red'] : []),
    },
  ]
}

const widthOf = ({ title, cells }: Column): number =>
  cells.reduce((most, cell) => Math.max(most, columnsOf(cell)), columnsOf(title))

/** The columns that fit; the first in rank stays always. */
function fitting(columns: readonly Column[], width: number): Column[] {
  let room = width
  const ranked = [...columns].sort((a, b) => a.rank - b.rank)
  const kept = new Set(
    ranked.filter((column) => {
      const needed = widthOf(column) + (column.rank === 0 ? 0 : GAP.length)
      if (column.rank > 0 && needed > room) return false
      room -= needed
      return true
    }),
  )
  return columns.filter((column) => kept.has(column))
}

interface CodeStyle {
  width: number
  frames: number
  paint: Paint
  /** Name the allocator? */
  named: boolean
}

/** The user's own line, and up to `frames` of the stack, innermost first. */
function codeOf(site: Site, { width, frames, paint, named }: CodeStyle): string[] {
  const own = userFrameIndex(site)
  const first = lineOf(site.stack[own] ?? UNKNOWN_FRAME, width - 2)
  const lines = [`  ${paint(first.name, 'bold')}${paint(first.place, 'cyan')}`]
  const others = own === 0 ? site.stack.slice(1) : site.stack
  for (const frame of others.slice(0, frames)) {
    const { name, place } = lineOf(frame, width - 4)
    lines.push(`    ${paint(name + place, 'dim')}`)
  }
  const hidden = others.length - frames
  if (frames > 0 && hidden > 0)
    lines.push(`    ${paint(`… ${hidden} more ${hidden === 1 ? 'frame' : 'frames'}`, 'dim')}`)
  const from = [
    ...(site.scopes.length === 0 ? [] : [`scope ${printable(site.scopes.join(' > '))}`]),
    ...(named ? [`allocator ${printable(site.allocator)}`] : []),
  ].join(', ')
  if (from !== '') lines.push(`    ${cut(from, width - 4, 'end')}`)
  return lines
}

/**
 * The name of a function and, after it, its place: both in `width` columns, the place cut first.
 */
function lineOf(frame: Frame, width: number): { name: string; place: string } {
  const place = printable(framePlace(frame))
  const name = printable(functionName(frame))
  if (place === '') return { name: cut(name, width, 'end'), place }
  const least = Math.min(columnsOf(place), Math.floor(width / 2))
  const shown = cut(name, width - GAP.length - least, 'end')
  return { name: shown, place: GAP + cut(place, width - GAP.length - columnsOf(shown), 'start') }
}
