/**
 * The tree that the flame graph draws, from the callers inwards or, inverted, from the allocating lines
 * outwards. A node is a frame and the sites whose stacks lead through it; its children are found when they are
 * drawn for the first time, so that neither tree is ever built whole. No DOM.
 */
import type { Model } from './data.js'

export interface FlameNode {
  /** -1: of the root. */
  frame: number
  /** Frames from the root: 0 of the root itself. */
  depth: number
  parent: FlameNode | undefined
  sites: Int32Array
  /** The sum of its sites' figures; and of their sizes without sign, which is its width. */
  net: number
  weight: number
  /** Widest first. */
  children: FlameNode[] | undefined
}

export interface Tree {
  model: Model
  values: Float64Array
  inverted: boolean
  root: FlameNode
  /** For each frame its place among the children that are being made; -1 in between. */
  slots: Int32Array
}

/** A tree over all sites. `values` is their figure that is drawn. */
export function growTree(model: Model, values: Float64Array, inverted: boolean): Tree {
  const sites = new Int32Array(model.count)
  let [net, weight, count] = [0, 0, 0]
  for (let site = 0; site < model.count; site++) {
    if (values[site] === 0) continue
    sites[count++] = site
    net += values[site]!
    weight += Math.abs(values[site]!)
  }
  const root: FlameNode = {
    frame: -1,
    depth: 0,
    parent: undefined,
    sites: sites.subarray(0, count),
    net,
    weight,
    children: undefined,
  }
  const slots = new Int32Array(model.frames.length).fill(-1)
  return { model, values, inverted, root, slots }
}

/** O(its sites), once. */
export function childrenOf(tree: Tree, node: FlameNode): FlameNode[] {
  node.children ??= branch(tree, node)
  return node.children
}

/** The frame of a site that is so deep in the tree, from 0; -1: its stack ends before. */
function frameAt({ model, inverted }: Tree, site: number, depth: number): number {
  const from = model.starts[site]!
  const length = model.starts[site + 1]! - from
  if (depth >= length) return -1
  return model.stacks[inverted ? from + length - 1 - depth : from + depth]!
}

function branch(tree: Tree, node: FlameNode): FlameNode[] {
  const { slots, values } = tree
  const children: FlameNode[] = []
  const counts: number[] = []
  for (const site of node.sites) {
    const frame = frameAt(tree, site, node.depth)
    if (frame === -1) continue
    if (slots[frame] === -1) {
      slots[frame] = children.length
      counts.push(0)
      children.push({
        frame,
        depth: node.depth + 1,
        parent: node,
        sites: EMPTY,
        net: 0,
        weight: 0,
        children: undefined,
      })
    }
    const slot = slots[frame]!
    counts[slot]!++
    const child = children[slot]!
    child.net += values[site]!
    child.weight += Math.abs(values[site]!)
  }
  share(tree, node, children, counts)
  for (const { frame } of children) slots[frame] = -1
  return children.sort((a, b) => b.weight - a.weight || a.frame - b.frame)
}

const EMPTY = new Int32Array(0)

/** Gives each child its sites, in one array for all of them. */
function share(tree: Tree, node: FlameNode, children: FlameNode[], counts: readonly number[]) {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const all = new Int32Array(total)
  const next: number[] = []
  let from = 0
  children.forEach((child, slot) => {
    next.push(from)
    child.sites = all.subarray(from, (from += counts[slot]!))
  })
  for (const site of node.sites) {
    const frame = frameAt(tree, site, node.depth)
    if (frame !== -1) all[next[tree.slots[frame]!]!++] = site
  }
}

/** Frames from the root to a node, by which it is found in another tree. */
export function pathOf(node: FlameNode): number[] {
  const path: number[] = []
  for (let at: FlameNode | undefined = node; at?.parent; at = at.parent) path.push(at.frame)
  return path.toReversed()
}

/** The node at the end of a path, or as far as the tree has it. */
export function follow(tree: Tree, path: readonly number[]): FlameNode {
  let node = tree.root
  for (const frame of path) {
    const next = childrenOf(tree, node).find((child) => child.frame === frame)
    if (next === undefined) break
    node = next
  }
  return node
}

/** A rectangle of the flame graph, in CSS pixels from the left. */
export interface Box {
  x: number
  width: number
  /** From 0, which is the root. */
  row: number
  /** None: frames that are too narrow to be drawn, all that are left of `parent`. */
  node: FlameNode | undefined
  parent: FlameNode | undefined
  /** How many frames those are, and their figures. */
  hidden: number
  net: number
}

/** Nothing narrower than that is drawn on its own. */
const NARROWEST = 2
/** Past that, deeper rows wait until they are zoomed to. */
const MOST_BOXES = 200_000

/**
 * Rows of boxes, each from left to right: the way to `top` in full width, then what below it is wide enough
 * to be seen.
 */
export function layOut(tree: Tree, top: FlameNode, width: number): Box[][] {
  if (top.weight === 0) return []
  const scale = width / top.weight
  const whole = (node: FlameNode): Box => {
    const { depth: row, net, parent } = node
    return { x: 0, width, row, node, parent, hidden: 0, net }
  }
  const rows: Box[][] = []
  for (let at = top.parent; at !== undefined; at = at.parent) rows.unshift([whole(at)])
  let row = [whole(top)]
  let boxes = 0
  while (row.length > 0 && boxes < MOST_BOXES) {
    rows.push(row)
    boxes += row.length
    const next: Box[] = []
    for (const box of row) {
      if (box.node !== undefined) addChildren(tree, box, scale, next)
    }
    row = next
  }
  return rows
}

function addChildren(tree: Tree, above: Box, scale: number, row: Box[]): void {
  const children = childrenOf(tree, above.node!)
  const at = above.row + 1
  let { x } = above
  for (const [i, node] of children.entries()) {
    const width = node.weight * scale
    if (width < NARROWEST) {
      const rest = children.slice(i)
      const restWidth = rest.reduce((sum, { weight }) => sum + weight, 0) * scale
      const net = rest.reduce((sum, child) => sum + child.net, 0)
      const [parent, hidden] = [above.node, rest.length]
      if (restWidth >= 1)
        row.push({ x, width: restWidth, row: at, node: undefined, parent, hidden, net })
      return
    }
    row.push({ x, width, row: at, node, parent: above.node, hidden: 0, net: node.net })
    x += width
  }
}
