/**
 * SlabAllocator: the general-purpose heap.
 *
 * Blocks of up to 2,032 bytes come from slabs: runs of pages cut into blocks of one size class (steps of
 * 16 bytes). Each class has a magazine, a small stack of free blocks, so that most operations touch
 * nothing else; see slab/slabs.ts. Slabs are small while the heap is small, so that classes which are
 * hardly used cost little. Larger blocks are runs of pages, see slab/page-runs.ts.
 *
 * All bookkeeping is out of band: a byte for each 16 bytes of slabs says whether a live block starts there
 * and what its size was, so an invalid free, a second free and a wrong size are found always, and
 * there are no links in free blocks that a stray write could change.
 *
 * Costs: some nanoseconds; tens once in up to 16 operations, where a magazine is filled or emptied.
 * Disadvantage: a block occupies up to 15 bytes more than was asked for (up to 511 above 2,032), and
 * slabs 7 % of metadata.
 *
 * Sources: Bonwick's slab allocator with magazines; mimalloc (a page map that leads to the metadata).
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, doubleFree, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { isAnyBuffer } from '../core/brand.js'
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { alignUp, checkLayout, checkSize, type Layout } from '../core/layout.js'
import { type MemoryLike, reserveRegion } from '../core/memory.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed, Region } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { MAX_CAPACITY, SlabKind, SlabRecord, SlabWord, stateBlock } from '../core/state.js'
import { SlabHeap, Unit } from './slab/heap.js'
import { LargeBlocks } from './slab/large-blocks.js'
import { PageRuns } from './slab/page-runs.js'
import { Slabs } from './slab/slabs.js'

const enum Place {
  /** No place: blocks start at multiples of 16. */
  NONE = -1,
}

const enum Small {
  /** The largest block of a slab. */
  MOST = 2032,
}

const DEFAULT_RESERVE = 2 ** 30

/** Options of {@link SlabAllocator}. */
export interface SlabOptions {
  /** The most it can hold, in bytes: address space that is reserved, and committed as the heap grows. */
  reserve?: number
}

/**
 * A heap for blocks of all sizes, freed in any order. Belongs to one thread.
 *
 * Alignment: any power of two; more than 16 is slower and may round up. Out of memory: `alloc` throws
 * OutOfMemoryError, `rawAlloc` returns 0. Capacity: the reserve (1 GiB unless another is given, at most
 * 4 GiB - 4 KiB), of which only what is used is committed.
 */
export class SlabAllocator extends RegionAllocator {
  private readonly _words: Int32Array
  private readonly _blocks: Uint8Array
  /** The address whose place is 0, 2 GiB behind the first page. */
  private readonly _middle: number
  private readonly _heap: SlabHeap
  private readonly _runs: PageRuns
  private readonly _slabs: Slabs
  private readonly _large: LargeBlocks
  /** Address of the first page. */
  private readonly _origin: number
  /** From a place to an offset in the region, modulo 2^32. */
  private readonly _shift: number

  /**
   * @param memory `{ reserve }` in bytes (address space of that size, freed by dispose), a Region of its
   *   own, or a buffer, of which whole pages of 512 bytes are used.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for more than 4 GiB - 4 KiB or a region in which another
   * allocator works, OutOfMemoryError when there is no address space.
   */
  constructor(memory: SlabOptions | Region | ArrayBufferLike | ArrayBufferView = {}) {
    const { memory: given, made } = memoryOf(memory)
    super(given, 'SlabAllocator', made)
    const region = this._region
    const origin = alignUp(region.address, Unit.PAGE)
    const skip = origin - region.address
    const most = pagesIn(Math.min(region._mostBytes(), MAX_CAPACITY) - skip)
    const heap = newHeap(most)
    const { words } = heap
    words[SlabWord.LIMIT] = pagesIn(region.byteLength - skip)
    words[SlabWord.ORIGIN_LO] = origin % 2 ** 32
    words[SlabWord.ORIGIN_HI] = origin / 2 ** 32
    this._words = words
    this._blocks = heap.blocks
    this._middle = origin + 2 ** 31
    this._heap = heap
    this._runs = new PageRuns(heap, region, skip)
    this._slabs = new Slabs(heap, this._runs)
    this._large = new LargeBlocks(heap, this._runs, this._slabs)
    this._origin = origin
    this._shift = (2 ** 31 + skip) | 0
  }

