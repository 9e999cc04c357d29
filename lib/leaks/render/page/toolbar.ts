/** What is chosen above the flame graph: figure, direction, search; the way back; what the colours say. */
import { changeColour, frameColour, type Theme } from './colour.js'
import type { Model } from './data.js'
import { element } from './dom.js'
import { METRICS, formatFigure, sayFigure } from './figures.js'
import type { Store } from './store.js'
import { formatShare, plural } from './text.js'
import { type FlameNode, pathOf } from './tree.js'

/** Longer ways show their two ends. */
const MOST_CRUMBS = 8

export function toolbar(store: Store): HTMLElement {
  const metric = element('select', { id: 'metric', 'aria-label': 'Figure' })
  METRICS.forEach(({ label }, i) => metric.append(element('option', { value: i }, label)))
  metric.addEventListener('change', () => store.set({ metric: METRICS[Number(metric.value)]! }))

  const inverted = element('input', { type: 'checkbox', id: 'inverted' })
  inverted.addEventListener('change', () => store.set({ inverted: inverted.checked }))
  store.onChange(() => (inverted.checked = store.view.inverted))
  const title = 'The allocating lines at the top, and their callers below them'
  const turn = element('label', { class: 'quiet', title }, inverted, 'Inverted')

  return element('div', { class: 'toolbar' }, metric, turn, searchBox(store), foundWords(store))
}

function searchBox(store: Store): HTMLElement {
  const box = element('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Search functions, files, scopes',
    'aria-label': 'Search functions, files, scopes',
    title: 'Press / to search',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  box.addEventListener('input', () => store.set({ query: box.value }))
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || box.value === '') return
    box.value = ''
    store.set({ query: '' })
    event.stopPropagation()
  })
  return box
}

/** How much the search has found of what is drawn. */
function foundWords(store: Store): HTMLElement {
  const words = element('p', { id: 'found', 'aria-live': 'polite' })
  const show = (): void => {
    const { metric, query } = store.view
    if (query.trim() === '') {
      words.replaceChildren()
      return
    }
    const { model, zoomed } = store
    const sum = store.sumOfShown(store.valuesOf(metric))
    const share = model.isDiff ? '' : ` (${formatShare(sum, zoomed.net) || '0 %'})`
    words.dataset['value'] = String(sum)
    words.replaceChildren(
      element('b', {}, sayFigure(model, sum, metric)),
      `${share} in ${plural(store.shown.length, 'site')}`,
    )
  }
  store.onChange(show)
  return words
}

/** The way from all to the frame that is zoomed to; each step leads back. */
export function breadcrumb(store: Store, zoomTo: (path: readonly number[]) => void): HTMLElement {
  const list = element('ol', { class: 'crumbs' })
  const show = (): void => {
    const { model, tree, view, zoomed } = store
    const nodes: FlameNode[] = []
    for (let at: FlameNode | undefined = zoomed; at; at = at.parent) nodes.push(at)
    nodes.reverse()
    const crumbs = nodes.map((node, i) => {
      const name = node === tree.root ? 'all' : model.frames[node.frame]!.name
      const figure = formatFigure(model, node.net, view.metric.bytes)
      const last = i === nodes.length - 1
      const button = element('button', { type: 'button', class: 'crumb', disabled: last }, name)
      button.title = last ? 'Escape zooms out' : `Zoom out to ${name}`
      button.addEventListener('click', () => zoomTo(pathOf(node)))
      const step = element('li', {}, button)
      if (last) step.append(element('span', { class: 'crumb-figure' }, figure))
      return step
    })
    if (crumbs.length > MOST_CRUMBS) {
      const left = crumbs.length - MOST_CRUMBS
      crumbs.splice(2, left, element('li', { class: 'crumb-gap' }, `${plural(left, 'frame')}`))
    }
    list.replaceChildren(...crumbs)
  }
  show()
  store.onChange(show)
  return element('nav', { 'aria-label': 'Zoomed to' }, list)
}

function item(label: string, colours: readonly string[], kind = ''): HTMLElement {
  const swatch = element('span', { class: `swatch ${kind}` })
  swatch.style.background =
    colours.length > 1 ? `linear-gradient(90deg, ${colours.join(', ')})` : colours[0]!
  return element('li', {}, swatch, label)
}

/** What the colours mean. */
export function legend(model: Model, theme: Theme): HTMLElement[] {
  const has = (kind: string): boolean => model.frames.some((frame) => frame.kind === kind)
  const of = (kind: 'user' | 'package' | 'node' | 'native', group: string): string =>
    frameColour({ kind, group }, theme)
  const items: HTMLElement[] = []
  if (model.isDiff) {
    const ways = [-1, 0, 1].map((net) => changeColour(net, 1, theme))
    items.push(item('less', [ways[0]!]), item('as before', [ways[1]!]), item('more', [ways[2]!]))
  } else {
    const names = ['a', 'b', 'c', 'd']
    if (has('user'))
      items.push(
        item(
          'your files',
          names.map((name) => of('user', name)),
        ),
      )
    if (has('package'))
      items.push(
        item(
          'packages',
          names.map((name) => of('package', name)),
        ),
      )
    if (has('node')) items.push(item('Node.js', [of('node', 'node')]))
  }
  if (has('native')) items.push(item('native', [of('native', 'native')], 'striped'))
  if (model.frames.some((frame) => frame.async)) items.push(item('async caller', [''], 'dashed'))
  return items
}
