/** Live bytes over time: the large chart of the whole profile, and the small ones of the sites. */
import { drawing, element } from './dom.js'
import type { Model } from './data.js'
import type { Store } from './store.js'
import { historyOf } from './data.js'
import { formatBytes, formatCount, formatDuration } from './text.js'

const HEIGHT = 132
const MARGIN = { top: 8, right: 10, bottom: 20, left: 64 }

/** A line through points, in the units of the drawing. */
function pathThrough(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('')
}

/** The history of a site, `width` by `height` pixels; a flat line where it never changed. */
export function sparkline(values: readonly number[], width: number, height: number): SVGSVGElement {
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  const span = high - low || 1
  const step = width / Math.max(1, values.length - 1)
  const points = values.map(
    (value, i) => [i * step, height - 1 - ((value - low) / span) * (height - 2)] as const,
  )
  const zero = height - 1 - ((0 - low) / span) * (height - 2)
  const line = pathThrough(points)
  const area = `${line}L${width} ${zero.toFixed(1)}L0 ${zero.toFixed(1)}Z`
  return drawing(
    'svg',
    { class: 'spark', width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' },
    drawing('path', { class: 'spark-area', d: area }),
    drawing('path', { class: 'spark-line', d: line }),
  )
}

/** Round numbers that divide a range: at most `most` of them. Bytes in powers of two. */
function ticks(low: number, high: number, most: number, base: number): number[] {
  const raw = (high - low) / most
  let step = base ** Math.floor(Math.log(raw) / Math.log(base))
  const factors = base === 2 ? [1, 2] : [1, 2, 5, 10]
  step *= factors.find((factor) => step * factor >= raw) ?? base
  const found: number[] = []
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at)
  return found
}

const NICE_TIMES = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30].map((s) => s * 1000),
  [1, 2, 5, 10, 15, 30].map((min) => min * 60_000),
  [1, 2, 3, 6, 12].map((h) => h * 3_600_000),
)

function timeTicks(from: number, to: number, most: number): number[] {
  const days = Math.max(1, Math.ceil((to - from) / most / 86_400_000)) * 86_400_000
  const step = NICE_TIMES.find((nice) => (to - from) / nice <= most) ?? days
  const found: number[] = []
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at)
  return found
}

/** What is drawn beside the whole: live bytes at each of `historyAt`. */
interface Part {
  values: number[]
  name: string
}

export class Chart {
  readonly element: HTMLElement
  private readonly readout = element('p', { class: 'chart-readout', 'aria-live': 'polite' })
  private readonly host = element('div', { class: 'chart-host' })
  private readonly model: Model
  private cursor = -1
  private mark: SVGElement | undefined
  private part: Part | undefined

  constructor(private readonly store: Store) {
    this.model = store.model
    const title = element('h2', {}, 'Live bytes over time')
    this.element = element('section', { class: 'chart' }, title, this.readout, this.host)
    if (this.count < 2) {
      this.element.replaceChildren(
        title,
        element('p', { class: 'empty' }, 'One snapshot only: growth shows when more are taken.'),
      )
      return
    }
    this.host.tabIndex = 0
    this.host.setAttribute('role', 'group')
    this.host.setAttribute('aria-label', 'Live bytes over time. Left and right arrows read it.')
    this.host.addEventListener('pointermove', (event) => this.point(event.clientX))
    this.host.addEventListener('pointerleave', () => this.moveTo(-1))
    this.host.addEventListener('keydown', (event) => this.key(event))
    new ResizeObserver(() => this.draw()).observe(this.host)
    store.onChange(() => this.draw())
  }

  private get count(): number {
    return this.model.packed.snapshots.at.length
  }

  private x(at: number): number {
    const times = this.model.packed.snapshots.at
    const [from, to] = [times[0]!, times.at(-1)!]
    const width = this.host.clientWidth - MARGIN.left - MARGIN.right
    return MARGIN.left + ((at - from) / (to - from || 1)) * width
  }

