/**
 * Slabs: runs of pages cut into at most 32 blocks of one size class, and the magazines that the hot
 * path takes blocks from and gives them to.
 *
 * A magazine is a small stack of free blocks of one class. When it is empty it is filled from slabs
 * that have free blocks, or from a new one; when it is full its older half goes back to their slabs,
 * and a slab that has all of its blocks again gives its pages back. So the lists of slabs are touched
 * once in many operations. Source: Bonwick and Adams, "Magazines and Vmem".
 */
import { SlabRecord, SlabWord } from '../../core/state.js'
import { type SlabHeap, Unit } from './heap.js'
import type { PageRuns } from './page-runs.js'

const enum Cut {
  /** A slab aims at this share of the pages in use, as a power of two ... */
  HEAP_SHARE = 9,
  /** ... and leaves at most this share of its own unused. */
  WASTE_SHARE = 3,
  MOST_BLOCKS = 32,
  /** A magazine holds blocks for about this share of the heap. */
  MAGAZINE_SHARE = 10,
  LEAST_IN_MAGAZINE = 4,
}

export class Slabs {
  constructor(
    private readonly heap: SlabHeap,
    private readonly runs: PageRuns,
  ) {}

  /** Fills the empty magazine of a class. false: out of memory. */
  refill(c: number): boolean {
    const { words } = this.heap
    words[SlabWord.MOST + c] = mostInMagazine(c, words[SlabWord.TOP]!)
    const wanted = words[SlabWord.MOST + c]! >>> 1
    while (words[SlabWord.COUNT + c]! < wanted) {
      const slab = words[SlabWord.PARTIAL + c]!
      if (slab === 0) break
      this.drain(slab, c)
    }
    return words[SlabWord.COUNT + c]! > 0 || this.cut(c)
  }

  /** A block was freed whose magazine is full: makes room for it. */
  spill(c: number, place: number): void {
    const { words } = this.heap
    words[SlabWord.MOST + c] = mostInMagazine(c, words[SlabWord.TOP]!)
    const count = words[SlabWord.COUNT + c]!
    // The heap may have grown since, and the magazine with it.
    this.giveBack(c, Math.max(0, count - (words[SlabWord.MOST + c]! >>> 1)))
    const left = words[SlabWord.COUNT + c]!
    words[SlabWord.MAGAZINE + (c << Unit.MAGAZINE_SHIFT) + left] = place
    words[SlabWord.COUNT + c] = left + 1
  }

  /** Makes the next block of a class one that is aligned, if there is one within reach. */
  raiseAligned(c: number, align: number): boolean {
    const { words } = this.heap
    const magazine = SlabWord.MAGAZINE + (c << Unit.MAGAZINE_SHIFT)
    if (words[SlabWord.COUNT + c] === 0 && !this.refill(c)) return false
    const last = magazine + words[SlabWord.COUNT + c]! - 1
    for (let i = last; i >= magazine; i--) {
      const place = words[i]!
      if (place % align !== 0) continue
      words[i] = words[last]!
      words[last] = place
      return true
    }
    return false
  }

  /** Empties all magazines. Was a slab given back by that? */
  dropEmpty(): boolean {
    const { words } = this.heap
    let any = false
    for (let c = 1; c <= Unit.CLASS_MASK; c++) {
      if (this.giveBack(c, words[SlabWord.COUNT + c]!)) any = true
    }
    return any
  }

  /** Gives the oldest blocks of a magazine back to their slabs. Was a slab given back by that? */
  private giveBack(c: number, count: number): boolean {
    const { words } = this.heap
    const magazine = SlabWord.MAGAZINE + (c << Unit.MAGAZINE_SHIFT)
    let any = false
    for (let i = 0; i < count; i++) {
      if (this.giveBlock(c, words[magazine + i]!)) any = true
    }
    const end = words[SlabWord.COUNT + c]!
    words.copyWithin(magazine, magazine + count, magazine + end)
    words[SlabWord.COUNT + c] = end - count
    return any
  }

