/** What opens under a row of the table: why its blocks live, its figures, its history, its stack. */
import { sparkline } from './chart.js'
import { type FrameInfo, type Model, historyOf } from './data.js'
import { element } from './dom.js'
import { formatExact } from './figures.js'
import { formatBytes, formatShare, plural } from './text.js'
import type { Figure } from '../html-data.js'

/** Stacks that are deeper show their two ends. */
const MOST_FRAMES = 200

export function detailOf(model: Model, site: number, showInGraph: () => void): HTMLElement {
  const button = element('button', { type: 'button', class: 'quiet' }, 'Show in the flame graph')
  button.addEventListener('click', showInGraph)
  return element(
    'div',
    { class: 'detail' },
    element(
      'div',
      { class: 'detail-words' },
      element('p', { class: 'reason' }, reasonOf(model, site)),
      element('p', { class: 'reason' }, growthWords(model, site)),
      sparkline(historyOf(model, site), 280, 72),
      button,
    ),
    figuresOf(model, site),
    stackOf(model, site),
  )
}

/** Why, with the bytes that say so. */
function reasonOf(model: Model, site: number): string {
  const { figures, packed, isDiff } = model
  const why = packed.why[packed.whyOf[site]!]!
  const say = (figure: Figure) => formatBytes(figures[figure][site]!, isDiff)
  const live = `of ${say('liveBytes')}`
  if (why === 'handle lost') {
    return `Handle lost: ${say('lostBytes')} ${live} in blocks whose handles were garbage-collected.`
  }
  if (why === 'still held') {
    return `Still held: ${say('heldBytes')} ${live} in blocks whose handles something still holds.`
  }
  return `Never freed: nobody freed these ${say('liveBytes')}, and no handles tell who could.`
}

function growthWords(model: Model, site: number): string {
  const { packed } = model
  const growth = packed.growth[packed.growthOf[site]!]!
  const history = historyOf(model, site)
  if (history.length < 2) return 'One snapshot only: its growth is not known.'
  const names: Readonly<Record<string, string>> = {
    growing: 'Growing',
    plateau: 'Plateau',
    startup: 'Start-up',
    unknown: 'Growth not known',
  }
  const [first, last] = [history[0]!, history.at(-1)!]
  const snapshots = plural(packed.snapshots.at.length, 'snapshot')
  return `${names[growth]!}: ${formatBytes(first)} to ${formatBytes(last)} over ${snapshots}.`
}

const ROWS: readonly (readonly [figure: Figure, label: string, bytes: boolean])[] = [
  ['liveBytes', 'Live', true],
  ['liveBlocks', 'Live blocks', false],
  ['peakBytes', 'Peak', true],
  ['totalBytes', 'Allocated', true],
  ['allocs', 'Allocations', false],
  ['frees', 'Frees', false],
  ['temporary', 'Temporary', false],
  ['lostBytes', 'Handle lost', true],
  ['heldBytes', 'Still held', true],
]

function figuresOf(model: Model, site: number): HTMLElement {
  const list = element('dl', { class: 'figures' })
  for (const [figure, label, bytes] of ROWS) {
    const value = model.figures[figure][site]!
    const text = formatExact(model, value, bytes)
    list.append(element('dt', {}, label), element('dd', { 'data-value': value }, text))
  }
  const live = model.figures.liveBytes[site]!
  const all = model.packed.totals.liveBytes
  if (!model.isDiff) {
    list.append(element('dt', {}, 'Of all live bytes'), element('dd', {}, formatShare(live, all)))
  }
  if (model.scopes[site] !== '') {
    list.append(element('dt', {}, 'Scopes'), element('dd', {}, model.scopes[site]!))
  }
  list.append(element('dt', {}, 'Allocator'), element('dd', {}, model.allocators[site]!))
  return list
}

/** Innermost first, as stacks are printed. */
function stackOf(model: Model, site: number): HTMLElement {
  const [from, to] = [model.starts[site]!, model.starts[site + 1]!]
  if (from === to) return element('p', { class: 'empty' }, 'The stack is not known.')
  const list = element('ol', { class: 'stack' })
  const count = to - from
  for (let i = 0; i < count; i++) {
    if (count > MOST_FRAMES && i === MOST_FRAMES / 2) {
      const left = count - MOST_FRAMES
      list.append(element('li', { class: 'left-out' }, `${plural(left, 'frame')} left out`))
      i += left
    }
    const frame = model.stacks[to - 1 - i]!
    list.append(frameLine(model.frames[frame]!, frame === model.userFrame[site]))
  }
  return list
}

function frameLine(frame: FrameInfo, first: boolean): HTMLElement {
  const line = element('li', { class: `frame-${frame.kind}${first ? ' here' : ''}` })
  if (frame.async) line.append(element('span', { class: 'tag' }, 'async'))
  if (frame.kind === 'native') line.append(element('span', { class: 'tag' }, 'native'))
  line.append(element('bdi', { class: 'name' }, frame.name))
  if (frame.fullPlace !== '') {
    line.append(' ', element('bdi', { class: 'place', title: frame.fullPlace }, frame.fullPlace))
  }
  if (frame.symbol !== '') line.append(' ', element('span', { class: 'symbol' }, frame.symbol))
  return line
}
