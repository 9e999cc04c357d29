/**
 * SlabHeap: the state of a slab allocator that its parts work on, and the arithmetic of its places.
 */
import { SlabKind, SlabRecord, SlabWord } from '../../core/state.js'

/** Units of the heap, as powers of two. */
export const enum Unit {
  PAGE_SHIFT = 9,
  PAGE = 512,
  GRANULE_SHIFT = 4,
  /** In a page's word, below its record's number. */
  CLASS_SHIFT = 7,
  /** The largest class too. */
  CLASS_MASK = 127,
  MAGAZINE_SHIFT = 5,
  MAGAZINE = 32,
  /** 2^20 / class, rounded up, divides a slab's units exactly: it has less than 2^12. */
  INVERSE_SHIFT = 20,
  /** Added to places shifted right by as much: places start at -2^31. */
  FIRST_PAGE = 0x400000,
  FIRST_GRANULE = 0x8000000,
  /** 64 KiB, whose granules' bytes are a page of the system's. */
  STRETCH_PAGES = 128,
  STRETCH_BYTES = 4096,
}

export class SlabHeap {
  private readonly recordsAt: number

  constructor(
    readonly words: Int32Array,
    /** By granule of 16 bytes: 0, or where a live block starts its size modulo 16, 1 to 16. */
    readonly blocks: Uint8Array,
    /** How many pages there can be. */
    readonly mostPages: number,
  ) {
    this.recordsAt = SlabWord.PAGES + mostPages - SlabRecord.WORDS
    for (let c = 1; c <= Unit.CLASS_MASK; c++) {
      words[SlabWord.INVERSE + c] = Math.ceil(2 ** Unit.INVERSE_SHIFT / c)
    }
    this.clear()
  }

  /** Makes it an empty heap. */
  clear(): void {
    const { words } = this
    const top = words[SlabWord.TOP]!
    words.fill(0, SlabWord.PAGES, SlabWord.PAGES + top)
    this.blocks.fill(0, 0, top * (Unit.PAGE / 16))
    words.fill(0, SlabWord.BIN_MAP, SlabWord.MOST)
    words.fill(0, SlabWord.PARTIAL, SlabWord.INVERSE)
    words[SlabWord.TOP] = 0
    words[SlabWord.USED] = 0
    words[SlabWord.SPARE] = 0
    words[SlabWord.FRESH] = 1
  }

  /** Bytes of a heap of so many pages and records, metadata included. */
  footprint(pages: number, records: number): number {
    const words = SlabWord.STRETCH_MAP + pages + records * SlabRecord.WORDS
    return pages * Unit.PAGE + words * 4 + this.words[SlabWord.STRETCHES]! * Unit.STRETCH_BYTES
  }

  /** The size class of the slab that a page is of, or 0. */
  classOf(page: number): number {
    return this.words[SlabWord.PAGES + page]! & Unit.CLASS_MASK
  }

  /** The index of a record's first word. */
  at(record: number): number {
    return this.recordsAt + record * SlabRecord.WORDS
  }

  /** The record of a page, or 0. Interior pages of runs have none. */
  recordOf(page: number): number {
    return this.words[SlabWord.PAGES + page]! >>> Unit.CLASS_SHIFT
  }

  /** Enters the record of the pages, with the size class of a slab, or 0. */
  mark(page: number, record: number, c = 0): void {
    this.words[SlabWord.PAGES + page] = (record << Unit.CLASS_SHIFT) | c
  }

  isKind(record: number, kind: SlabKind): boolean {
    return record !== 0 && this.words[this.at(record) + SlabRecord.ALL] === kind
  }

  /** A record of its own for the caller; there is one for every page, so there is always one. */
  record(): number {
    const { words } = this
    const spare = words[SlabWord.SPARE]!
    if (spare === 0) return words[SlabWord.FRESH]!++
    words[SlabWord.SPARE] = words[this.at(spare) + SlabRecord.NEXT]!
    return spare
  }

  /** Gives a record back. */
  drop(record: number): void {
    const { words } = this
    const at = this.at(record)
    words[at + SlabRecord.ALL] = SlabKind.NONE
    words[at + SlabRecord.NEXT] = words[SlabWord.SPARE]!
    words[SlabWord.SPARE] = record
  }

  /** Puts a record at the head of the list that a word is the head of. */
  link(head: number, record: number): void {
    const { words } = this
    const at = this.at(record)
    const next = words[head]!
    words[at + SlabRecord.NEXT] = next
    words[at + SlabRecord.PREVIOUS] = 0
    if (next !== 0) words[this.at(next) + SlabRecord.PREVIOUS] = record
    words[head] = record
  }

  unlink(head: number, record: number): void {
    const { words } = this
    const at = this.at(record)
    const next = words[at + SlabRecord.NEXT]!
    const previous = words[at + SlabRecord.PREVIOUS]!
    if (next !== 0) words[this.at(next) + SlabRecord.PREVIOUS] = previous
    if (previous !== 0) words[this.at(previous) + SlabRecord.NEXT] = next
    else words[head] = next
  }
}
