/**
 * SlabAllocator: the general-purpose heap.
 *
 * Blocks of up to 2,032 bytes come from slabs: runs of pages cut into blocks of one size class (steps of
 * 16 bytes). Each class has a magazine, a small stack of free blocks, so that most operations touch
 * nothing else; see slab/slabs.ts. Slabs are small while the heap is small, so that classes which are
 * hardly used cost little. Larger blocks are runs of pages, see slab/cached-runs.ts and page-runs.ts.
 *
 * All bookkeeping is out of band: a byte for each 32 bytes of slabs says whether a live block starts there
 * and what its size was, so an invalid free, a second free and a wrong size are found always, and
 * there are no links in free blocks that a stray write could change.
 *
 * Costs: some nanoseconds; tens where a magazine is filled or emptied, once in up to 16 operations.
 * Disadvantage: up to 15 bytes behind a block (511 above 2,032 bytes), and slabs' 4 % of metadata.
 *
 * Sources: Bonwick's slab allocator with magazines; mimalloc (a page map that leads to the metadata).
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, doubleFree, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OutOfMemoryError } from '../core/errors.js'
import { alignUp, checkLayout, checkSize, type Layout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed, type Region } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { MAX_CAPACITY, SlabRecord, SlabWord } from '../core/state.js'
import { CachedRuns } from './slab/cached-runs.js'
import { Asked, classFor, Magazine, type SlabHeap, Small, Tag, tagFor, Unit } from './slab/heap.js'
import { LargeBlocks } from './slab/large-blocks.js'
import { memoryOf, newHeap, pagesIn, type SlabOptions, wordsFor } from './slab/memory.js'
import { PageRuns } from './slab/page-runs.js'
import { Slabs } from './slab/slabs.js'

const enum Place {
  /** No place: blocks start at multiples of 16. */
  NONE = -1,
}

/**
 * A heap for blocks of all sizes, freed in any order. Belongs to one thread.
 *
 * Alignment: any power of two; more than 16 is slower and may round up. Out of memory: `alloc` throws
 * OutOfMemoryError, `rawAlloc` returns 0. Capacity: the reserve (1 GiB unless another is given, at most
 * 4 GiB - 4 KiB), of which only what is used is committed.
 */