  draw(): void {
    const width = this.host.clientWidth
    if (this.count < 2 || width < 100) return
    const { at, liveBytes } = this.model.packed.snapshots
    const low = Math.min(0, ...liveBytes)
    const high = Math.max(1, ...liveBytes) * 1.04
    const y = (value: number): number =>
      HEIGHT -
      MARGIN.bottom -
      ((value - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom)
    const line = pathThrough(at.map((time, i) => [this.x(time), y(liveBytes[i]!)]))
    const [left, right] = [this.x(at[0]!), this.x(at.at(-1)!)]
    const area = `${line}L${right} ${y(0)}L${left} ${y(0)}Z`
    const parts: SVGElement[] = []
    for (const value of ticks(low, high, 4, 2)) {
      const [x1, x2, at1] = [MARGIN.left, width - MARGIN.right, y(value)]
      parts.push(
        drawing('line', { class: value === 0 ? 'axis' : 'grid', x1, x2, y1: at1, y2: at1 }),
        drawing('text', { x: x1 - 6, y: at1 + 4, 'text-anchor': 'end' }, formatBytes(value)),
      )
    }
    const marks = timeTicks(at[0]!, at.at(-1)!, Math.max(2, Math.floor(width / 100)))
    for (const time of marks) {
      const x = Math.min(this.x(time), width - MARGIN.right - 14)
      const label = time === 0 ? '0' : formatDuration(time)
      parts.push(drawing('text', { x, y: HEIGHT - 5, 'text-anchor': 'middle' }, label))
    }
    parts.push(
      drawing('path', { class: 'chart-area', d: area }),
      drawing('path', { class: 'chart-line', d: line }),
    )
    const part = (this.part = this.findPart())
    if (part !== undefined) {
      const points = part.values.map((value, i) => {
        const time = at[this.model.packed.historyAt[i]!]!
        return [this.x(time), y(value)] as const
      })
      parts.push(drawing('path', { class: 'chart-part', d: pathThrough(points) }))
    }
    this.mark = drawing('g', { class: 'chart-mark' })
    const box = { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' }
    this.host.replaceChildren(drawing('svg', box, ...parts, this.mark))
    this.moveTo(this.cursor)
  }

  /** The live bytes of the sites that are open, found or zoomed to; none where that is all of them. */
  private findPart(): Part | undefined {
    const { model, store } = this
    const { open } = store.view
    if (open !== -1) return { values: historyOf(model, open), name: 'the open site' }
    if (store.shown.length === model.count) return undefined
    const { history, historyAt } = model.packed
    const sums = historyAt.map(() => 0)
    for (const site of store.shown) {
      const its = history[site]!
      const missing = sums.length - its.length
      for (let i = 0; i < its.length; i++) sums[missing + i]! += its[i]!
    }
    return { values: sums, name: 'the sites below' }
  }

  private point(clientX: number): void {
    const x = clientX - this.host.getBoundingClientRect().left
    const times = this.model.packed.snapshots.at
    let nearest = 0
    times.forEach((time, i) => {
      if (Math.abs(this.x(time) - x) < Math.abs(this.x(times[nearest]!) - x)) nearest = i
    })
    this.moveTo(nearest)
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step === undefined) return
    const from = this.cursor === -1 ? this.count : this.cursor
    this.moveTo(Math.min(this.count - 1, Math.max(0, from + step)))
    event.preventDefault()
  }

  /** Reads a snapshot; -1: the last, without a line to it. */
  private moveTo(index: number): void {
    this.cursor = index
    const { at, liveBytes, liveBlocks } = this.model.packed.snapshots
    const i = index === -1 ? this.count - 1 : index
    const first = liveBytes[0]!
    const { isDiff } = this.model
    this.readout.replaceChildren(
      element('b', {}, formatBytes(liveBytes[i]!, isDiff)),
      ` in ${formatCount(liveBlocks[i]!, isDiff)} blocks at ${formatDuration(at[i]!)}, `,
      `${formatBytes(liveBytes[i]! - first, true)} since ${formatDuration(at[0]!)}`,
    )
    if (this.part !== undefined) {
      const known = this.model.packed.historyAt.findLastIndex((place) => place <= i)
      const words = `${formatBytes(this.part.values[known]!, isDiff)} of it in ${this.part.name}`
      this.readout.append(' · ', element('span', { class: 'part' }, words))
    }
    const x = this.x(at[i]!)
    const lines = { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }
    this.mark?.replaceChildren(...(index === -1 ? [] : [drawing('line', lines)]))
  }
}
