/**
 * Where an arena takes blocks from: one of its chunks, and a cursor in it. What is rarely done with
 * them is here; what each allocation does is in arena.ts, on the same words.
 *
 * The chunk is an oh_bump_t of native/include/offheap.h, of which `words` is the mirror; its two peaks
 * are not kept, as those of an arena are of all its chunks.
 */
import type { Allocator } from '../../core/allocator.js'
import { checkLayout } from '../../core/layout.js'
import { FIRST_MADE_UP, type Pointer } from '../../core/pointer.js'
import { Region } from '../../core/region.js'
import { BumpWord, MAX_CAPACITY, stateBlock } from '../../core/state.js'
import { type Chunk, Chunks } from './chunks.js'

/** No offset: they are below 2^32 - 4 KiB, and kept as signed words. */
export const enum Offset {
  NONE = -1,
}

/** No place in the list: there is no chunk yet. */
const enum At {
  NOWHERE = -1,
}

/** A place to go back to. */
export interface Mark {
  /** The chunk's place in the list. */
  readonly at: number
  readonly epoch: number
  readonly taken: number
  readonly gaps: number
  /** Blocks of this chunk that start below it do not grow. */
  readonly floor: number
}

/** The region of an arena without chunks; nothing is ever taken from it. */
const NO_REGION = new Region(
  { kind: 'block', show: () => null, release: () => {} },
  FIRST_MADE_UP,
  0,
  null,
)

export class Cursor {
  readonly words = stateBlock(BumpWord.COUNT)
  readonly chunks: Chunks
  /** Of the chunk: its region and its address. */
  region: Region = NO_REGION
  base: Pointer = FIRST_MADE_UP
  private at: number = At.NOWHERE
  /** Live payload in the chunks before this one. */
  private liveBefore = 0
  private mostLive = 0

  constructor(parent: Allocator, limit: number) {
    this.chunks = new Chunks(parent, limit)
  }

  /** Bytes handed out of the chunk. */
  get taken(): number {
    return (this.words[BumpWord.CURSOR]! - this.words[BumpWord.BASE_LO]!) >>> 0
  }

  /** Live payload in all chunks. */
  get live(): number {
    return this.liveBefore + this.taken - this.gaps
  }

  /** The most that `live` has been. */
  get peak(): number {
    return Math.max(this.live, this.mostLive)
  }

  /** Before `live` falls: what it was may be the most that it has been. */
  notePeak(): void {
    this.mostLive = this.peak
  }

  takenOf(chunk: Chunk): number {
    return chunk.region === this.region ? this.taken : chunk.taken
  }

  /** Does the last block end so many bytes from the chunk's start? */
  isLast(chunk: Chunk, end: number): boolean {
    return chunk.region === this.region && end === this.taken
  }

  /** The last block ends there from now on. */
  moveTo(end: number): void {
    this.words[BumpWord.CURSOR] = this.words[BumpWord.BASE_LO]! + end
    // A wrong free may have counted bytes as dead that are not there any more.
    this.words[BumpWord.GAPS] = Math.min(this.gaps, this.taken)
  }

  /** Counts bytes as dead; never more than there are, as a double free must not make them absurd. */
  leaveGap(chunk: Chunk, bytes: number): void {
    if (chunk.region === this.region) {
      this.words[BumpWord.GAPS] = Math.min(this.gaps + bytes, this.taken)
      return
    }
    const dead = Math.min(bytes, chunk.taken - chunk.gaps)
    chunk.gaps += dead
    this.liveBefore -= dead
  }

  /** Would a block that starts there be cut by a rewind if it grew? */
  isBelowFloor(start: number): boolean {
    return start < this.words[BumpWord.FLOOR]! >>> 0
  }

