/** The tooltip of the flame graph, and what is said of a box. */
import { element } from './dom.js'
import { METRICS, formatExact, formatFigure, sayFigure } from './figures.js'
import { labelOf } from './flame-paint.js'
import type { Store } from './store.js'
import { formatShare, plural } from './text.js'
import type { Box } from './tree.js'

export class Tip {
  readonly element = element('div', { class: 'tip', role: 'tooltip', hidden: true })

  /** Beside the pointer, and always inside the window. */
  show(content: readonly HTMLElement[], x: number, y: number): void {
    this.element.replaceChildren(...content)
    this.element.hidden = false
    const { width, height } = this.element.getBoundingClientRect()
    const right = x + 14 + width > innerWidth ? x - 14 - width : x + 14
    const below = y + 16 + height > innerHeight ? y - 12 - height : y + 16
    this.element.style.left = `${Math.max(4, right)}px`
    this.element.style.top = `${Math.max(4, below)}px`
  }

  hide(): void {
    this.element.hidden = true
  }
}

/** A box in a sentence. */
export function sayBox(store: Store, box: Box): string {
  const { model, tree, view } = store
  const frame = model.frames[box.node?.frame ?? -1]
  const share = model.isDiff ? '' : formatShare(box.net, tree.root.net)
  const parts = [
    labelOf(store, box),
    frame?.fullPlace ?? '',
    sayFigure(model, box.net, view.metric),
    share,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** A box in lines: name, place, then its figures, that which is drawn first. */
export function describeBox(store: Store, box: Box): HTMLElement[] {
  const { model, tree, view } = store
  const frame = model.frames[box.node?.frame ?? -1]
  const lines = [element('div', { class: 'tip-name' }, labelOf(store, box))]
  if (frame !== undefined) {
    const where = [frame.fullPlace, frame.symbol].filter((text) => text !== '').join(' ')
    lines.push(element('div', { class: 'tip-place' }, where))
  }
  const sites = box.node?.sites
  const others = METRICS.filter((metric) => metric !== view.metric && metric.bytes)
  const figures = element('dl', { class: 'tip-figures' })
  const add = (label: string, value: string): void => {
    figures.append(element('dt', {}, label), element('dd', {}, value))
  }
  const { bytes, label } = view.metric
  add(label, `${formatFigure(model, box.net, bytes)}${bytes ? '' : ''}`)
  if (bytes && Math.abs(box.net) >= 1024) add('', formatExact(model, box.net, true))
  if (!model.isDiff) {
    add('of all', formatShare(box.net, tree.root.net))
    if (store.zoomed !== tree.root)
      add('of what is zoomed to', formatShare(box.net, store.zoomed.net))
  }
  if (sites !== undefined) {
    for (const metric of others) {
      const values = store.valuesOf(metric)
      const sum = sites.reduce((total, site) => total + values[site]!, 0)
      add(metric.label, formatFigure(model, sum, true))
    }
    add('Stacks', plural(sites.length, 'site'))
  } else add('', 'too narrow to draw: zoom in')
  return [...lines, figures]
}
