/** What the page shows now, and what follows from it. Parts change it through `set` and hear of it. No DOM. */
import type { Model } from './data.js'
import { METRICS, type Metric } from './figures.js'
import { type Matches, search } from './search.js'
import { type FlameNode, type Tree, follow, growTree, pathOf } from './tree.js'

export interface View {
  metric: Metric
  inverted: boolean
  query: string
  /** Frames from the root to the one that is zoomed to. */
  zoom: readonly number[]
  /** The site whose stack is open in the table; -1: none. */
  open: number
}

type Listener = (changed: ReadonlySet<keyof View>) => void

export class Store {
  view: View
  tree: Tree
  zoomed: FlameNode
  matches: Matches
  /** Sites below the frame that is zoomed to and found by the query, largest live bytes first. */
  shown: Int32Array
  private readonly listeners: Listener[] = []

  constructor(readonly model: Model) {
    this.view = { metric: METRICS[0]!, inverted: false, query: '', zoom: [], open: -1 }
    this.matches = search(model, '')
    this.tree = growTree(model, this.valuesOf(this.view.metric), false)
    this.zoomed = this.tree.root
    this.shown = this.findShown()
  }

  /** Called after each change with what changed, in the order in which they were added. */
  onChange(listener: Listener): void {
    this.listeners.push(listener)
  }

  set(patch: Partial<View>): void {
    const keys = Object.keys(patch) as (keyof View)[]
    const changed = new Set(keys.filter((key) => patch[key] !== this.view[key]))
    if (changed.size === 0) return
    this.view = { ...this.view, ...patch }
    // Paths of one direction lead nowhere in the other.
    if (changed.has('inverted') && !changed.has('zoom') && this.view.zoom.length > 0) {
      this.view.zoom = []
      changed.add('zoom')
    }
    this.derive(changed)
    for (const listener of this.listeners) listener(changed)
  }

  /** The figure of each site that a metric draws. */
  valuesOf(metric: Metric): Float64Array {
    return this.model.figures[metric.figure]
  }

  /** The sum over the sites that are shown. */
  sumOfShown(values: Float64Array): number {
    let sum = 0
    for (const site of this.shown) sum += values[site]!
    return sum
  }

  private derive(changed: ReadonlySet<keyof View>): void {
    const { metric, inverted, query, zoom } = this.view
    if (changed.has('metric') || changed.has('inverted')) {
      this.tree = growTree(this.model, this.valuesOf(metric), inverted)
    }
    if (changed.has('query')) this.matches = search(this.model, query)
    this.zoomed = follow(this.tree, zoom)
    // Of the figure that is drawn now there may be nothing so deep.
    if (this.zoomed.depth < zoom.length) this.view.zoom = pathOf(this.zoomed)
    this.shown = this.findShown()
  }

  private findShown(): Int32Array {
    const { matches, model, zoomed, tree } = this
    // The root has no sites without a value, which the table shows nevertheless.
    const all =
      zoomed === tree.root ? Int32Array.from({ length: model.count }, (_, i) => i) : zoomed.sites
    return all.filter((site) => matches.sites[site] === 1)
  }
}