  /**
   * The offset of a new block, for all sizes and alignments, in the chunk or the next with room: one
   * that a rewind left empty, else the last, made longer in place, else a new one. NONE when memory is
   * out. An empty chunk that is too short is passed over until the next rewind.
   *
   * Written out in one piece, so that V8 finds it too long to inline where blocks are allocated. It
   * inlines some 900 bytes of its code in one place: those that it spends on this are missing for what
   * the caller does with the handle, which it then has to make (6 or 12 ns a block).
   */
  take(size: number, align: number): number {
    checkLayout(size, align, 'ArenaAllocator.alloc')
    const { chunks, words } = this
    const { list } = chunks
    const bytes = size === 0 ? 1 : size
    if (bytes > MAX_CAPACITY) return Offset.NONE
    let at = this.at
    let taken = this.taken
    let start = at === At.NOWHERE ? 0 : list[at]!.startOf(taken, align)
    while (at === At.NOWHERE || start + bytes > list[at]!.size) {
      if (++at < list.length) {
        taken = 0
        start = list[at]!.startOf(0, align)
        continue
      }
      at = list.length - 1
      const extended = at >= 0 && list[at]!.region._extend(start + bytes - list[at]!.size)
      if (!extended) {
        if (!chunks.add(bytes, align)) return Offset.NONE
        at = list.length - 1
        taken = 0
        start = list[at]!.startOf(0, align)
      }
    }
    if (at !== this.at) {
      this.leave()
      this.enter(at, 0, 0)
    }
    const low = words[BumpWord.BASE_LO]!
    words[BumpWord.LIMIT] = low + list[at]!.size
    words[BumpWord.CURSOR] = low + start + bytes
    words[BumpWord.GAPS] = words[BumpWord.GAPS]! + (start - taken)
    return start | 0
  }

  /** Makes a chunk at least `need` bytes long where it lies. */
  extend(chunk: Chunk, need: number): boolean {
    if (!chunk.region._extend(need - chunk.size)) return false
    if (chunk.region === this.region) {
      this.words[BumpWord.LIMIT] = this.words[BumpWord.BASE_LO]! + chunk.size
    }
    return true
  }

  /** Gives handles to come an epoch of their own. */
  mark(): Mark {
    const { at, taken, gaps } = this
    const floor = Math.max(this.words[BumpWord.FLOOR]! >>> 0, taken)
    const epoch = at === At.NOWHERE ? 0 : this.region._pushEpoch()
    this.words[BumpWord.FLOOR] = floor
    return { at, epoch, taken, gaps, floor }
  }

  /** Frees what was allocated since `mark`; `below` is the mark below it that is still good. */
  rewind(mark: Mark, below: Mark | null): void {
    const { list } = this.chunks
    this.notePeak()
    this.leave()
    for (let i = this.at; i > mark.at; i--) {
      this.liveBefore -= list[i]!.taken - list[i]!.gaps
      list[i]!.clear()
    }
    if (mark.at === At.NOWHERE) {
      if (list.length > 0) this.enter(0, 0, 0)
      return
    }
    const { region, taken, gaps } = list[mark.at]!
    this.liveBefore -= taken - gaps
    region._popEpoch(mark.epoch)
    // The last block may have been freed since, so that the cursor is below the mark already.
    if (mark.taken < taken) this.enter(mark.at, mark.taken, mark.gaps)
    else this.enter(mark.at, taken, gaps)
    this.words[BumpWord.FLOOR] = below !== null && below.at === mark.at ? below.floor : 0
  }

  /** Frees everything and keeps one chunk of at most so many bytes: see {@link Chunks.retain}. */
  reset(most: number): boolean {
    const { list, held } = this.chunks
    this.notePeak()
    this.liveBefore = 0
    if (list.length === 1 && held <= most) {
      list[0]!.clear()
      this.enter(0, 0, 0)
      return true
    }
    this.words.fill(0)
    this.region = NO_REGION
    this.base = FIRST_MADE_UP
    this.at = At.NOWHERE
    try {
      return this.chunks.retain(Math.min(most, held, MAX_CAPACITY))
    } finally {
      if (list.length > 0) this.enter(0, 0, 0)
    }
  }

  /** Bytes handed out that are no live block. */
  private get gaps(): number {
    return this.words[BumpWord.GAPS]! >>> 0
  }

  /** What is in the chunk is kept with it. */
  private leave(): void {
    if (this.at === At.NOWHERE) return
    const chunk = this.chunks.list[this.at]!
    chunk.taken = this.taken
    chunk.gaps = this.gaps
    this.liveBefore += chunk.taken - chunk.gaps
  }

  /** Takes blocks from this chunk from now on, behind those that are in it. */
  private enter(at: number, taken: number, gaps: number): void {
    const { ptr, size, region } = this.chunks.list[at]!
    const { words } = this
    words[BumpWord.BASE_LO] = ptr % 2 ** 32
    words[BumpWord.BASE_HI] = ptr / 2 ** 32
    const low = words[BumpWord.BASE_LO]!
    words[BumpWord.CURSOR] = low + taken
    words[BumpWord.LIMIT] = low + size
    words[BumpWord.GAPS] = gaps
    words[BumpWord.FLOOR] = 0
    this.region = region
    this.base = ptr
    this.at = at
  }
}
