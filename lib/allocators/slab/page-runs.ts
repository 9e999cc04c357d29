/**
 * PageRuns: pages of 512 bytes in runs, for slabs and large blocks.
 *
 * Free runs hang in bins by their length (exact up to 31 pages, then eight to a doubling), and a bit
 * for each bin says whether it has any, so a run is found with a few instructions: the first that fits of
 * its own bin, else the first of the next larger. A run is joined at once with free neighbours, which
 * its first and its last page name; a free run at the top goes back to what was never handed out.
 * Source: Doug Lea's malloc (bins, coalescing) with TLSF's two levels.
 */
import type { Region } from '../../core/region.js'
import { SlabKind, SlabRecord, SlabWord } from '../../core/state.js'
import { type SlabHeap, Unit } from './heap.js'

const enum Run {
  NONE = -1,
  /** Shorter runs have a bin for each length. */
  EXACT = 32,
  BINS = 176,
  /** How many runs of its own bin a request looks at. */
  TRIES = 16,
}

function binOf(pages: number): number {
  if (pages < Run.EXACT) return pages
  const exponent = 31 - Math.clz32(pages)
  return Run.EXACT + (exponent - 5) * 8 + ((pages >>> (exponent - 3)) & 7)
}

export class PageRuns {
  constructor(
    private readonly heap: SlabHeap,
    private readonly region: Region,
    /** Bytes of the region before the first page. */
    private readonly skip: number,
  ) {}

  /** The first page of a run, or -1. Its pages have no record. */
  take(pages: number): number {
    const record = this.find(pages)
    if (record === 0) return this.takeTop(pages)
    const start = this.heap.words[this.heap.at(record) + SlabRecord.START]!
    this.unlink(record)
    this.keepRest(record, pages)
    return start
  }

  /** As take, but the run's address is a multiple of `align`, which is more than a page. */
  takeAligned(pages: number, align: number, origin: number): number {
    const unit = align / Unit.PAGE
    const start = this.take(pages + unit - 1)
    if (start === Run.NONE) return start
    const off = (origin / Unit.PAGE + start) % unit
    const first = off === 0 ? start : start + unit - off
    const end = start + pages + unit - 1
    if (first + pages < end) this.give(first + pages, end - first - pages)
    if (start < first) this.give(start, first - start)
    return first
  }

  /** Makes a run longer by the pages behind it, if they are free. */
  grow(end: number, more: number): boolean {
    const { words } = this.heap
    if (end === words[SlabWord.TOP]) return this.raiseTop(end + more)
    const record = this.heap.recordOf(end)
    if (!this.heap.isKind(record, SlabKind.FREE)) return false
    if (words[this.heap.at(record) + SlabRecord.PAGES]! < more) return false
    this.unlink(record)
    this.keepRest(record, more)
    return true
  }

  /** Gives a run back whose pages name no record any more. */
  give(start: number, pages: number): void {
    const { heap } = this
    const { words } = heap
    let first = start
    let end = start + pages
    const below = start === 0 ? 0 : heap.recordOf(start - 1)
    if (heap.isKind(below, SlabKind.FREE)) {
      first = words[heap.at(below) + SlabRecord.START]!
      this.unlink(below)
      heap.drop(below)
    }
    const above = end === words[SlabWord.TOP] ? 0 : heap.recordOf(end)
    if (heap.isKind(above, SlabKind.FREE)) {
      end += words[heap.at(above) + SlabRecord.PAGES]!
      this.unlink(above)
      heap.drop(above)
    }
    if (end === words[SlabWord.TOP]) words[SlabWord.TOP] = first
    else this.link(heap.record(), first, end - first)
  }

