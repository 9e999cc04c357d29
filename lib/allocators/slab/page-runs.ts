/**
 * PageRuns: pages of 512 bytes in runs, for slabs and large blocks.
 *
 * Free runs hang in bins by their length (exact up to 31 pages, then eight to a doubling), and a bit
 * for each bin says whether it has any, so a run is found with a few instructions: the first that fits of
 * its own bin, else the first of the next larger. A run is joined at once with free neighbours, which
 * its first and its last page name; a free run at the top goes back to what was never handed out.
 * Long free runs are given back to the system before the heap becomes larger than it ever was.
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

const enum Purge {
  /** 16 KiB: so long a run may be given back to the system to make room for one of this length or more. */
  LEAST = 32,
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

  /** The first page of a run of pages that were given back, or -1. */
  takeFree(pages: number): number {
    const record = this.find(pages)
    if (record === 0) return Run.NONE
    const start = this.heap.words[this.heap.at(record) + SlabRecord.START]!
    this.unlink(record)
    this.keepRest(record, pages)
    return start
  }

  /** As take, but the run's address is a multiple of `align`, which is more than a page. */
  takeAligned(pages: number, align: number, origin: number): number {
    const unit = align / Unit.PAGE
    const exact = this.takeFitting(pages, unit, origin / Unit.PAGE)
    if (exact !== Run.NONE) return exact
    let start = this.takeFree(pages + unit - 1)
    if (start === Run.NONE) start = this.takeTop(pages + unit - 1)
    if (start === Run.NONE) return start
    const off = (origin / Unit.PAGE + start) % unit
    const first = off === 0 ? start : start + unit - off
    const end = start + pages + unit - 1
    if (first + pages < end) this.give(first + pages, end - first - pages)
    if (start < first) this.give(start, first - start)
    return first
  }

  /** A run of just so many pages, if the first that there is has the alignment. */
  private takeFitting(pages: number, unit: number, originPage: number): number {
    let start = this.takeFree(pages)
    if (start === Run.NONE) start = this.takeTop(pages)
    if (start === Run.NONE || (originPage + start) % unit === 0) return start
    this.give(start, pages)
    return Run.NONE
  }

  /** Makes a run longer by the pages behind it, if they are free. */
  grow(end: number, more: number): boolean {
    const { words } = this.heap
    if (end === words[SlabWord.TOP]) return this.raiseTop(end + more)
    const record = this.heap.recordOf(end)
    if (!this.heap.isKind(record, SlabKind.FREE)) return false
    if (words[this.heap.at(record) + SlabRecord.START] !== end) return false
    if (words[this.heap.at(record) + SlabRecord.PAGES]! < more) return false
    this.unlink(record)
    this.keepRest(record, more)
    return true
  }

  /** Gives a run back that no record is of any more. */
  give(start: number, pages: number): void {
    const { heap } = this
    const { words } = heap
    let first = start
    let end = start + pages
    let purged = 0
    const below = start === 0 ? 0 : heap.recordOf(start - 1)
    if (heap.isKind(below, SlabKind.FREE) && this.endOf(below) === start) {
      first = words[heap.at(below) + SlabRecord.START]!
      purged = words[heap.at(below) + SlabRecord.FREE]!
      this.unlink(below)
      heap.drop(below)
    }
    const above = end === words[SlabWord.TOP] ? 0 : heap.recordOf(end)
    if (heap.isKind(above, SlabKind.FREE) && words[heap.at(above) + SlabRecord.START] === end) {
      end = this.endOf(above)
      purged += words[heap.at(above) + SlabRecord.FREE]!
      this.unlink(above)
      heap.drop(above)
    }
    if (end !== words[SlabWord.TOP]) {
      this.link(heap.record(), first, end - first, purged)
      return
    }
    words[SlabWord.PURGED]! -= purged
    words[SlabWord.TOP] = first
  }

  /** Gives the memory of free runs and above the top back to the system: how many bytes. */
  trim(): number {
    const { words } = this.heap
    let bytes = this.purge(words[SlabWord.TOP]!, 1)
    const top = words[SlabWord.TOP]!
    bytes += this.decommit(top, words[SlabWord.DIRTY_TOP]! - top)
    words[SlabWord.DIRTY_TOP] = top
    return bytes
  }

  /** Gives the memory of free runs of `least` pages and more back, the longest first, until it suffices. */
  private purge(wanted: number, least: number): number {
    const { words } = this.heap
    let bytes = 0
    const end = binOf(least)
    for (let bin = Run.BINS - 1; bin >= end; bin--) {
      for (let record = words[SlabWord.BINS + bin]!; record !== 0;) {
        const at = this.heap.at(record)
        const pages = words[at + SlabRecord.PAGES]!
        const before = words[at + SlabRecord.FREE]!
        if (before < pages && pages >= least) {
          const given = this.decommit(words[at + SlabRecord.START]!, pages)
          bytes += Math.max(0, given - before * Unit.PAGE)
          words[at + SlabRecord.FREE] = given / Unit.PAGE
          words[SlabWord.PURGED]! += given / Unit.PAGE - before
          // Of a page of the system's that is in use again in part, nothing is given back.
          this.notePeak()
          if (bytes >= wanted * Unit.PAGE) return bytes
        }
        record = words[at + SlabRecord.NEXT]!
      }
    }
    return bytes
  }

  private endOf(record: number): number {
    const at = this.heap.at(record)
    return this.heap.words[at + SlabRecord.START]! + this.heap.words[at + SlabRecord.PAGES]!
  }

  private decommit(start: number, pages: number): number {
    return this.region._decommit(this.skip + start * Unit.PAGE, pages * Unit.PAGE)
  }

  /** A free run of so many pages or more, or 0. */
  private find(pages: number): number {
    const { words } = this.heap
    if (pages > this.heap.mostPages) return 0
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

  /** The first page of a run of pages that were never used, or not since the top fell; or -1. */
  takeTop(pages: number): number {
    const start = this.heap.words[SlabWord.TOP]!
    if (pages >= Purge.LEAST) this.makeRoom(pages)
    return this.raiseTop(start + pages) ? start : Run.NONE
  }

  private raiseTop(top: number): boolean {
    const { words } = this.heap
    if (top > words[SlabWord.LIMIT]! && !this.extend(top)) return false
    words[SlabWord.TOP] = top
    if (top > words[SlabWord.DIRTY_TOP]!) words[SlabWord.DIRTY_TOP] = top
    if (top > words[SlabWord.PEAK_TOP]!) words[SlabWord.PEAK_TOP] = top
    this.notePeak()
    return true
  }

  private extend(top: number): boolean {
    const { heap, region, skip } = this
    if (top > heap.mostPages || heap.words[SlabWord.LIMIT]! < 0) return false
    if (!region._extend(skip + top * Unit.PAGE - region.byteLength)) return false
    const pages = Math.floor((region.byteLength - skip) / Unit.PAGE)
    heap.words[SlabWord.LIMIT] = Math.min(pages, heap.mostPages)
    return true
  }

  /** So many pages more are about to be used: others are given back if that would be the most ever. */
  private makeRoom(pages: number): void {
    const { words } = this.heap
    const most = words[SlabWord.PEAK_PAGES]! + words[SlabWord.PURGED]!
    const more = words[SlabWord.TOP]! + pages - most
    if (more > 0) this.purge(more, Purge.LEAST)
  }

  private notePeak(): void {
    const { words } = this.heap
    const pages = words[SlabWord.TOP]! - words[SlabWord.PURGED]!
    if (pages > words[SlabWord.PEAK_PAGES]!) words[SlabWord.PEAK_PAGES] = pages
  }

  /**
   * The record of a run, whose first pages were taken, becomes that of the rest, if there is any. Which of its
   * pages were purged is not known: those that were taken, as far as they go.
   */
  private keepRest(record: number, taken: number): void {
    const { words } = this.heap
    const at = this.heap.at(record)
    const start = words[at + SlabRecord.START]!
    const pages = words[at + SlabRecord.PAGES]!
    const purged = words[at + SlabRecord.FREE]!
    if (taken < pages) this.link(record, start + taken, pages - taken, Math.max(0, purged - taken))
    else this.heap.drop(record)
    if (purged > 0) {
      words[SlabWord.PURGED]! -= Math.min(purged, taken)
      this.makeRoom(0)
      this.notePeak()
    }
  }

  private link(record: number, start: number, pages: number, purged: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(record)
    const bin = binOf(pages)
    words[at + SlabRecord.ALL] = SlabKind.FREE
    words[at + SlabRecord.FREE] = purged
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
