/**
 * HoleTree: finds the lowest group of lines in which a hole is large enough.
 *
 * A complete binary tree. A leaf has the size of the largest hole that starts in its group, a node the
 * larger of its two children, so that the lowest group with a hole of `n` granules is found in one
 * descent, and an update ends where a node does not change. There are no links and nothing is
 * balanced: the tree has the shape of the address space, in which its nodes lie in order. The node over
 * the groups [x - b, x + b) lies beside the leaf of group x, where b is the lowest bit of x.
 *
 * Leaves may say too much: a hole that is taken is not looked for in them, as often another of its
 * size is freed soon. A search that finds nothing in a group corrects its leaf, so that each wrong one
 * costs one look. For the same reason sizes are rounded up when they are entered, to 5 significant
 * bits: a hole that grows granule by granule climbs the tree only now and then.
 *
 * For each small size a hint keeps a group before which all leaves are smaller. Searches begin there,
 * climb to where the tree has more and descend: a step or two in most cases. Hints never fall as sizes
 * rise, so that an update ends at the first that need not change.
 */
import { FreeListNode, FreeListWord } from '../../core/state.js'

const enum At {
  LEAF = FreeListNode.LARGEST,
  NODE = FreeListNode.SUBTREE,
  /** log2 of the words of a group. */
  SHIFT = 1,
}

const enum Upper {
  /** Up to here a leaf gets the size as it is. */
  EXACT = 32,
  /** 32 less the bits that a larger size keeps. */
  SHIFT = 27,
}

/** What a tree over `groups` groups takes: the group of its root, and how many there must be. */
export function treeOver(groups: number): { root: number; groups: number } {
  let root = 1
  while (root * 2 < groups) root *= 2
  // Behind the last group in use lie nodes over it, and siblings of them that are read.
  let last = groups | 1
  for (let x = (groups - 1) | 1, b = 1; x !== root; b *= 2) {
    const parent = (x ^ b) | (b * 2)
    last = Math.max(last, parent, parent + b)
    x = parent
  }
  return { root, groups: last + 1 }
}

export class HoleTree {
  private readonly base: number
  private readonly root: number

  constructor(private readonly words: Int32Array) {
    this.base = words[FreeListWord.TREE]!
    this.root = (words[FreeListWord.ROOT]! - this.base) >> At.SHIFT
  }

  /** Granules of the largest hole, or more. */
  get most(): number {
    return this.words[this.words[FreeListWord.ROOT]!]!
  }

  /** The lowest group whose leaf has `n` granules or more, -1 if there is none. */
  find(n: number): number {
    const { words } = this
    const hint = FreeListWord.HINTS + (n < FreeListWord.MOST_HINT ? n : FreeListWord.MOST_HINT)
    const from = words[hint]!
    if (words[this.base + At.LEAF + (from << At.SHIFT)]! >= n) return from
    const group = this.next(from, n)
    if (n <= FreeListWord.MOST_HINT && group >= 0) this.raiseHints(hint, group)
    return group
  }

  /** The lowest such group behind this one, or -1. */
  next(group: number, n: number): number {
    const { words, base, root } = this
    let x = group | 1
    if (x !== group && words[base + At.LEAF + (x << At.SHIFT)]! >= n) return x
    for (let b = 1; x !== root; b <<= 1) {
      const parent = (x ^ b) | (b << 1)
      if (x < parent && words[base + At.NODE + ((parent + b) << At.SHIFT)]! >= n) {
        return this.descend(parent + b, b, n)
      }
      x = parent
    }
    return -1
  }

  /** A hole of `size` granules starts in this group now. */
  enter(group: number, size: number): void {
    const { words } = this
    const n = size > Upper.EXACT ? roundUp(size) : size
    const leaf = this.base + At.LEAF + (group << At.SHIFT)
    if (words[leaf]! < n) {
      words[leaf] = n
      this.raise(group, n)
    }
    let hint = FreeListWord.HINTS + (n < FreeListWord.MOST_HINT ? n : FreeListWord.MOST_HINT)
    // The hint for 0 granules is 0 always.
    while (words[hint]! > group) words[hint--] = group
  }

  /** Corrects a leaf that says too much: the largest hole that starts in this group has `n` granules. */
  lower(group: number, n: number): void {
    const { words, base, root } = this
    words[base + At.LEAF + (group << At.SHIFT)] = n
    const sibling = words[base + At.LEAF + ((group ^ 1) << At.SHIFT)]!
    let x = group | 1
    let most = n > sibling ? n : sibling
    for (let b = 1; words[base + At.NODE + (x << At.SHIFT)] !== most; b <<= 1) {
      words[base + At.NODE + (x << At.SHIFT)] = most
      if (x === root) return
      const parent = (x ^ b) | (b << 1)
      const other = words[base + At.NODE + (((parent << 1) - x) << At.SHIFT)]!
      if (other > most) most = other
      x = parent
    }
  }

  /** Forgets all holes: none starts behind the first `groups` groups. */
  clear(groups: number): void {
    const { words, base, root } = this
    words.fill(0, base, base + (groups << At.SHIFT))
    // Nodes over these groups that lie behind them are ancestors of the last.
    let x = (groups - 1) | 1
    words[base + At.NODE + (x << At.SHIFT)] = 0
    for (let b = 1; x !== root; b <<= 1) {
      x = (x ^ b) | (b << 1)
      words[base + At.NODE + (x << At.SHIFT)] = 0
    }
    words.fill(0, FreeListWord.HINTS, FreeListWord.HINTS + FreeListWord.MOST_HINT + 1)
  }

  private raise(group: number, n: number): void {
    const { words, base, root } = this
    let x = group | 1
    for (let b = 1; words[base + At.NODE + (x << At.SHIFT)]! < n; b <<= 1) {
      words[base + At.NODE + (x << At.SHIFT)] = n
      if (x === root) return
      x = (x ^ b) | (b << 1)
    }
  }

  private descend(node: number, lowest: number, n: number): number {
    const { words, base } = this
    let x = node
    for (let b = lowest >> 1; b > 0; b >>= 1) {
      x += words[base + At.NODE + ((x - b) << At.SHIFT)]! >= n ? -b : b
    }
    return words[base + At.LEAF + ((x - 1) << At.SHIFT)]! >= n ? x - 1 : x
  }

  private raiseHints(hint: number, group: number): void {
    const { words } = this
    const last = FreeListWord.HINTS + FreeListWord.MOST_HINT
    for (let i = hint; i <= last && words[i]! < group; i++) words[i] = group
  }
}

/** A size of more than 32 granules, rounded up to 5 significant bits. */
function roundUp(size: number): number {
  const shift = Upper.SHIFT - Math.clz32(size - 1)
  return (((size - 1) >> shift) + 1) << shift
}
