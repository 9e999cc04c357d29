/**
 * Granules: where blocks and holes lie, and how long they are.
 *
 * A bit map has a bit at the first granule of each block and hole, another one at the first and the
 * last granule of each hole: so what lies before and behind a block is known without a search. Below
 * 16 granules the length is the distance to the next start. What is longer covers an aligned word of
 * the table of slacks (8 granules) in which it has no slack to keep, so its length is there: behind
 * its first granule and, for holes, before their end. That is Knuth's boundary tags, outside of the
 * memory they describe and in words that are there anyway.
 *
 * The free rest behind the last block ("top") is no hole: most searches that find nothing else end
 * there, and it would change the whole path to the root each time.
 *
 * Source: D. E. Knuth, The Art of Computer Programming, volume 1, 2.5 (first fit, boundary tags).
 */
import { FreeListLine, FreeListWord } from '../../core/state.js'
import { HoleTree } from './hole-tree.js'
import { At, Granule, Group, Long } from './places.js'

export class Granules {
  readonly holes: HoleTree
  /** The word of the node over all of the tree. */
  private readonly root: number
  /** Granules of the hole that was found last. */
  private found = 0

  constructor(private readonly words: Int32Array) {
    this.holes = new HoleTree(words)
    this.root = words[FreeListWord.ROOT]!
  }

  /** Granules of the largest hole. */
  get largestHole(): number {
    const { holes } = this
    for (;;) {
      const n = holes.most
      if (n === 0) return 0
      const group = holes.find(n)
      const found = this.search(group, n)
      if (found >= 0) return n
      holes.lower(group, ~found)
    }
  }

  /** Takes `n` granules: the lowest that are free; `slack` bytes of them were not asked for. */
  take(n: number, slack: number): number {
    const { words } = this
    if (words[this.root]! >= n) {
      const hole = this.takeHole(n, slack)
      if (hole !== Granule.NONE) return hole
    }
    const top = words[FreeListWord.TOP]!
    if (n > words[FreeListWord.LIMIT]! - top && !this.reaches(top + n, slack)) return Granule.NONE
    this.setTop(top + n)
    this.mark(top, n, slack)
    return top
  }

  /**
   * The same, the first of them `phase` modulo `step`. Holes that have the room but not at the right
   * place are passed over one by one.
   */
  takeAligned(n: number, slack: number, step: number, phase: number): number {
    const { words, holes } = this
    let group = holes.most >= n ? holes.find(n) : -1
    for (; group >= 0; group = holes.next(group, n)) {
      const end = (group + 1) << Group.SHIFT
      let hole = this.search(group, n)
      if (hole < 0) holes.lower(group, ~hole)
      for (; hole >= 0 && hole < end; hole = this.holeBehind(hole, end)) {
        const length = this.length(hole)
        const start = alignUp(hole, step, phase)
        if (start + n > hole + length) continue
        this.carve(hole, length, start, n)
        this.mark(start, n, slack)
        return start
      }
    }
    const top = words[FreeListWord.TOP]!
    const start = alignUp(top, step, phase)
    if (!this.reaches(start + n, slack)) return Granule.NONE
    this.setTop(start + n)
    if (start > top) {
      this.setStart(start)
      this.enterHole(top, start - top)
    }
    this.mark(start, n, slack)
    return start
  }

  /** The free granule in front of which a search ends that finds no hole. */
  alignedTop(step: number, phase: number): number {
    return alignUp(this.words[FreeListWord.TOP]!, step, phase)
  }

  /** Does the region reach to granule `end`, less `slack` bytes? Its last granule may be short. */
  reaches(end: number, slack: number): boolean {
    return end * Granule.SIZE - slack <= this.words[FreeListWord.BYTES]! >>> 0
  }

  /** Frees the block that starts here and has this size, if there is one. */
  release(g: number, size: number): boolean {
    const { words } = this
    if (g >= words[FreeListWord.TOP]!) return false
    const at = lineAt(g)
    const starts = words[at]!
    if ((starts & ~words[at + 1]! & (1 << g)) === 0) return false
    const next = ((starts >>> g) >>> 1) | (words[at + FreeListLine.WORDS]! << (31 - g))
    let n = 32 - Math.clz32(next & -next)
    if ((next & Long.MASK) === 0) n = words[lengthAt(g)]!
    if ((n << Granule.SHIFT) - ((words[slackAt(g)]! >>> (g << 2)) & 15) !== size) return false
    const used = words[FreeListWord.USED]!
    if (used >>> 0 > words[FreeListWord.PEAK_USED]! >>> 0) words[FreeListWord.PEAK_USED] = used
    words[FreeListWord.USED] = (used - size) | 0
    words[FreeListWord.LIVE]! -= n
    this.join(g, n)
    return true
  }

  /** Does a live block start here? */
  isLive(g: number): boolean {
    const { words } = this
    const at = lineAt(g)
    return g < words[FreeListWord.TOP]! && (words[at]! & ~words[at + 1]! & (1 << g)) !== 0
  }

