/** The columns of the table of sites: what they sort by and what they show. */
import { sparkline } from './chart.js'
import { type Model, historyOf } from './data.js'
import { element } from './dom.js'
import { formatExact, formatFigure } from './figures.js'
import type { Figure } from '../html-data.js'

export interface Column {
  key: string
  label: string
  /** What the figure means, for a tooltip. */
  about: string
  /** Pixels. The first column also takes what is left. */
  width: number
  numeric: boolean
  /** What it is sorted by. */
  valueOf: (site: number) => number | string
  fill: (cell: HTMLTableCellElement, site: number) => void
}

/** Where a site is, in words: the user's innermost line. */
export function siteWords(model: Model, site: number): { place: string; name: string } {
  const frame = model.frames[model.userFrame[site]!]
  if (frame === undefined) return { place: '(stack not known)', name: '' }
  if (frame.place === '') return { place: frame.name, name: '' }
  return { place: frame.place, name: frame.name }
}

/** Largest first, as a reader who sorts by it wants the worst above. */
const GROWTH_RANK: Readonly<Record<string, number>> = {
  growing: 3,
  plateau: 2,
  startup: 1,
  unknown: 0,
}

export function columnsOf(model: Model): Column[] {
  const { packed } = model
  const largest = model.figures.liveBytes.reduce(
    (most, value) => Math.max(most, Math.abs(value)),
    0,
  )

  const figure = (
    key: Figure,
    label: string,
    width: number,
    bytes: boolean,
    about: string,
  ): Column => ({
    key,
    label,
    about,
    width,
    numeric: true,
    valueOf: (site) => model.figures[key][site]!,
    fill(cell, site) {
      const value = model.figures[key][site]!
      cell.textContent = formatFigure(model, value, bytes)
      cell.title = formatExact(model, value, bytes)
      cell.dataset['value'] = String(value)
      if (model.isDiff && value !== 0 && key.startsWith('live'))
        cell.classList.add(value > 0 ? 'more' : 'less')
      if (value === 0) cell.classList.add('zero')
      if (key === 'liveBytes') cell.append(bar(value, largest))
    },
  })
  const growthOf = (site: number): string => packed.growth[packed.growthOf[site]!]!

  return [
    {
      key: 'site',
      label: 'Site',
      about: 'Your innermost line on the stack. Open it for the whole stack',
      width: 250,
      numeric: false,
      valueOf(site) {
        const { place, name } = siteWords(model, site)
        return `${place} ${name}`
      },
      fill(cell, site) {
        const { place, name } = siteWords(model, site)
        cell.append(element('bdi', { class: 'place' }, place))
        if (name !== '') cell.append(' ', element('bdi', { class: 'name' }, name))
        cell.title = `${place} ${name}`.trim()
      },
    },
    figure('liveBytes', 'Live bytes', 104, true, 'Allocated and not freed'),
    figure('liveBlocks', 'Blocks', 82, false, 'Live blocks'),
    {
      key: 'growth',
      label: 'Growth',
      about: 'Live bytes over the snapshots',
      width: 150,
      numeric: false,
      valueOf: (site) => GROWTH_RANK[growthOf(site)] ?? 0,
      fill(cell, site) {
        const growth = growthOf(site)
        cell.append(
          sparkline(historyOf(model, site), 56, 15),
          element('span', { class: `growth-${growth}` }, growth),
        )
      },
    },
    text('why', 'Why', 92, 'Why the blocks are alive', (site) => packed.why[packed.whyOf[site]!]!),
    figure('peakBytes', 'Peak', 92, true, 'The most that was live at once'),
    figure('totalBytes', 'Allocated', 92, true, 'Bytes allocated in all'),
    figure('allocs', 'Allocs', 88, false, 'Blocks allocated'),
    figure('frees', 'Frees', 88, false, 'Blocks freed'),
    figure('temporary', 'Temporary', 88, false, "Freed before the allocator's next allocation"),
    text('scopes', 'Scopes', 128, 'The scopes that were open', (site) => model.scopes[site]!),
    text(
      'allocator',
      'Allocator',
      128,
      'Where the blocks are from',
      (site) => model.allocators[site]!,
    ),
  ]
}

function text(
  key: string,
  label: string,
  width: number,
  about: string,
  valueOf: (site: number) => string,
): Column {
  return {
    key,
    label,
    about,
    width,
    numeric: false,
    valueOf,
    fill(cell, site) {
      cell.append(element('bdi', {}, valueOf(site)))
      cell.title = valueOf(site)
    },
  }
}

function bar(value: number, largest: number): HTMLElement {
  const made = element('span', { class: 'bar', 'aria-hidden': 'true' })
  made.style.width = `${largest === 0 ? 0 : (100 * Math.abs(value)) / largest}%`
  return made
}

/** Sites in the order of a column. Where it is the same, in the profile's: O(n log n). */
export function sortSites(sites: Int32Array, column: Column, descending: boolean): Int32Array {
  const sign = descending ? -1 : 1
  const ranks = column.numeric ? numbersOf(sites, column) : ranksOf(sites, column)
  const order = Int32Array.from(sites, (_, i) => i)
  order.sort((a, b) => sign * (ranks[a]! - ranks[b]!) || a - b)
  return order.map((i) => sites[i]!)
}

const numbersOf = (sites: Int32Array, column: Column): Float64Array =>
  Float64Array.from(sites, (site) => column.valueOf(site) as number)

/** Texts are few and compared once each. */
function ranksOf(sites: Int32Array, column: Column): Float64Array {
  const values = Array.from(sites, (site) => column.valueOf(site))
  const distinct = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1))
  const rank = new Map(distinct.map((value, i) => [value, i]))
  return Float64Array.from(values, (value) => rank.get(value)!)
}
