/**
 * CachedRuns: runs of up to 64 pages that were given back and wait for a request of just that length,
 * which takes a list's head and nothing more. They are joined with their neighbours only when no
 * other run is long enough. Source: Doug Lea's malloc (fast bins, consolidation).
 */
import { SlabKind, SlabRecord, SlabWord } from '../../core/state.js'
import type { SlabHeap } from './heap.js'
import type { PageRuns } from './page-runs.js'

const enum Cache {
  MOST_PAGES = 64,
  NONE = -1,
}

export class CachedRuns {
  constructor(
    private readonly heap: SlabHeap,
    private readonly runs: PageRuns,
  ) {}

  /** The record of a run of so many pages, or 0: out of memory. Its kind is for the caller to enter. */
  take(pages: number): number {
    const cached = this.takeCached(pages)
    return cached === 0 ? this.record(this.takeRun(pages), pages) : cached
  }

  /** As take, but the run's address is a multiple of `align`. */
  takeAligned(pages: number, align: number, origin: number): number {
    let start = this.runs.takeAligned(pages, align, origin)
    if (start < 0 && this.flush()) start = this.runs.takeAligned(pages, align, origin)
    return this.record(start, pages)
  }

  /** The record of a run that was cached, or 0. */
  takeCached(pages: number): number {
    if (pages > Cache.MOST_PAGES) return 0
    const { words } = this.heap
    const record = words[SlabWord.CACHE + pages]!
    if (record === 0) return 0
    words[SlabWord.CACHE + pages] = words[this.heap.at(record) + SlabRecord.NEXT]!
    words[SlabWord.CACHED]! -= pages
    return record
  }

  /** Gives a run back, whose first and last page name its record. */
  give(record: number): void {
    const { heap } = this
    const { words } = heap
    const at = heap.at(record)
    const pages = words[at + SlabRecord.PAGES]!
    if (pages > Cache.MOST_PAGES) {
      heap.drop(record)
      this.runs.give(words[at + SlabRecord.START]!, pages)
      return
    }
    words[at + SlabRecord.ALL] = SlabKind.CACHED
    words[at + SlabRecord.NEXT] = words[SlabWord.CACHE + pages]!
    words[SlabWord.CACHE + pages] = record
    words[SlabWord.CACHED]! += pages
  }

  /** Joins all with their neighbours. Was there any? */
  flush(): boolean {
    const { heap } = this
    const { words } = heap
    if (words[SlabWord.CACHED] === 0) return false
    for (let pages = 1; pages <= Cache.MOST_PAGES; pages++) {
      for (let record = words[SlabWord.CACHE + pages]!; record !== 0;) {
        const at = heap.at(record)
        const start = words[at + SlabRecord.START]!
        const next = words[at + SlabRecord.NEXT]!
        heap.drop(record)
        this.runs.give(start, pages)
        record = next
      }
      words[SlabWord.CACHE + pages] = 0
    }
    words[SlabWord.CACHED] = 0
    return true
  }

  private takeRun(pages: number): number {
    let start = this.runs.takeFree(pages)
    if (start < 0 && this.flush()) start = this.runs.takeFree(pages)
    return start < 0 ? this.runs.takeTop(pages) : start
  }

  private record(start: number, pages: number): number {
    if (start === Cache.NONE) return 0
    const { heap } = this
    const record = heap.record()
    const at = heap.at(record)
    heap.words[at + SlabRecord.START] = start
    heap.words[at + SlabRecord.PAGES] = pages
    return record
  }
}
