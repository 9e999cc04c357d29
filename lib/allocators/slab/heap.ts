/**
 * SlabHeap: the state of a slab allocator that its parts work on, and the arithmetic of its places.
 *
 * A place is an offset from the first page less 2^31, a signed word. The block table has a byte, a cell,
 * for each 32 bytes, which holds the tag of the block that starts there, 0 while none lives. Two blocks of
 * 32 bytes and more never start in the same cell; those of 16 bytes have half a cell each.
 */
import { SlabKind, SlabRecord, SlabWord } from '../../core/state.js'

/** Units of the heap, as powers of two. */
export const enum Unit {
  PAGE_SHIFT = 9,
  PAGE = 512,
  GRANULE_SHIFT = 4,
  CELL_SHIFT = 5,
  /** In a page's word, below its record's number. */
  CLASS_SHIFT = 7,
  /** The largest class too. */
  CLASS_MASK = 127,
  /** 2^20 / class, rounded up, divides a slab's units exactly: it has less than 2^12. */
  INVERSE_SHIFT = 20,
  /** Added to places shifted right by as much: places start at -2^31. */
  FIRST_PAGE = 0x400000,
  FIRST_CELL = 0x4000000,
  /** 128 KiB, whose cells are a page of the system's. */
  STRETCH_PAGES = 256,
  STRETCH_BYTES = 4096,
}

export const enum Small {
  /** The largest block of a slab. */
  MOST = 2032,
  /** One of 1 byte is for the slow path: it takes a block of 32. One of 0 bytes is one of 1. */
  LEAST = 2,
}

/** Words of a magazine. An odd word is no place: one is before its first block, one where it ends. */
export const enum Magazine {
  WORDS = 34,
  ROOM = 32,
  ODD = 1,
}

/**
 * What a cell holds of a block: for 2 to 16 bytes the size less 1, in its half of the cell; for more, in
 * the whole cell, LIVE and the size modulo 16, and a bit when the block starts in the upper 16 bytes.
 */
export const enum Tag {
  HALF = 15,
  /** Times the tag of one half: that of both. */
  BOTH = 17,
  LIVE = 16,
  /** Of a block of 32 bytes that was asked for as 1. */
  ONE = 8,
  LOW_BITS = 31,
  WHOLE = 255,
  HIGH_SHIFT = 1,
}

/** What askedAt says where no block lives; else it says a size. */
export const enum Asked {
  NO_BLOCK = -1,
  INSIDE = -2,
  FREED = -3,
}

export class SlabHeap {
  private readonly recordsAt: number

  constructor(
    readonly words: Int32Array,
    readonly cells: Uint8Array,
    /** How many pages there can be. */
    readonly mostPages: number,
  ) {
    this.recordsAt = SlabWord.PAGES + mostPages - SlabRecord.WORDS
    words[SlabWord.MOST_PAGES] = mostPages
    for (let c = 1; c <= Unit.CLASS_MASK; c++) {
      words[SlabWord.INVERSE + c] = Math.ceil(2 ** Unit.INVERSE_SHIFT / c)
    }
    this.clear()
  }

  /** Makes it an empty heap. */
  clear(): void {
    const { words } = this
    const top = words[SlabWord.PEAK_TOP]!
    words[SlabWord.PEAK_FRESH] = this.peakRecords
    words.fill(0, SlabWord.PAGES, SlabWord.PAGES + top)
    this.cells.fill(0, 0, top * (Unit.PAGE >>> Unit.CELL_SHIFT))
    words.fill(0, SlabWord.EMPTY_AT, SlabWord.INVERSE)
    for (let c = 0; c <= Unit.CLASS_MASK; c++) {
      const at = SlabWord.MAGAZINE + c * Magazine.WORDS
      words[at] = Magazine.ODD
      words[at + 1] = Magazine.ODD
      words[SlabWord.NEXT + c] = at + 1
    }
    words[SlabWord.TOP] = 0
    words[SlabWord.PURGED] = 0
    words[SlabWord.USED] = 0
    words[SlabWord.SPARE] = 0
    words[SlabWord.FRESH] = 1
  }

  get peakRecords(): number {
    return Math.max(this.words[SlabWord.FRESH]!, this.words[SlabWord.PEAK_FRESH]!)
  }

  /** Bytes of a heap of so many pages and records, metadata included. */
  footprint(pages: number, records: number): number {
    const words = SlabWord.STRETCH_MAP + pages + records * SlabRecord.WORDS
    return pages * Unit.PAGE + words * 4 + this.words[SlabWord.STRETCHES]! * Unit.STRETCH_BYTES
  }

