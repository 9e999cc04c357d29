/** LargeBlocks: blocks that are runs of pages of their own. */
import { SlabKind, SlabRecord, SlabWord } from '../../core/state.js'
import type { CachedRuns } from './cached-runs.js'
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
    private readonly cache: CachedRuns,
    private readonly slabs: Slabs,
  ) {}

  /** The first page of a block, or -1. `origin`: the address of page 0. */
  take(size: number, align: number, origin: number): number {
    const { heap } = this
    const most = heap.mostPages * Unit.PAGE
    if (size > most || align > most) return Run.NONE
    const pages = Math.ceil(size / Unit.PAGE)
    let record = this.takePages(pages, align, origin)
    if (record === 0 && this.slabs.dropEmpty()) record = this.takePages(pages, align, origin)
    if (record === 0) return Run.NONE
    return this.enter(record, size)
  }

  /** Makes a run a block of its own. Returns the first page. */
  enter(record: number, size: number): number {
    const { heap } = this
    const at = heap.at(record)
    const start = heap.words[at + SlabRecord.START]!
    heap.words[at + SlabRecord.FREE] = size
    heap.words[at + SlabRecord.ALL] = SlabKind.LARGE
    heap.mark(start, record)
    heap.mark(start + heap.words[at + SlabRecord.PAGES]! - 1, record)
    return start
  }

  /** false: there is something behind it. */
  resize(record: number, size: number): boolean {
    const { heap } = this
    const at = heap.at(record)
    const start = heap.words[at + SlabRecord.START]!
    const before = heap.words[at + SlabRecord.PAGES]!
    const pages = Math.ceil(size / Unit.PAGE)
    if (pages > heap.mostPages) return false
    if (pages > before && !this.grow(start + before, pages - before)) return false
    heap.words[at + SlabRecord.FREE] = size
    if (pages === before) return true
    heap.words[at + SlabRecord.PAGES] = pages
    heap.mark(start, record)
    heap.mark(start + pages - 1, record)
    if (pages < before) this.runs.give(start + pages, before - pages)
    return true
  }

  /** Takes the pages behind a block, if they are free. */
  private grow(end: number, more: number): boolean {
    if (this.runs.grow(end, more)) return true
    if (end === this.heap.words[SlabWord.TOP]) return false
    const isCached = this.heap.isKind(this.heap.recordOf(end), SlabKind.CACHED)
    return isCached && this.cache.flush() && this.runs.grow(end, more)
  }

  private takePages(pages: number, align: number, origin: number): number {
    const { cache } = this
    return align <= Unit.PAGE ? cache.take(pages) : cache.takeAligned(pages, align, origin)
  }
}
