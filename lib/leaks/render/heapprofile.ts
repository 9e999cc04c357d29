/**
 * A sampling heap profile as Chrome DevTools and Node write it: a tree of calls with their live
 * bytes.
 */
import type { Frame, LeakProfile } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { FrameNumbering } from './interning.js'
import { functionName, UNKNOWN_FRAME } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { selectWithRest } from './select.js'

const DEFAULTS: Required<RenderOptions> = { minBytes: 0, limit: Infinity }

/**
 * The live bytes as `.heapprofile`: the Memory panel of Chrome DevTools opens it, and so does
 * Visual Studio Code. It has one figure and none below 0: of a difference only what became more is
 * there.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderHeapProfile(profile: LeakProfile, options: RenderOptions = {}): string {
  const sites = selectWithRest(profile, withDefaults('heapprofile', options, DEFAULTS))
  const frames = new FrameNumbering((frame) => JSON.stringify(callFrame(frame)))
  const tree = new Tree(frames.of({ function: '(root)', file: '', line: 0, column: 0 }))
  const samples: object[] = []
  for (const { stack, liveBytes } of sites) {
    if (liveBytes <= 0) continue
    let node = 0
    for (let i = stack.length - 1; i >= 0; i -= 1) node = tree.below(node, frames.of(stack[i]!))
    if (stack.length === 0) node = tree.below(node, frames.of(UNKNOWN_FRAME))
    tree.add(node, liveBytes)
    samples.push({ size: liveBytes, nodeId: node + 1, ordinal: samples.length + 1 })
  }
  return withinLimits(
    profile,
    () => `{"head":${tree.text(frames.items)},"samples":${JSON.stringify(samples)}}`,
  )
}

/**
 * A tree of calls. Its nodes are numbers from 0, the root, as there may be millions: what belongs
 * to one is in arrays.
 */
class Tree {
  private readonly frames: number[] = []
  private readonly sizes: number[] = []
  /** Of a node its first child, and the next child of its parent; 0: none. */
  private readonly firsts: number[] = []
  private readonly nexts: number[] = []
  /** Of a node with more than one child: all of them by their frames. */
  private readonly children = new Map<number, Map<number, number>>()

  constructor(rootFrame: number) {
    this.make(rootFrame, 0)
  }

  private make(frame: number, next: number): number {
    this.sizes.push(0)
    this.firsts.push(0)
    this.nexts.push(next)
    return this.frames.push(frame) - 1
  }

  /** The child of a node that is of this frame; makes it where there is none. */
  below(parent: number, frame: number): number {
    const first = this.firsts[parent]!
    if (first !== 0 && this.frames[first] === frame) return first
    let siblings = this.children.get(parent)
    const known = siblings?.get(frame)
    if (known !== undefined) return known
    const child = this.make(frame, first)
    this.firsts[parent] = child
    if (first === 0) return child
    if (siblings === undefined) {
      siblings = new Map([[this.frames[first]!, first]])
      this.children.set(parent, siblings)
    }
    siblings.set(frame, child)
    return child
  }

  add(node: number, bytes: number): void {
    this.sizes[node]! += bytes
  }

  /** As JSON, without recursion: stacks may be deeper than this one. */
  text(frames: readonly string[]): string {
    const parts: string[] = []
    const open: number[] = []
    let node: number | undefined = 0
    while (node !== undefined) {
      const size = this.sizes[node]!
      parts.push(`{"callFrame":${frames[this.frames[node]!]},"selfSize":${size},`)
      parts.push(`"id":${node + 1},"children":[`)
      open.push(node)
      let next: number = this.firsts[node]!
      // Those that end here; the root has no next.
      while (next === 0 && open.length > 0) {
        parts.push(']}')
        next = this.nexts[open.pop()!]!
        if (next !== 0) parts.push(',')
      }
      node = next === 0 ? undefined : next
    }
    return parts.join('')
  }
}

/** Lines and columns are from 0 here; -1: not known. */
function callFrame(frame: Frame): object {
  return {
    functionName: functionName(frame),
    scriptId: '0',
    url: frame.file,
    lineNumber: frame.line - 1,
    columnNumber: frame.column - 1,
  }
}