  /** Granules of the block or hole that starts here. */
  length(g: number): number {
    const { words } = this
    const at = lineAt(g)
    const next = ((words[at]! >>> g) >>> 1) | (words[at + FreeListLine.WORDS]! << (31 - g))
    if ((next & Long.MASK) !== 0) return 32 - Math.clz32(next & -next)
    return words[lengthAt(g)]!
  }

  /** Is this granule in a hole or in the top? Looks back for a start: O(length of the block). */
  isVacant(g: number): boolean {
    const { words } = this
    if (g >= words[FreeListWord.TOP]!) return true
    let last = g | 31
    let bits = words[lineAt(g)]! & (-1 >>> (31 - g))
    // The first granule is a start always.
    while (bits === 0) bits = words[lineAt((last -= 32))]!
    return this.isFree(last - Math.clz32(bits))
  }

  /** Bytes of the block that were not asked for. */
  slack(g: number): number {
    return (this.words[slackAt(g)]! >>> (g << 2)) & 15
  }

  /** Frees a live block of `n` granules. */
  give(g: number, n: number): void {
    const { words } = this
    const used = words[FreeListWord.USED]!
    if (used >>> 0 > words[FreeListWord.PEAK_USED]! >>> 0) words[FreeListWord.PEAK_USED] = used
    words[FreeListWord.USED] = (used - (n << Granule.SHIFT) + this.slack(g)) | 0
    words[FreeListWord.LIVE]! -= n
    this.join(g, n)
  }

  /** The block has another length now, or another slack. */
  resize(g: number, old: number, n: number, slack: number): boolean {
    const { words } = this
    if (!this.reaches(g + n, slack)) return false
    const before = this.slack(g)
    const used = words[FreeListWord.USED]!
    if (n > old && !this.lengthen(g + old, n - old)) return false
    if (used >>> 0 > words[FreeListWord.PEAK_USED]! >>> 0) words[FreeListWord.PEAK_USED] = used
    words[FreeListWord.USED] = (used - (old << Granule.SHIFT) + before) | 0
    words[FreeListWord.LIVE]! -= old
    this.mark(g, n, slack)
    if (n < old) {
      this.setStart(g + n)
      this.join(g + n, old - n)
    }
    return true
  }

  /** Frees everything. */
  clear(): void {
    const { words } = this
    const peak = words[FreeListWord.PEAK_TOP]!
    words.fill(0, FreeListWord.LINES, lineAt(peak + 32))
    this.holes.clear((peak >>> Group.SHIFT) + 1)
    words[FreeListWord.TOP] = 0
    words[FreeListWord.LIVE] = 0
    words[FreeListWord.USED] = 0
    this.setStart(0)
  }

  /** The first `n` granules of the lowest hole that has so many, or NONE. */
  private takeHole(n: number, slack: number): number {
    const { holes } = this
    for (;;) {
      const group = holes.find(n)
      if (group < 0) return Granule.NONE
      const hole = this.search(group, n)
      if (hole >= 0) {
        this.cut(hole, this.found, n)
        this.mark(hole, n, slack)
        return hole
      }
      holes.lower(group, ~hole)
    }
  }

  /**
   * The lowest hole of at least `n` granules that starts in a group; if there is none, the size of the
   * largest that does, with all bits inverted.
   */
  private search(group: number, n: number): number {
    const { words } = this
    let most = 0
    let at = lineAt(group << Group.SHIFT)
    const end = (group + 1) << Group.SHIFT
    for (let first = group << Group.SHIFT; first < end; first += 32) {
      const starts = words[at]!
      for (let bits = starts & words[at + FreeListLine.FREE]!; bits !== 0; bits &= bits - 1) {
        const bit = lowest(bits)
        const next = ((starts >>> bit) >>> 1) | (words[at + FreeListLine.WORDS]! << (31 - bit))
        let length = 32 - Math.clz32(next & -next)
        if ((next & Long.MASK) === 0) length = words[lengthAt(first + bit)]!
        if (length >= n) {
          this.found = length
          return first + bit
        }
        if (length > most) most = length
      }
      at += FreeListLine.WORDS
    }
    return ~most
  }

  /** The next hole behind this one that starts before `end`, or NONE. */
  private holeBehind(hole: number, end: number): number {
    let g = hole
    do g += this.length(g)
    while (g < end && !this.isFree(g) && g < this.words[FreeListWord.TOP]!)
    return g < end && this.isFree(g) ? g : Granule.NONE
  }

  /** The first `n` granules of a hole are no longer free. */
  private cut(hole: number, length: number, n: number): void {
    const { words } = this
    words[lineAt(hole) + 1]! &= ~(1 << hole)
    const rest = hole + n
    const left = length - n
    const at = lineAt(rest)
    if (left === 0) return this.clearFree(rest - 1)
    words[at]! |= 1 << rest
    words[at + 1]! |= 1 << rest
    if (left >= Long.LEAST) this.keepLength(rest, left)
    const group = rest >>> Group.SHIFT
    if (group !== hole >>> Group.SHIFT) this.holes.enter(group, left)
  }