  override get name(): string {
    return 'SlabAllocator'
  }

  /** Some ns; tens where a magazine has to be filled. 0: out of memory. */
  override rawAlloc(size: number, align: number): Pointer {
    const place = this._take(size, align)
    return place === Place.NONE ? 0 : this._middle + place
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const place = this._take(size, aligned)
    if (place === Place.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    return new Allocation(this, this._region, (place + this._shift) | 0, size, aligned)
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const place = this._take(size, aligned)
    if (place === Place.NONE) return null
    return new Allocation(this, this._region, (place + this._shift) | 0, size, aligned)
  }

  /**
   * Throws DoubleFreeError, and ERR_OFFHEAP_INVALID_POINTER for what is no live block, a size that is not
   * the one asked for, or an alignment that the address does not have; nothing changes then.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (
      typeof ptr === 'number' &&
      typeof size === 'number' &&
      (size | 0) === size &&
      (size - 1) >>> 0 < Small.MOST &&
      typeof align === 'number' &&
      (align | 0) === align &&
      (align - 1) >>> 0 < 16 &&
      (align & (align - 1)) === 0
    ) {
      const distance = ptr - this._middle
      const place = distance | 0
      if (place === distance && (place & 15) === 0) {
        const words = this._words
        const blocks = this._blocks
        const c = (size + 15) >>> Unit.GRANULE_SHIFT
        const granule = (place >> Unit.GRANULE_SHIFT) + Unit.FIRST_GRANULE
        const page = (place >> Unit.PAGE_SHIFT) + (Unit.FIRST_PAGE + SlabWord.PAGES)
        if (
          granule < blocks.length &&
          blocks[granule] === ((size - 1) & 15) + 1 &&
          (words[page]! & Unit.CLASS_MASK) === c
        ) {
          blocks[granule] = 0
          const used = words[SlabWord.USED]!
          if (used >>> 0 > words[SlabWord.PEAK_USED]! >>> 0) words[SlabWord.PEAK_USED] = used
          words[SlabWord.USED] = (used - size) | 0
          const count = words[SlabWord.COUNT + c]!
          if (count < words[SlabWord.MOST + c]!) {
            words[SlabWord.MAGAZINE + (c << Unit.MAGAZINE_SHIFT) + count] = place
            words[SlabWord.COUNT + c] = count + 1
            return
          }
          this._slabs.spill(c, place)
          return
        }
      }
    }
    this._freeSlowly(ptr, size, align)
  }

  /** Frees a block whose size the caller does not know. Throws as rawFree. */
  freePtr(ptr: Pointer): void {
    this._freeAsked(ptr, this._askedAt(ptr, 'free'))
  }

  /** The bytes that the block at `ptr` has, at least what was asked for. Throws as rawFree. */
  usableSize(ptr: Pointer): number {
    const asked = this._askedAt(ptr, 'usableSize')
    return alignUp(asked, this._isLarge(ptr) ? Unit.PAGE : 16)
  }

  /**
   * Within its size class a block is resized in place; a larger one shrinks by whole pages and grows
   * into free pages behind it. Throws as rawFree.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    checkLayout(size, align, 'SlabAllocator.resize')
    checkSize(newSize, 'SlabAllocator.resize')
    this._assertBlock(ptr, size, align, 'resize')
    const words = this._words
    const before = size === 0 ? 1 : size
    const asked = newSize === 0 ? 1 : newSize
    this._notePeaks()
    if (this._isLarge(ptr)) {
      if (asked <= Small.MOST || !this._large.resize(this._recordAt(ptr), asked)) return false
    } else {
      if (Math.ceil(asked / 16) !== Math.ceil(before / 16)) return false
      this._blocks[(ptr - this._origin) / 16] = ((asked - 1) & 15) + 1
    }
    words[SlabWord.USED] = (words[SlabWord.USED]! + asked - before) | 0
    return true
  }

  /** As rawResize: what has to move is for the caller to copy. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * Gives the memory of free pages back to the system and returns how many bytes; 0 where the region
   * is not of the page allocator. O(free runs), a system call each.
   */
  trim(): number {
    this._assertUsable()
    this._slabs.dropEmpty()
    return this._runs.trim()
  }

  /** Frees every block at once; handles throw from now on. O(pages in use). */
  reset(): void {
    this._assertUsable()
    this._notePeaks()
    this._heap.clear()
    this._region._nextEpoch()
  }

  /** Is this address in the pages in use? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr)) return false
    const offset = ptr - this._origin
    return offset >= 0 && offset < this._words[SlabWord.TOP]! * Unit.PAGE
  }

  override stats(): AllocatorStats {
    const words = this._words
    const used = words[SlabWord.USED]! >>> 0
    return {
      name: this.name,
      capacity: words[SlabWord.LIMIT]! * Unit.PAGE,
      used,
      peak: Math.max(used, words[SlabWord.PEAK_USED]! >>> 0),
      footprint: this._heap.footprint(words[SlabWord.TOP]!, words[SlabWord.FRESH]!),
      peakFootprint: this._heap.footprint(
        words[SlabWord.PEAK_TOP]!,
        Math.max(words[SlabWord.FRESH]!, words[SlabWord.PEAK_FRESH]!),
      ),
    }
  }

  protected override _shut(): void {
    this._heap.clear()
    this._words[SlabWord.LIMIT] = 0
  }

  /**
   * The place of a new block, or NONE. This and rawFree are short enough for V8 to compile both into
   * the loop that calls them, which saves the boxing of pointers.
   */
  private _take(size: number, align: number): number {
    if (
      typeof size === 'number' &&
      (size | 0) === size &&
      (size - 1) >>> 0 < Small.MOST &&
      typeof align === 'number' &&
      (align | 0) === align &&
      (align - 1) >>> 0 < 16 &&
      (align & (align - 1)) === 0
    ) {
      const words = this._words
      const c = (size + 15) >>> Unit.GRANULE_SHIFT
      const count = words[SlabWord.COUNT + c]!
      if (count === 0) return this._takeRefilled(c, size)
      words[SlabWord.COUNT + c] = count - 1
      const place = words[SlabWord.MAGAZINE - 1 + (c << Unit.MAGAZINE_SHIFT) + count]!
      this._blocks[(place >> Unit.GRANULE_SHIFT) + Unit.FIRST_GRANULE] = ((size - 1) & 15) + 1
      words[SlabWord.USED] = (words[SlabWord.USED]! + size) | 0
      return place
    }
    return this._takeSlowly(size, align)
  }

  private _takeRefilled(c: number, size: number): number {
    if (this._slabs.refill(c)) return this._take(size, 16)
    if (this._gone) throw disposed(this.name)
    return Place.NONE
  }

  /** What is large, empty or aligned to more than 16, and wrong input. */
  private _takeSlowly(size: number, align: number): number {
    checkLayout(size, align, 'SlabAllocator.alloc')
    if (this._gone) throw disposed(this.name)
    const asked = size === 0 ? 1 : size
    if (asked <= Small.MOST && align <= Unit.PAGE) {
      const c = Math.ceil(asked / 16)
      if (align <= 16 || this._slabs.raiseAligned(c, align)) return this._take(asked, 16)
    }
    const start = this._large.take(asked, align, this._origin)
    if (start === Place.NONE) return start
    this._words[SlabWord.USED] = (this._words[SlabWord.USED]! + asked) | 0
    return (start - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
  }

  /** A large or an empty block, an alignment above 16, or an error. */
  private _freeSlowly(ptr: Pointer, size: number, align: number): void {
    checkLayout(size, align, 'SlabAllocator.free')
    this._assertBlock(ptr, size, align, 'free')
    this._freeAsked(ptr, size === 0 ? 1 : size)
  }

  /** Frees a block that is known to live. */
  private _freeAsked(ptr: Pointer, asked: number): void {
    if (!this._isLarge(ptr)) return this.rawFree(ptr, asked, 1)
    this._notePeaks()
    this._large.give(this._recordAt(ptr))
    this._words[SlabWord.USED] = (this._words[SlabWord.USED]! - asked) | 0
  }

  /** Throws unless a block lives at `ptr` that has this size and alignment. */
  private _assertBlock(ptr: Pointer, size: number, align: number, operation: string): void {
    const asked = this._askedAt(ptr, operation)
    if (asked !== (size === 0 ? 1 : size)) {
      throw invalidPointer(this.name, operation, ptr, `has ${asked} bytes and not ${size}`)
    }
    if (align > 16 && ptr % align !== 0) {
      throw invalidPointer(this.name, operation, ptr, `is not aligned to ${align}`)
    }
  }

  /** The size that was asked for of the block at `ptr`; throws when none lives there. */
  private _askedAt(ptr: Pointer, operation: string): number {
    if (this._gone) throw disposed(this.name)
    checkPointer(ptr, `SlabAllocator.${operation}`)
    const record = this._recordAt(ptr)
    const words = this._words
    const at = this._heap.at(record)
    const offset = ptr - this._origin
    const invalid = (why: string): Error => invalidPointer(this.name, operation, ptr, why)
    if (this._heap.isKind(record, SlabKind.LARGE)) {
      if (offset === words[at + SlabRecord.START]! * Unit.PAGE) return words[at]! >>> 0
      throw invalid('is inside a block and not its start')
    }
    const c = record === 0 ? 0 : this._heap.classOf(Math.floor(offset / Unit.PAGE))
    if (c === 0) throw invalid('is in no live block')
    const inSlab = offset - words[at + SlabRecord.START]! * Unit.PAGE
    const i = inSlab / (c * 16)
    if (!Number.isInteger(i) || i > 31 || ((words[at + SlabRecord.ALL]! >>> i) & 1) === 0) {
      throw invalid('is not the start of a block')
    }
    const tail = this._blocks[offset / 16]!
    if (tail === 0) throw doubleFree(this.name, ptr)
    return (c - 1) * 16 + tail
  }

  private _isLarge(ptr: Pointer): boolean {
    return this._heap.isKind(this._recordAt(ptr), SlabKind.LARGE)
  }

  /** The record of the page of an address, or 0. */
  private _recordAt(ptr: Pointer): number {
    return this.owns(ptr) ? this._heap.recordOf(Math.floor((ptr - this._origin) / Unit.PAGE)) : 0
  }

  private _notePeaks(): void {
    const words = this._words
    words[SlabWord.PEAK_USED] = this.stats().peak
    words[SlabWord.PEAK_FRESH] = Math.max(words[SlabWord.PEAK_FRESH]!, words[SlabWord.FRESH]!)
  }
}

/** The memory that the constructor's argument names, and whether it is made here. */
function memoryOf(memory: unknown): { memory: MemoryLike; made: boolean } {
  const isMemory = memory instanceof Region || ArrayBuffer.isView(memory) || isAnyBuffer(memory)
  if (isMemory) return { memory: memory as MemoryLike, made: false }
  if (typeof memory !== 'object' || memory === null) {
    throw unexpected('INVALID_ARGUMENT', 'options, a Region or a buffer', 'SlabAllocator', memory)
  }
  const { reserve = DEFAULT_RESERVE } = memory as SlabOptions
  if (typeof reserve === 'number' && reserve > MAX_CAPACITY) {
    throw unexpected('INVALID_ARGUMENT', `at most ${MAX_CAPACITY} bytes`, 'SlabAllocator', reserve)
  }
  return { memory: reserveRegion(reserve, 'SlabAllocator'), made: true }
}

function pagesIn(bytes: number): number {
  return Math.max(0, Math.floor(bytes / Unit.PAGE))
}

/** The state of a heap that can have so many pages; committed as it is used. */
function newHeap(mostPages: number): SlabHeap {
  const words = SlabWord.PAGES + mostPages * (1 + SlabRecord.WORDS)
  const granulesPerWord = 4
  const all = stateBlock(words + (mostPages * (Unit.PAGE / 16)) / granulesPerWord)
  const blocks = new Uint8Array(all.buffer, words * Int32Array.BYTES_PER_ELEMENT)
  return new SlabHeap(all.subarray(0, words), blocks, mostPages)
}