  /** Gives the memory of free runs and above the top back to the system: how many bytes. */
  trim(): number {
    const { words } = this.heap
    let bytes = 0
    for (let bin = 1; bin < Run.BINS; bin++) {
      for (let record = words[SlabWord.BINS + bin]!; record !== 0;) {
        const at = this.heap.at(record)
        bytes += this.decommit(words[at + SlabRecord.START]!, words[at + SlabRecord.PAGES]!)
        record = words[at + SlabRecord.NEXT]!
      }
    }
    const top = words[SlabWord.TOP]!
    bytes += this.decommit(top, words[SlabWord.DIRTY_TOP]! - top)
    words[SlabWord.DIRTY_TOP] = top
    return bytes
  }

  private decommit(start: number, pages: number): number {
    return this.region._decommit(this.skip + start * Unit.PAGE, pages * Unit.PAGE)
  }

  /** A free run of so many pages or more, or 0. */
  private find(pages: number): number {
    const { words } = this.heap
    const bin = binOf(pages)
    let record = words[SlabWord.BINS + bin]!
    for (let tries = 0; record !== 0 && tries < Run.TRIES; tries++) {
      const at = this.heap.at(record)
      if (words[at + SlabRecord.PAGES]! >= pages) return record
      record = words[at + SlabRecord.NEXT]!
    }
    const larger = this.binFrom(bin + 1)
    return larger === 0 ? 0 : words[SlabWord.BINS + larger]!
  }

  /** The first bin from this one on that has runs, or 0. */
  private binFrom(bin: number): number {
    const { words } = this.heap
    let at = bin >>> 5
    let bits = words[SlabWord.BIN_MAP + at]! & (-1 << (bin & 31))
    while (bits === 0) {
      if (++at * 32 >= Run.BINS) return 0
      bits = words[SlabWord.BIN_MAP + at]!
    }
    return at * 32 + 31 - Math.clz32(bits & -bits)
  }

  private takeTop(pages: number): number {
    const start = this.heap.words[SlabWord.TOP]!
    return this.raiseTop(start + pages) ? start : Run.NONE
  }

  private raiseTop(top: number): boolean {
    const { words } = this.heap
    if (top > words[SlabWord.LIMIT]! && !this.extend(top)) return false
    words[SlabWord.TOP] = top
    if (top > words[SlabWord.DIRTY_TOP]!) words[SlabWord.DIRTY_TOP] = top
    if (top > words[SlabWord.PEAK_TOP]!) words[SlabWord.PEAK_TOP] = top
    return true
  }

  private extend(top: number): boolean {
    const { heap, region, skip } = this
    if (top > heap.mostPages) return false
    if (!region._extend(skip + top * Unit.PAGE - region.byteLength)) return false
    const pages = Math.floor((region.byteLength - skip) / Unit.PAGE)
    heap.words[SlabWord.LIMIT] = Math.min(pages, heap.mostPages)
    return true
  }

  /** The record of a run, whose first pages were taken, becomes that of the rest, if there is any. */
  private keepRest(record: number, taken: number): void {
    const at = this.heap.at(record)
    const start = this.heap.words[at + SlabRecord.START]!
    const pages = this.heap.words[at + SlabRecord.PAGES]!
    if (taken < pages) this.link(record, start + taken, pages - taken)
    else this.heap.drop(record)
  }

  private link(record: number, start: number, pages: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(record)
    const bin = binOf(pages)
    words[at + SlabRecord.ALL] = SlabKind.FREE
    words[at + SlabRecord.START] = start
    words[at + SlabRecord.PAGES] = pages
    heap.link(SlabWord.BINS + bin, record)
    words[SlabWord.BIN_MAP + (bin >>> 5)]! |= 1 << (bin & 31)
    heap.mark(start, record)
    heap.mark(start + pages - 1, record)
  }

  private unlink(record: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(record)
    const start = words[at + SlabRecord.START]!
    const pages = words[at + SlabRecord.PAGES]!
    const bin = binOf(pages)
    heap.unlink(SlabWord.BINS + bin, record)
    if (words[SlabWord.BINS + bin] === 0) {
      words[SlabWord.BIN_MAP + (bin >>> 5)]! &= ~(1 << (bin & 31))
    }
    heap.mark(start, 0)
    heap.mark(start + pages - 1, 0)
  }
}