  /** The size that was asked for of the block at a distance from the middle, or a negative Asked. */
  askedAt(distance: number): number {
    const place = distance | 0
    const page = (place >> Unit.PAGE_SHIFT) + Unit.FIRST_PAGE
    if (place !== distance || page >= this.words[SlabWord.TOP]!) return Asked.NO_BLOCK
    const record = this.recordOf(page)
    const at = this.at(record)
    const start = this.words[at + SlabRecord.START]!
    // A page inside a run may name the record of another one.
    if (record === 0 || page < start || page >= start + this.words[at + SlabRecord.PAGES]!) {
      return Asked.NO_BLOCK
    }
    const all = this.words[at + SlabRecord.ALL]!
    if (all === SlabKind.LARGE) {
      const isStart = page === start && place % Unit.PAGE === 0
      return isStart ? this.words[at + SlabRecord.FREE]! >>> 0 : Asked.INSIDE
    }
    if (all === SlabKind.CACHED && page === start && place % Unit.PAGE === 0) return Asked.FREED
    if ((all & 1) === 0) return Asked.NO_BLOCK
    const c = this.classOf(page)
    const i = (place - ((start - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT)) / (c * 16)
    if (!Number.isInteger(i) || i > 31 || ((all >>> i) & 1) === 0) return Asked.INSIDE
    const tag = this.tagAt(place, c)
    return tag === 0 ? Asked.FREED : sizeFor(c, tag)
  }

  /** Does a block live at this place that was asked for with `size` bytes, 1 to 2,032? */
  lives(place: number, size: number): boolean {
    const c = classFor(size)
    const page = (place >> Unit.PAGE_SHIFT) + Unit.FIRST_PAGE
    if (place % 16 !== 0 || page >= this.words[SlabWord.TOP]! || this.classOf(page) !== c)
      return false
    return this.tagAt(place, c) === tagFor(size)
  }

  /** The record of the large block that starts at a place, or 0. */
  largeAt(place: number): number {
    const page = (place >> Unit.PAGE_SHIFT) + Unit.FIRST_PAGE
    if (place % Unit.PAGE !== 0 || page >= this.words[SlabWord.TOP]!) return 0
    const record = this.recordOf(page)
    if (!this.isKind(record, SlabKind.LARGE)) return 0
    return this.words[this.at(record) + SlabRecord.START] === page ? record : 0
  }

  /** The tag of the live block of class `c` at a place, or 0. */
  tagAt(place: number, c: number): number {
    const cell = this.cells[(place >> Unit.CELL_SHIFT) + Unit.FIRST_CELL]!
    if (c === 1) return (cell >>> halfShift(place)) & Tag.HALF
    return (cell & ~Tag.LOW_BITS) === highBit(place) ? cell & Tag.LOW_BITS : 0
  }

  /** Enters the tag of a block of class `c` that begins to live, is resized, or ends (0). */
  setTag(place: number, c: number, tag: number): void {
    const at = (place >> Unit.CELL_SHIFT) + Unit.FIRST_CELL
    if (c === 1) {
      const others = this.cells[at]! & ~(Tag.HALF << halfShift(place))
      this.cells[at] = others | (tag << halfShift(place))
    } else {
      this.cells[at] = tag === 0 ? 0 : tag | highBit(place)
    }
  }

  /** The size class of the slab that a page is of, or 0. */
  classOf(page: number): number {
    return this.words[SlabWord.PAGES + page]! & Unit.CLASS_MASK
  }

  /** The index of a record's first word. */
  at(record: number): number {
    return this.recordsAt + record * SlabRecord.WORDS
  }

  /** The record that a page names, or 0. Pages inside a run may name any. */
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

/** The size class of the blocks for `size` bytes, 1 to 2,032. */
export function classFor(size: number): number {
  return size === 1 ? 2 : (size + 15) >>> Unit.GRANULE_SHIFT
}

/** The tag of a block that was asked for with `size` bytes, 1 to 2,032. */
export function tagFor(size: number): number {
  if (size === 1) return Tag.ONE
  return size <= 16 ? size - 1 : (size & 15) | Tag.LIVE
}

/** The size of a block of a class that has this tag. */
function sizeFor(c: number, tag: number): number {
  if (c === 1) return tag + 1
  return tag === Tag.ONE ? 1 : (c - 1) * 16 + (((tag - 1) & 15) + 1)
}

function halfShift(place: number): number {
  return (place >> 2) & 4
}

function highBit(place: number): number {
  return (place & 16) << Tag.HIGH_SHIFT
}
