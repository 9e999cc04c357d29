/** What ran, when, how it was traced, and the sums over all sites. */
import type { Totals } from '../../profile.js'
import { element } from './dom.js'
import type { Model } from './data.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatExactBytes,
  formatMoment,
  plural,
  visible,
} from './text.js'

export function header(model: Model, tools: HTMLElement): HTMLElement {
  const { program } = model.packed.about
  const title = program === '' ? 'Leak profile' : visible(program)
  return element(
    'header',
    {},
    element('div', { class: 'title' }, element('h1', { title }, element('bdi', {}, title)), tools),
    element('p', { class: 'when' }, ...whenWords(model)),
    ...notes(model).map((note) => element('p', { class: 'note' }, note)),
  )
}

function whenWords(model: Model): string[] {
  const { durationMs, mode, pid, since, takenAt } = model.packed.about
  const words =
    since === undefined
      ? [`Leak profile, taken ${formatMoment(takenAt)}`]
      : [`Changes from ${formatMoment(since)} to ${formatMoment(takenAt)}`]
  words.push(`traced for ${formatDuration(durationMs)}`)
  if (pid > 0) words.push(`process ${pid}`)
  words.push(mode === 'exact' ? 'every allocation recorded' : 'sampled')
  return [words.join(' · ')]
}

/** What a reader must know to read the figures right. */
function notes(model: Model): string[] {
  const { about, totals } = model.packed
  const said: string[] = []
  if (about.mode === 'sampled') {
    said.push(
      `Figures are estimates: about one allocation every ${formatBytes(about.sampleBytes)} was sampled, ` +
        'and each sampled block stands for as many as the sampling left out, on average.',
    )
  }
  if (model.isDiff) {
    said.push(
      'Figures are differences: + is more than before, − is less. Widths are amounts of change.',
    )
  }
  if (totals.sites > model.count) {
    const left = plural(totals.sites - model.count, 'smaller site')
    said.push(`${left} of ${formatCount(totals.sites)} left out here; the sums above count them.`)
  }
  if (totals.unknownFrees !== 0) {
    said.push(
      `${plural(totals.unknownFrees, 'free')} of blocks that were not recorded: allocated before tracing ` +
        'began, or by somebody else.',
    )
  }
  if (totals.unlisted !== 0) {
    said.push(
      `${plural(totals.unlisted, 'block')} counted by site only, as the ledger was full: why they live ` +
        'is not known.',
    )
  }
  return said
}

/** The sums, as a list of terms; each says the exact figure when pointed at. */
export function totalsOf(model: Model): HTMLElement {
  const { totals, about } = model.packed
  const roughly = about.mode === 'sampled' ? '≈\u2009' : ''
  const list = element('dl', { class: 'totals' })
  const add = (label: string, key: keyof Totals, bytes: boolean, signed = model.isDiff) => {
    const value = totals[key]
    const text = bytes ? formatBytes(value, signed) : formatCount(value, signed)
    const title = bytes ? formatExactBytes(value, signed) : text
    // How many sites there are is no estimate.
    const shown = (key === 'sites' ? '' : roughly) + text
    const figure = element('dd', { title, 'data-total': key, 'data-value': value }, shown)
    const kind = key === 'liveBytes' ? 'main' : ''
    list.append(element('div', { class: kind }, element('dt', {}, label), figure))
  }
  add('Live bytes', 'liveBytes', true)
  add('Live blocks', 'liveBlocks', false)
  add('Peak bytes', 'peakBytes', true)
  add('Allocated', 'totalBytes', true)
  add('Allocations', 'allocs', false)
  add('Frees', 'frees', false)
  add('Temporary', 'temporary', false)
  add('Sites', 'sites', false, false)
  return list
}
