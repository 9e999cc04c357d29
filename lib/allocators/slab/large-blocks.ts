/** LargeBlocks: blocks that are runs of pages of their own. */
import { SlabKind, SlabRecord } from '../../core/state.js'
import { type SlabHeap, Unit } from './heap.js'
import type { PageRuns } from './page-runs.js'
import type { Slabs } from './slabs.js'

const enum Run {
  NONE = -1,
}

export class LargeBlocks {
  constructor(
    private readonly heap: SlabHeap,
    private readonly runs: PageRuns,
    private readonly slabs: Slabs,
  ) {}

  /** The first page of a block, or -1. `origin`: the address of page 0. */
  take(size: number, align: number, origin: number): number {
    const { heap } = this
    const most = heap.mostPages * Unit.PAGE
    if (size > most || align > most) return Run.NONE
    const pages = Math.ceil(size / Unit.PAGE)
    let start = this.takePages(pages, align, origin)
    if (start < 0 && this.slabs.dropEmpty()) start = this.takePages(pages, align, origin)
    if (start < 0) return Run.NONE
    const record = heap.record()
    const at = heap.at(record)
    heap.words[at + SlabRecord.FREE] = size
    heap.words[at + SlabRecord.START] = start
    heap.words[at + SlabRecord.PAGES] = pages
    heap.words[at + SlabRecord.ALL] = SlabKind.LARGE
    heap.mark(start, record)
    heap.mark(start + pages - 1, record)
    return start
  }

  /** Gives a block back. */
  give(record: number): void {
    const { heap } = this
    const at = heap.at(record)
    const start = heap.words[at + SlabRecord.START]!
    const pages = heap.words[at + SlabRecord.PAGES]!
    heap.mark(start, 0)
    heap.mark(start + pages - 1, 0)
    heap.drop(record)
    this.runs.give(start, pages)
  }

  /** false: there is something behind it. */
  resize(record: number, size: number): boolean {
    const { heap } = this
    const at = heap.at(record)
    const start = heap.words[at + SlabRecord.START]!
    const before = heap.words[at + SlabRecord.PAGES]!
    const pages = Math.ceil(size / Unit.PAGE)
    if (pages > before && !this.runs.grow(start + before, pages - before)) return false
    heap.words[at + SlabRecord.FREE] = size
    heap.words[at + SlabRecord.PAGES] = pages
    heap.mark(start + before - 1, 0)
    heap.mark(start, record)
    heap.mark(start + pages - 1, record)
    if (pages < before) this.runs.give(start + pages, before - pages)
    return true
  }

  private takePages(pages: number, align: number, origin: number): number {
    const { runs } = this
    return align <= Unit.PAGE ? runs.take(pages) : runs.takeAligned(pages, align, origin)
  }
}
