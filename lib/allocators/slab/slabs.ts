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
import type { CachedRuns } from './cached-runs.js'
import { Magazine, type SlabHeap, Unit } from './heap.js'

const enum Cut {
  /** A slab aims at this share of the pages in use, as a power of two, and at 2 KiB ... */
  HEAP_SHARE = 12,
  LEAST_PAGES = 4,
  /** ... and leaves at most this share of its own unused. */
  WASTE_SHARE = 3,
  MOST_BLOCKS = 32,
}

/** Of magazines. */
const enum Keep {
  /** A magazine holds blocks for about this share of the heap, and at least so many ... */
  HEAP_SHARE = 13,
  LEAST_BLOCKS = 4,
  /** ... of classes above this one half of that. */
  FEW_ABOVE = 16,
  /** All are emptied whenever the heap has grown by this share. */
  GROWTH_SHARE = 5,
}

export class Slabs {
  constructor(
    private readonly heap: SlabHeap,
    private readonly runs: CachedRuns,
  ) {}

  /** Fills the empty magazine of a class. false: out of memory. */
  refill(c: number): boolean {
    const { words } = this.heap
    const most = mostInMagazine(c, words[SlabWord.TOP]!)
    words[SlabWord.MOST + c] = most
    while (words[SlabWord.COUNT + c]! < most >>> 1) {
      const slab = words[SlabWord.PARTIAL + c]!
      if (slab === 0) break
      this.drain(slab, c)
    }
    return words[SlabWord.COUNT + c]! > 0 || this.cut(c)
  }

  /** Takes a free block back. */
  give(c: number, place: number): void {
    const { words } = this.heap
    const count = words[SlabWord.COUNT + c]!
    if (count < words[SlabWord.MOST + c]!) {
      words[SlabWord.MAGAZINE + (c << Magazine.SHIFT) + count] = place
      words[SlabWord.COUNT + c] = count + 1
    } else {
      this.spill(c, place)
    }
  }

  /** A block was freed whose magazine is full: makes room for it. */
  spill(c: number, place: number): void {
    const { words } = this.heap
    const most = mostInMagazine(c, words[SlabWord.TOP]!)
    words[SlabWord.MOST + c] = most
    const count = words[SlabWord.COUNT + c]!
    // The heap may have grown since, and the magazine with it.
    if (count >= most) this.giveBack(c, count - (most >>> 1))
    const left = words[SlabWord.COUNT + c]!
    words[SlabWord.MAGAZINE + (c << Magazine.SHIFT) + left] = place
    words[SlabWord.COUNT + c] = left + 1
  }