  /** Gives a block back to its slab. Was that the last one, so that the slab was given back? */
  private giveBlock(c: number, place: number): boolean {
    const { heap } = this
    const { words } = heap
    const slab = heap.recordOf((place >> Unit.PAGE_SHIFT) + Unit.FIRST_PAGE)
    const at = heap.at(slab)
    const first = (words[at + SlabRecord.START]! - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
    const units = (place - first) >>> Unit.GRANULE_SHIFT
    const i = Math.imul(units, words[SlabWord.INVERSE + c]!) >>> Unit.INVERSE_SHIFT
    const free = words[at]!
    const next = free | (1 << i)
    words[at] = next
    if (next === words[at + SlabRecord.ALL]) {
      if (free !== 0) heap.unlink(SlabWord.PARTIAL + c, slab)
      this.release(slab)
      return true
    }
    if (free === 0) heap.link(SlabWord.PARTIAL + c, slab)
    return false
  }

  /** Moves free blocks of a slab into the magazine, as many as fit, so that the lowest comes first. */
  private drain(slab: number, c: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(slab)
    const first = (words[at + SlabRecord.START]! - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
    const magazine = SlabWord.MAGAZINE + (c << Unit.MAGAZINE_SHIFT)
    let count = words[SlabWord.COUNT + c]!
    let free = words[at]!
    while (free !== 0 && count < Unit.MAGAZINE) {
      const i = 31 - Math.clz32(free)
      free ^= 1 << i
      words[magazine + count++] = (first + Math.imul(i, c << Unit.GRANULE_SHIFT)) | 0
    }
    words[SlabWord.COUNT + c] = count
    words[at] = free
    if (free === 0) heap.unlink(SlabWord.PARTIAL + c, slab)
  }

  /** Makes a new slab: as many blocks as suit the heap, else a single page or two. */
  private cut(c: number): boolean {
    const { runs } = this
    let blocks = blocksFor(c, this.heap.words[SlabWord.TOP]!)
    let start = runs.take(pagesOf(blocks, c))
    if (start < 0) {
      blocks = Math.min(Cut.MOST_BLOCKS, Math.floor((pagesOf(1, c) * 32) / c))
      start = runs.take(pagesOf(blocks, c))
      if (start < 0 && this.dropEmpty()) start = runs.take(pagesOf(blocks, c))
      if (start < 0) return false
    }
    this.enter(c, start, blocks)
    return true
  }

  private enter(c: number, start: number, blocks: number): void {
    const { heap } = this
    const { words } = heap
    const slab = heap.record()
    const at = heap.at(slab)
    const pages = pagesOf(blocks, c)
    const all = (2 << (blocks - 1)) - 1
    words[at + SlabRecord.FREE] = all
    words[at + SlabRecord.START] = start
    words[at + SlabRecord.PAGES] = pages
    words[at + SlabRecord.ALL] = all
    for (let page = start; page < start + pages; page++) heap.mark(page, slab, c)
    this.countStretches(start, start + pages - 1)
    heap.link(SlabWord.PARTIAL + c, slab)
    this.drain(slab, c)
  }

  private countStretches(first: number, last: number): void {
    const { words } = this.heap
    const end = Math.floor(last / Unit.STRETCH_PAGES)
    for (let i = Math.floor(first / Unit.STRETCH_PAGES); i <= end; i++) {
      const bits = words[SlabWord.STRETCH_MAP + (i >>> 5)]!
      if (((bits >>> (i & 31)) & 1) !== 0) continue
      words[SlabWord.STRETCH_MAP + (i >>> 5)] = bits | (1 << (i & 31))
      words[SlabWord.STRETCHES]!++
    }
  }

  private release(slab: number): void {
    const { heap } = this
    const at = heap.at(slab)
    const start = heap.words[at + SlabRecord.START]!
    const pages = heap.words[at + SlabRecord.PAGES]!
    for (let page = start; page < start + pages; page++) heap.mark(page, 0)
    heap.drop(slab)
    this.runs.give(start, pages)
  }
}

/** Pages of a slab; 32 units of 16 bytes are one. */
const pagesOf = (blocks: number, c: number): number => (blocks * c + 31) >>> 5

/** How many blocks a new slab should have in a heap of so many pages. */
function blocksFor(c: number, heapPages: number): number {
  const pages = Math.max(1, heapPages >>> Cut.HEAP_SHARE)
  let blocks = Math.min(Cut.MOST_BLOCKS, Math.max(1, Math.floor((pages * 32) / c)))
  for (; blocks < Cut.MOST_BLOCKS; blocks++) {
    const units = pagesOf(blocks, c) * 32
    if ((units - blocks * c) << Cut.WASTE_SHARE <= units) break
  }
  return blocks
}

function mostInMagazine(c: number, heapPages: number): number {
  const blocks = Math.floor(((heapPages >>> Cut.MAGAZINE_SHARE) * 32) / c)
  return Math.max(Cut.LEAST_IN_MAGAZINE, Math.min(Unit.MAGAZINE, blocks))
}