export class SlabAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  private readonly _cells: Uint8Array
  private readonly _cellCount: number
  /** The address whose place is 0, 2 GiB behind the first page. */
  private readonly _middle: number
  private readonly _heap: SlabHeap
  private readonly _runs: PageRuns
  private readonly _cache: CachedRuns
  private readonly _slabs: Slabs
  private readonly _large: LargeBlocks
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
    super(given, 'SlabAllocator', 'slab', made)
    const region = this._region
    const origin = alignUp(region.address, Unit.PAGE)
    const skip = origin - region.address
    const most = pagesIn(Math.min(region._mostBytes(), MAX_CAPACITY) - skip)
    const heap = newHeap(this._stateBlock(wordsFor(most)), most)
    const { words } = heap
    words[SlabWord.LIMIT] = pagesIn(region.byteLength - skip)
    words[SlabWord.ORIGIN_LO] = origin % 2 ** 32
    words[SlabWord.ORIGIN_HI] = origin / 2 ** 32
    this._words = words
    this._cells = heap.cells
    this._cellCount = heap.cells.length
    this._middle = origin + 2 ** 31
    this._heap = heap
    this._runs = new PageRuns(heap, region, skip)
    this._cache = new CachedRuns(heap, this._runs)
    this._slabs = new Slabs(heap, this._cache)
    this._large = new LargeBlocks(heap, this._runs, this._cache, this._slabs)
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
      (size - Small.LEAST) >>> 0 <= Small.MOST - Small.LEAST &&
      (align === 16 || align === 8 || align === 1 || align === 4 || align === 2)
    ) {
      const distance = ptr - this._middle
      const place = distance | 0
      if (place === distance && (place & 15) === 0) {
        const words = this._words
        const cells = this._cells
        const c = (size + 15) >>> Unit.GRANULE_SHIFT
        const at = (place >> Unit.CELL_SHIFT) + Unit.FIRST_CELL
        const page = (place >> Unit.PAGE_SHIFT) + (Unit.FIRST_PAGE + SlabWord.PAGES)
        if (at < this._cellCount && (words[page]! & Unit.CLASS_MASK) === c) {
          let tag = (size & 15) | Tag.LIVE | ((place & 16) << Tag.HIGH_SHIFT)
          let mask: number = Tag.WHOLE
          if (c === 1) {
            mask = Tag.HALF << ((place >> 2) & 4)
            tag = ((size - 1) * Tag.BOTH) & mask
          }
          const cell = cells[at]!
          const next = words[SlabWord.NEXT + c]!
          if ((cell & mask) === tag && (words[next]! & Magazine.ODD) === 0) {
            cells[at] = cell ^ tag
            words[next] = place
            words[SlabWord.NEXT + c] = next + 1
            const used = words[SlabWord.USED]!
            if (used >>> 0 > words[SlabWord.PEAK_USED]! >>> 0) words[SlabWord.PEAK_USED] = used
            words[SlabWord.USED] = (used - size) | 0
            return
          }
        }
      }
    }
    this._freeSlowly(ptr, size, align)
  }

  /** Frees a block whose size the caller does not know. Throws as rawFree. */
  freePtr(ptr: Pointer): void {
    this.rawFree(ptr, this._askedAt(ptr, 'free'), 1)
  }

  /** The bytes that the block at `ptr` has, at least what was asked for. Throws as rawFree. */
  usableSize(ptr: Pointer): number {
    const asked = this._askedAt(ptr, 'usableSize')
    return this._largeAt(ptr) === 0 ? classFor(asked) * 16 : alignUp(asked, Unit.PAGE)
  }

  /**
   * Within its size class a block is resized in place; a larger one shrinks by whole pages and grows
   * into free pages behind it. Throws as rawFree.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const heap = this._heap
    const distance = typeof ptr === 'number' ? ptr - this._middle : Number.NaN
    const place = distance | 0
    const isCommon =
      place === distance &&
      typeof size === 'number' &&
      typeof newSize === 'number' &&
      (size | 0) === size &&
      (newSize | 0) === newSize &&
      (size - Small.LEAST) >>> 0 <= Small.MOST - Small.LEAST &&
      newSize >= Small.LEAST &&
      (align === 16 || align === 8 || align === 1)
    if (!isCommon || !heap.lives(place, size)) {
      return this._resizeSlowly(ptr, size, align, newSize)
    }
    const c = classFor(size)
    if (newSize > Small.MOST || classFor(newSize) !== c) return false
    heap.setTag(place, c, tagFor(newSize))
    this._notePeak()
    this._words[SlabWord.USED] = (this._words[SlabWord.USED]! + newSize - size) | 0
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
    this._cache.flush()
    return this._runs.trim()
  }

  /** Frees every block at once; handles throw from now on. O(pages in use). */
  reset(): void {
    this._assertUsable()
    this._notePeak()
    this._heap.clear()
    this._region._nextEpoch()
  }

  /** Is this address in the pages in use? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr)) return false
    const offset = ptr - (this._middle - 2 ** 31)
    return offset >= 0 && offset < this._words[SlabWord.TOP]! * Unit.PAGE
  }

  override stats(): AllocatorStats {
    const words = this._words
    const used = words[SlabWord.USED]! >>> 0
    return {
      name: this.name,
      capacity: Math.max(0, words[SlabWord.LIMIT]!) * Unit.PAGE,
      used,
      peak: Math.max(used, words[SlabWord.PEAK_USED]! >>> 0),
      footprint: this._heap.footprint(
        words[SlabWord.TOP]! - words[SlabWord.PURGED]!,
        words[SlabWord.FRESH]!,
      ),
      peakFootprint: this._heap.footprint(words[SlabWord.PEAK_PAGES]!, this._heap.peakRecords),
    }
  }

  protected override _shut(): void {
    this._heap.clear()
    this._words[SlabWord.LIMIT] = -1
  }

  /**
   * The place of a new block, or NONE. This and rawFree are short enough for V8 to compile both into
   * the loop that calls them, which saves the boxing of pointers.
   */
  private _take(size: number, align: number): number {
    if (
      typeof size === 'number' &&
      (size | 0) === size &&
      (size - Small.LEAST) >>> 0 <= Small.MOST - Small.LEAST &&
      (align === 16 || align === 8 || align === 1 || align === 4 || align === 2)
    ) {
      const words = this._words
      const c = (size + 15) >>> Unit.GRANULE_SHIFT
      const last = (words[SlabWord.NEXT + c]! - 1) | 0
      const place = words[last]!
      if ((place & Magazine.ODD) === 0) {
        words[SlabWord.NEXT + c] = last
        const at = (place >> Unit.CELL_SHIFT) + Unit.FIRST_CELL
        if (c === 1) this._cells[at]! |= (size - 1) << ((place >> 2) & 4)
        else this._cells[at] = (size & 15) | Tag.LIVE | ((place & 16) << Tag.HIGH_SHIFT)
        words[SlabWord.USED] = (words[SlabWord.USED]! + size) | 0
        return place
      }
    }
    return this._takeSlowly(size, align) | 0
  }

  /**
   * An empty magazine, large, tiny and more than 16-aligned blocks, wrong input. This and the other slow
   * paths are too long for V8 to compile into the fast ones, which would make those so.
   */
  private _takeSlowly(size: number, align: number): number {
    if (
      typeof size === 'number' &&
      (size | 0) === size &&
      size >= Small.LEAST &&
      (align === 16 || align === 8 || align === 1)
    ) {
      if (size <= Small.MOST) {
        if (this._slabs.refill(classFor(size))) return this._take(size, 16)
        if (this._gone) throw disposed(this.name)
        return Place.NONE
      }
      const record = this._cache.takeCached((size + Unit.PAGE - 1) >>> Unit.PAGE_SHIFT)
      if (record !== 0) {
        this._words[SlabWord.USED] = (this._words[SlabWord.USED]! + size) | 0
        return (this._large.enter(record, size) - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
      }
    }
    checkLayout(size, align, 'SlabAllocator.alloc')
    if (this._gone) throw disposed(this.name)
    const asked = size === 0 ? 1 : size
    if (asked <= Small.MOST && align <= Unit.PAGE) {
      const c = classFor(asked)
      if (align <= 16 || this._slabs.raiseAligned(c, align)) {
        const place = this._take(asked === 1 ? 32 : asked, 16)
        if (asked > 1 || place === Place.NONE) return place
        this._heap.setTag(place, c, Tag.ONE)
        this._words[SlabWord.USED]! -= 31
        return place
      }
    }
    const start = this._large.take(asked, align, this._middle - 2 ** 31)
    if (start === Place.NONE) return Place.NONE
    this._words[SlabWord.USED] = (this._words[SlabWord.USED]! + asked) | 0
    return (start - Unit.FIRST_PAGE) << Unit.PAGE_SHIFT
  }

  /** A magazine that is full, a large or a tiny block, an alignment above 16, or an error. */
  private _freeSlowly(ptr: Pointer, size: number, align: number): void {
    const heap = this._heap
    const words = this._words
    const distance = typeof ptr === 'number' ? ptr - this._middle : Number.NaN
    const place = distance | 0
    const large = place === distance ? heap.largeAt(place) : 0
    let isLive = false
    if (place === distance && typeof size === 'number' && (size | 0) === size && size > 0) {
      if (large !== 0) isLive = words[heap.at(large) + SlabRecord.FREE] === size
      else isLive = size <= Small.MOST && heap.lives(place, size)
    }
    if (!isLive || (align !== 16 && align !== 8 && align !== 1)) {
      checkLayout(size, align, 'SlabAllocator.free')
      this._assertBlock(ptr, size, align, 'free')
    }
    const asked = size === 0 ? 1 : size
    this._notePeak()
    words[SlabWord.USED] = (words[SlabWord.USED]! - asked) | 0
    if (large !== 0) {
      this._cache.give(large)
      return
    }
    const c = classFor(asked)
    heap.setTag(place, c, 0)
    this._slabs.give(c, place)
  }

  private _resizeSlowly(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    checkLayout(size, align, 'SlabAllocator.resize')
    checkSize(newSize, 'SlabAllocator.resize')
    this._assertBlock(ptr, size, align, 'resize')
    const before = size === 0 ? 1 : size
    const asked = newSize === 0 ? 1 : newSize
    const large = this._largeAt(ptr)
    if (asked !== before && large !== 0) {
      if (asked <= Small.MOST || !this._large.resize(large, asked)) return false
    } else if (large === 0) {
      const c = classFor(before)
      if (asked > Small.MOST || classFor(asked) !== c) return false
      this._heap.setTag(ptr - this._middle, c, tagFor(asked))
    }
    this._notePeak()
    this._words[SlabWord.USED] = (this._words[SlabWord.USED]! + asked - before) | 0
    return true
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
    const asked = this._heap.askedAt(ptr - this._middle)
    if (asked >= 0) return asked
    if (asked === Asked.FREED) throw doubleFree(this.name, ptr)
    const why = asked === Asked.INSIDE ? 'is not the start of a block' : 'is in no live block'
    throw invalidPointer(this.name, operation, ptr, why)
  }

  /** The record of the large block that starts at an address, or 0. */
  private _largeAt(ptr: Pointer): number {
    const distance = ptr - this._middle
    const place = distance | 0
    return place === distance ? this._heap.largeAt(place) : 0
  }

  private _notePeak(): void {
    const used = this._words[SlabWord.USED]!
    if (used >>> 0 > this._words[SlabWord.PEAK_USED]! >>> 0) this._words[SlabWord.PEAK_USED] = used
  }
}