  /** `n` granules from `start` on, anywhere in a hole, are no longer free. */
  private carve(hole: number, length: number, start: number, n: number): void {
    if (start === hole) return this.cut(hole, length, n)
    this.clearFree(hole + length - 1)
    this.setStart(start)
    this.enterHole(hole, start - hole)
    const left = hole + length - start - n
    if (left === 0) return
    this.setStart(start + n)
    this.enterHole(start + n, left)
  }

  /** `n` granules from `g` on become free: one hole with those around them, or a part of the top. */
  private join(g: number, n: number): void {
    const { words } = this
    const end = g + n
    if (end === words[FreeListWord.TOP]) return this.joinTop(g, end)
    let start = g
    let length = n
    const behind = lineAt(end)
    if ((words[behind + 1]! & (1 << end)) !== 0) {
      length += this.length(end)
      words[behind]! &= ~(1 << end)
      words[behind + 1]! &= ~(1 << end)
    }
    const before = lineAt(g - 1)
    if ((words[before + 1]! & (1 << (g - 1))) !== 0) {
      start -= this.lengthBefore(g)
      length += g - start
      words[before + 1]! &= ~(1 << (g - 1))
      words[lineAt(g)]! &= ~(1 << g)
    }
    this.enterHole(start, length)
  }

  /** The same where they reach the top. */
  private joinTop(g: number, end: number): void {
    let start = g
    if (this.isFree(g - 1)) {
      start -= this.lengthBefore(g)
      this.clearFree(start)
      this.clearFree(g - 1)
      this.clearStart(g)
    }
    this.clearStart(end)
    this.words[FreeListWord.TOP] = start
  }

  /** Takes `n` granules from `g` on, where a block ends. */
  private lengthen(g: number, n: number): boolean {
    const { words } = this
    if (g === words[FreeListWord.TOP]) {
      this.clearStart(g)
      this.setTop(g + n)
      return true
    }
    if (!this.isFree(g)) return false
    const length = this.length(g)
    if (length < n) return false
    this.cut(g, length, n)
    this.clearStart(g)
    return true
  }

  /** A live block lies here: its length, its slack and the figures. */
  private mark(g: number, n: number, slack: number): void {
    const { words } = this
    const at = slackAt(g)
    const shift = g << 2
    words[at] = (words[at]! & ~(15 << shift)) | (slack << shift)
    if (n >= Long.LEAST) words[lengthAt(g)] = n
    words[FreeListWord.LIVE]! += n
    words[FreeListWord.USED] = (words[FreeListWord.USED]! + (n << Granule.SHIFT) - slack) | 0
  }

  private setTop(top: number): void {
    const { words } = this
    words[FreeListWord.TOP] = top
    if (top > words[FreeListWord.PEAK_TOP]!) words[FreeListWord.PEAK_TOP] = top
    this.setStart(top)
  }

  /** Makes a hole of granules that have their bit as a start. */
  private enterHole(g: number, n: number): void {
    const { words } = this
    const last = g + n - 1
    words[lineAt(g) + 1]! |= 1 << g
    words[lineAt(last) + 1]! |= 1 << last
    if (n >= Long.LEAST) this.keepLength(g, n)
    this.holes.enter(g >>> Group.SHIFT, n)
  }

  private keepLength(g: number, n: number): void {
    this.words[lengthAt(g)] = n
    this.words[slackAt(g + n - 8)] = n
  }

  /** Granules of the hole that ends before `g`. */
  private lengthBefore(g: number): number {
    const { words } = this
    const at = lineAt(g)
    // The starts below g, the nearest on top.
    const below = ((words[at]! << 1) << (31 - g)) | (words[at - FreeListLine.WORDS]! >>> g)
    const n = Math.clz32(below) + 1
    return n < Long.LEAST ? n : words[slackAt(g - 8)]!
  }

  private isFree(g: number): boolean {
    return (this.words[lineAt(g) + 1]! & (1 << g)) !== 0
  }

  private setStart(g: number): void {
    this.words[lineAt(g)]! |= 1 << g
  }

  private clearStart(g: number): void {
    this.words[lineAt(g)]! &= ~(1 << g)
  }

  private clearFree(g: number): void {
    this.words[lineAt(g) + 1]! &= ~(1 << g)
  }
}

const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits)

/** The lowest number from `from` on that is `phase` modulo `step`. */
function alignUp(from: number, step: number, phase: number): number {
  const past = (from - phase) % step
  return past > 0 ? from + step - past : from - past
}

/** The first word of the line of granule `g`: its starts. FREE is next. */
const lineAt = (g: number): number => At.START + Math.imul(g >> 5, FreeListLine.WORDS)

/** The word in which the slack of granule `g` is. */
const slackAt = (g: number): number => At.SLACK + (g >>> 3) + ((g >>> 5) << 1)

/** The word that keeps the length of what starts at `g`: the first of the table behind `g`'s own. */
const lengthAt = (g: number): number => At.SLACK + ((g + 8) >>> 3) + (((g + 8) >>> 5) << 1)
