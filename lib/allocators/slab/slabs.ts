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
  /** A magazine holds blocks for about this share of the heap, and at least for 4 KiB ... */
  HEAP_SHARE = 13,
  LEAST_UNITS = 256,
  /** ... of classes above this one at least so many. */
  FEW_ABOVE = 16,
  FEW = 2,
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
    const most = this.setMost(c)
    while (this.count(c) < most >>> 1) {
      const slab = words[SlabWord.PARTIAL + c]!
      if (slab === 0) break
      this.drain(slab, c)
    }
    return this.count(c) > 0 || this.cut(c)
  }

  /** Takes a free block back. */
  give(c: number, place: number): void {
    const { words } = this.heap
    const next = words[SlabWord.NEXT + c]!
    if ((words[next]! & Magazine.ODD) === 0) {
      words[next] = place
      words[SlabWord.NEXT + c] = next + 1
    } else {
      this.spill(c, place)
    }
  }

  /** Makes the next block of a class one that is aligned, if there is one within reach. */
  raiseAligned(c: number, align: number): boolean {
    const { words } = this.heap
    if (this.count(c) === 0 && !this.refill(c)) return false
    const last = words[SlabWord.NEXT + c]! - 1
    for (let i = last; i >= firstIn(c); i--) {
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
    let any = false
    for (let c = 1; c <= Unit.CLASS_MASK; c++) {
      const count = this.count(c)
      if (count > 0 && this.giveBack(c, count)) any = true
    }
    return any
  }

  /** A block was freed whose magazine is full: makes room for it. */
  private spill(c: number, place: number): void {
    const { words } = this.heap
    const count = this.count(c)
    const most = mostInMagazine(c, words[SlabWord.TOP]!)
    // The heap may have grown since, and the magazine with it.
    this.giveBack(c, count < most ? 0 : count - (most >>> 1))
    this.setMost(c)
    const next = words[SlabWord.NEXT + c]!
    words[next] = place
    words[SlabWord.NEXT + c] = next + 1
  }

  /** How many blocks are in a magazine. */
  private count(c: number): number {
    return this.heap.words[SlabWord.NEXT + c]! - firstIn(c)
  }

  /** A magazine with at most so many blocks as suit the heap gets that limit; returned. */
  private setMost(c: number): number {
    const { words } = this.heap
    const most = mostInMagazine(c, words[SlabWord.TOP]!)
    words[firstIn(c) + words[SlabWord.MOST + c]!] = 0
    words[firstIn(c) + most] = Magazine.ODD
    words[SlabWord.MOST + c] = most
    return most
  }

  /** Gives the oldest blocks of a magazine back to their slabs. Was a slab given back by that? */
  private giveBack(c: number, count: number): boolean {
    const { heap } = this
    const { words } = heap
    const magazine = firstIn(c)
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
    const end = words[SlabWord.NEXT + c]! - count
    for (let i = magazine; i < end; i++) words[i] = words[i + count]!
    words[SlabWord.NEXT + c] = end
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
    const end = firstIn(c) + words[SlabWord.MOST + c]!
    let next = words[SlabWord.NEXT + c]!
    let free = words[at + SlabRecord.FREE]!
    while (free !== 0 && next < end) {
      const i = 31 - Math.clz32(free)
      free ^= 1 << i
      words[next++] = (first + Math.imul(i, c << Unit.GRANULE_SHIFT)) | 0
    }
    words[SlabWord.NEXT + c] = next
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

/** The index of the first block in a magazine. */
const firstIn = (c: number): number => SlabWord.MAGAZINE + 1 + c * Magazine.WORDS

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
  const least = c > Keep.FEW_ABOVE ? Keep.FEW : Math.floor(Keep.LEAST_UNITS / c)
  const blocks = Math.floor(((heapPages >>> Keep.HEAP_SHARE) * 32) / c)
  return Math.min(Magazine.ROOM, Math.max(least, blocks))
}