  /** Makes the next block of a class one that is aligned, if there is one within reach. */
  raiseAligned(c: number, align: number): boolean {
    const { words } = this.heap
    const magazine = SlabWord.MAGAZINE + (c << Magazine.SHIFT)
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
    const { heap } = this
    const { words } = heap
    const magazine = SlabWord.MAGAZINE + (c << Magazine.SHIFT)
    const inverse = words[SlabWord.INVERSE + c]!
    let any = false
    let slab = 0
    let first = 0
    let bits = 0
    for (let i = magazine; i < magazine + count; i++) {
      const place = words[i]!
      const page = (place >> Unit.PAGE_SHIFT) + (Unit.FIRST_PAGE + SlabWord.PAGES)
      const owner = words[page]! >>> Unit.CLASS_SHIFT
      // Blocks that were freed one after the other are often of one slab.
      if (owner !== slab) {
        if (bits !== 0 && this.giveBlocks(slab, c, bits)) any = true
        slab = owner
        bits = 0
        first = (words[heap.at(slab) + SlabRecord.START]! - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
      }
      const units = (place - first) >>> Unit.GRANULE_SHIFT
      bits |= 1 << (Math.imul(units, inverse) >>> Unit.INVERSE_SHIFT)
    }
    if (bits !== 0 && this.giveBlocks(slab, c, bits)) any = true
    const left = words[SlabWord.COUNT + c]! - count
    for (let i = magazine; i < magazine + left; i++) words[i] = words[i + count]!
    words[SlabWord.COUNT + c] = left
    return any
  }

  /** Gives blocks back to their slab. Were they the last ones, so that the slab was given back? */
  private giveBlocks(slab: number, c: number, bits: number): boolean {
    const { heap } = this
    const { words } = heap
    const at = heap.at(slab)
    const free = words[at + SlabRecord.FREE]!
    const next = free | bits
    words[at + SlabRecord.FREE] = next
    if (next === words[at + SlabRecord.ALL]) {
      if (free !== 0) heap.unlink(SlabWord.PARTIAL + c, slab)
      this.runs.give(slab)
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
    const magazine = SlabWord.MAGAZINE + (c << Magazine.SHIFT)
    let count = words[SlabWord.COUNT + c]!
    let free = words[at + SlabRecord.FREE]!
    while (free !== 0 && count < Magazine.ROOM) {
      const i = 31 - Math.clz32(free)
      free ^= 1 << i
      words[magazine + count++] = (first + Math.imul(i, c << Unit.GRANULE_SHIFT)) | 0
    }
    words[SlabWord.COUNT + c] = count
    words[at + SlabRecord.FREE] = free
    if (free === 0) heap.unlink(SlabWord.PARTIAL + c, slab)
  }

  /** Makes a new slab: as many blocks as suit the heap, else a single page or two. */
  private cut(c: number): boolean {
    const { runs } = this
    const top = this.heap.words[SlabWord.TOP]!
    if (top > this.heap.words[SlabWord.EMPTY_AT]!) {
      this.heap.words[SlabWord.EMPTY_AT] = top + (top >>> Keep.GROWTH_SHARE)
      this.dropEmpty()
    }
    let blocks = blocksFor(c, top)
    let slab = runs.take(pagesOf(blocks, c))
    if (slab === 0) {
      blocks = Math.min(Cut.MOST_BLOCKS, Math.floor((pagesOf(1, c) * 32) / c))
      slab = runs.take(pagesOf(blocks, c))
      if (slab === 0 && this.dropEmpty()) slab = runs.take(pagesOf(blocks, c))
      if (slab === 0) return false
    }
    this.enter(c, slab, blocks)
    return true
  }

  private enter(c: number, slab: number, blocks: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(slab)
    const start = words[at + SlabRecord.START]!
    const end = start + words[at + SlabRecord.PAGES]!
    const all = (2 << (blocks - 1)) - 1
    words[at + SlabRecord.FREE] = all
    words[at + SlabRecord.ALL] = all
    for (let page = start; page < end; page++) heap.mark(page, slab, c)
    this.countStretches(start, end - 1)
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
}

/** Pages of a slab; 32 units of 16 bytes are one. */
const pagesOf = (blocks: number, c: number): number => (blocks * c + 31) >>> 5

/** How many blocks a new slab should have in a heap of so many pages. */
function blocksFor(c: number, heapPages: number): number {
  const pages = Math.max(Cut.LEAST_PAGES, heapPages >>> Cut.HEAP_SHARE)
  let blocks = Math.min(Cut.MOST_BLOCKS, Math.max(1, Math.floor((pages * 32) / c)))
  for (; blocks < Cut.MOST_BLOCKS; blocks++) {
    const units = pagesOf(blocks, c) * 32
    if ((units - blocks * c) << Cut.WASTE_SHARE <= units) break
  }
  return blocks
}

function mostInMagazine(c: number, heapPages: number): number {
  const blocks = Math.floor(((heapPages >>> Keep.HEAP_SHARE) * 32) / c)
  const least = c > Keep.FEW_ABOVE ? Keep.LEAST_BLOCKS >>> 1 : Keep.LEAST_BLOCKS
  return Math.max(least, Math.min(Magazine.ROOM, blocks))
}
