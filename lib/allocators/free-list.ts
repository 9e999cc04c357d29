/**
 * FreeListAllocator: address-ordered first fit.
 *
 * A block is put into the lowest hole that is large enough; what is left of it stays a hole, and a
 * freed block joins the holes before and behind it at once. So the heap is kept dense at its lower
 * end, and no two holes lie side by side.
 *
 * Memory is handed out in granules of 16 bytes, and the smallest block has one. A textbook's free
 * list keeps a header of 16 bytes before each block and links in the free ones, so that none has
 * less than 32, and an overrun changes sizes and links, which later frees then trust. Here all
 * bookkeeping is out of band, where no overrun reaches: two bits for each granule say where blocks
 * and holes start, four how many bytes were not asked for (see free-list/granules.ts), and a tree
 * over the address space knows the largest hole of each part (see free-list/hole-tree.ts). Invalid
 * frees, second frees and wrong sizes are found always (0 and 1 count as the same size).
 *
 * Costs: tens of ns, O(log n) in the size of the region; a reset clears the metadata of the memory
 * that was in use. A block occupies up to 15 bytes more than was asked for, metadata are a
 * twentieth of the memory that was in use. On the traces of programs in bench/traces, what was
 * asked for is 88% of the most that was occupied, metadata counted (67% to 94%).
 * Disadvantage: small blocks of many sizes and lifetimes fragment it, where size classes do not,
 * and those are faster.
 *
 * Source: Knuth's first fit with boundary tags; the policy's merits as in P. R. Wilson et al.,
 * Dynamic Storage Allocation: A Survey and Critical Review (1995).
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, doubleFree, invalidPointer, sizeOf } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OutOfMemoryError } from '../core/errors.js'
import { alignUp, checkLayout, checkSize, type Layout } from '../core/layout.js'
import type { MemoryLike } from '../core/memory.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import { FreeListLine, FreeListNode, FreeListWord, MAX_CAPACITY } from '../core/state.js'
import { Granules } from './free-list/granules.js'
import { Granule, Group } from './free-list/places.js'
import { treeOver } from './free-list/hole-tree.js'

const enum Offset {
  /** No offset: the largest is 4 GiB - 4 KiB. */
  NONE = -1,
}

/** In place of a size: the caller does not know it. */
const SIZE_UNKNOWN = -1

/**
 * Blocks of any size from one region, freed in any order. Belongs to one thread.
 *
 * Alignment: any power of two; 16 and below cost nothing, more may pass over holes that are large
 * enough but lie wrong. Capacity: the region from its first multiple of 16 on, up to 4 GiB - 4 KiB;
 * over a WebAssembly memory it grows with that. Out of memory: `alloc` throws OutOfMemoryError,
 * `rawAlloc` returns 0.
 */
export class FreeListAllocator extends RegionAllocator {
  protected readonly _words: Int32Array
  private readonly _granules: Granules
  /** Address of the first granule. */
  private readonly _origin: number
  /** Bytes of the region before it. */
  private readonly _skip: number

  /**
   * @param memory A capacity in bytes (a region of that size is made, and freed by dispose), a Region
   *   of its own, or a buffer.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for a region that is larger than 4 GiB - 4 KiB or in which
   * another allocator works, OutOfMemoryError when no region of that capacity can be had.
   */
  constructor(memory: MemoryLike) {
    super(memory, 'FreeListAllocator', 'freeList')
    const region = this._region
    const origin = alignUp(region.address, Granule.SIZE)
    const skip = origin - region.address
    const most = Math.min(region._mostBytes(), MAX_CAPACITY)
    const plan = planFor(Math.max(0, most - skip))
    const words = this._stateBlock(plan.words)
    words[FreeListWord.TREE] = plan.tree
    words[FreeListWord.ROOT] = plan.root
    words[FreeListWord.ORIGIN_LO] = origin % 2 ** 32
    words[FreeListWord.ORIGIN_HI] = origin / 2 ** 32
    this._words = words
    this._granules = new Granules(words)
    this._origin = origin
    this._skip = skip
    this._granules.clear()
    this._measure()
  }

  override get name(): string {
    return 'FreeListAllocator'
  }

  /** Tens of ns, O(log n). Throws for what is no layout; 0 when no hole is large enough. */
  override rawAlloc(size: number, align: number): Pointer {
    const offset = this._take(size, align)
    return offset === Offset.NONE ? 0 : this._origin + (offset >>> 0)
  }

  /**
   * As rawAlloc, with a handle; throws OutOfMemoryError when no hole is large enough, and
   * ERR_OFFHEAP_INVALID_LAYOUT, ERR_OFFHEAP_DISPOSED.
   */
  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._take(size, aligned)
    if (offset === Offset.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    return new Allocation(this, this._region, (offset + this._skip) | 0, size, aligned)
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._take(size, aligned)
    if (offset === Offset.NONE) return null
    return new Allocation(this, this._region, (offset + this._skip) | 0, size, aligned)
  }

  /**
   * Tens of ns, O(log n). Throws DoubleFreeError for what lies in free memory, and
   * ERR_OFFHEAP_INVALID_POINTER for another address that is no block's, a size that is not the one asked
   * for, or an alignment that the address does not have; nothing changes then.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (typeof ptr === 'number' && isSmallAlign(align)) {
      const distance = ptr - this._origin
      const offset = distance | 0
      if (
        offset >>> 0 === distance &&
        (offset & (Granule.SIZE - 1)) === 0 &&
        this._granules.release(offset >>> Granule.SHIFT, size)
      ) {
        return
      }
    }
    checkLayout(size, align, 'FreeListAllocator.free')
    this._freeSlowly(ptr, size, align)
  }

  /** Frees a block whose size the caller does not know. O(log n). Throws as rawFree. */
  freePtr(ptr: Pointer): void {
    this._freeSlowly(ptr, SIZE_UNKNOWN, 1)
  }

  /**
   * Resizes in place: a shrinking block gives back the granules behind it, a growing one takes what it
   * needs of the hole behind it. O(log n). Throws as rawFree.
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    checkLayout(size, align, 'FreeListAllocator.resize')
    checkSize(newSize, 'FreeListAllocator.resize')
    const g = this._locate(ptr, size === 0 ? 1 : size, align, 'resize')
    const granules = this._granules
    const asked = newSize === 0 ? 1 : newSize
    const n = Math.ceil(asked / Granule.SIZE)
    const old = granules.length(g)
    const slack = n * Granule.SIZE - asked
    if (g + old === this._words[FreeListWord.TOP] && !this._reaches(g + n, slack)) return false
    return granules.resize(g, old, n, slack)
  }

  /** As rawResize: what has to move is for the caller to copy. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * Frees every block at once; handles throw from now on. O(the most memory that was in use): its
   * metadata, a twentieth of that, are cleared.
   */
  reset(): void {
    this._assertUsable()
    this._notePeak()
    this._granules.clear()
    this._region._nextEpoch()
  }

  /** Bytes that live blocks occupy: what was asked for, each rounded up to 16. */
  get totalAllocated(): number {
    const words = this._words
    const top = words[FreeListWord.TOP]! * Granule.SIZE
    // The last granule of the region may be a short one.
    const missing = Math.max(0, top - (words[FreeListWord.BYTES]! >>> 0))
    return words[FreeListWord.LIVE]! * Granule.SIZE - missing
  }

  /** Bytes that are free, in one piece or many, before the region has to grow, if it can. */
  get remaining(): number {
    return (this._words[FreeListWord.BYTES]! >>> 0) - this.totalAllocated
  }

  /** Bytes of the largest block that can be had now, at alignment 16 or below. O(1). */
  get largestFree(): number {
    const words = this._words
    const top = (words[FreeListWord.BYTES]! >>> 0) - words[FreeListWord.TOP]! * Granule.SIZE
    return Math.max(top, this._granules.largestHole * Granule.SIZE)
  }

  /** Is this address below the end of the last block? */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr)) return false
    const offset = ptr - this._origin
    return offset >= 0 && offset < this._occupied(this._words[FreeListWord.TOP]!)
  }

  override stats(): AllocatorStats {
    const words = this._words
    const used = words[FreeListWord.USED]! >>> 0
    return {
      name: this.name,
      capacity: words[FreeListWord.BYTES]! >>> 0,
      used,
      peak: Math.max(used, words[FreeListWord.PEAK_USED]! >>> 0),
      footprint: this._footprint(words[FreeListWord.TOP]!),
      peakFootprint: this._footprint(words[FreeListWord.PEAK_TOP]!),
    }
  }

  protected override _shut(): void {
    this._notePeak()
    this._granules.clear()
    this._words[FreeListWord.LIMIT] = 0
    this._words[FreeListWord.BYTES] = 0
  }

  /** The offset of a new block from the first granule as a signed word, or NONE. */
  private _take(size: number, align: number): number {
    if (typeof size === 'number' && (size | 0) === size && size > 0 && isSmallAlign(align)) {
      const g = this._granules.take((size + 15) >>> Granule.SHIFT, -size & 15)
      if (g !== Granule.NONE) return g << Granule.SHIFT
    }
    return this._takeSlowly(size, align)
  }

  /** Size 0, 2^31 and more, large alignments, regions that have to grow, wrong input. */
  private _takeSlowly(size: number, align: number): number {
    checkLayout(size, align, 'FreeListAllocator.alloc')
    if (this._gone) throw disposed(this.name)
    const asked = size === 0 ? 1 : size
    if (asked > MAX_CAPACITY) return Offset.NONE
    const n = Math.ceil(asked / Granule.SIZE)
    const slack = n * Granule.SIZE - asked
    const step = Math.max(1, align / Granule.SIZE)
    const phase = (alignUp(this._origin, align) - this._origin) / Granule.SIZE
    let g = this._takeAligned(n, slack, step, phase)
    if (g === Granule.NONE) {
      const end = this._granules.alignedTop(step, phase) + n
      if (!this._region._growable || !this._reaches(end, slack)) return Offset.NONE
      g = this._takeAligned(n, slack, step, phase)
    }
    return g << Granule.SHIFT
  }

  private _takeAligned(n: number, slack: number, step: number, phase: number): number {
    if (step === 1) return this._granules.take(n, slack)
    return this._granules.takeAligned(n, slack, step, phase)
  }

  /** A large alignment, an empty block, a size that is not known or from 2^31 on, or an error. */
  private _freeSlowly(ptr: Pointer, size: number, align: number): void {
    const g = this._locate(ptr, size === 0 ? 1 : size, align, 'free')
    this._granules.give(g, this._granules.length(g))
  }

  /** The first granule of a live block; throws for everything else. */
  private _locate(ptr: Pointer, size: number, align: number, operation: string): number {
    if (this._gone) throw disposed(this.name)
    checkPointer(ptr, `FreeListAllocator.${operation}`)
    const granules = this._granules
    const g = (ptr - this._origin) / Granule.SIZE
    const inside = g >= 0 && g < this._words[FreeListWord.PEAK_TOP]!
    if (!inside || !Number.isInteger(g)) {
      throw invalidPointer(this.name, operation, ptr, 'is no address that was handed out')
    }
    if (!granules.isLive(g)) {
      const freed = granules.isVacant(g)
      if (freed && operation === 'free') throw doubleFree(this.name, ptr)
      throw invalidPointer(this.name, operation, ptr, freed ? 'is free' : 'is inside of a block')
    }
    const asked = granules.length(g) * Granule.SIZE - granules.slack(g)
    if (size !== SIZE_UNKNOWN && size !== asked) {
      throw invalidPointer(this.name, operation, ptr, `has ${asked} bytes, not ${size}`)
    }
    if (ptr % align !== 0) {
      throw invalidPointer(this.name, operation, ptr, `is not aligned to ${align}`)
    }
    return g
  }

  /** Does the region reach to granule `end`, less `slack` bytes, if need be after growing? */
  private _reaches(end: number, slack: number): boolean {
    if (this._granules.reaches(end, slack)) return true
    const bytes = end * Granule.SIZE - slack
    if (bytes > MAX_CAPACITY - this._skip) return false
    if (!this._region._extend(bytes - (this._words[FreeListWord.BYTES]! >>> 0))) return false
    this._measure()
    return this._granules.reaches(end, slack)
  }

  /** Enters how long the region is. */
  private _measure(): void {
    const bytes = Math.max(0, Math.min(this._region.byteLength, MAX_CAPACITY) - this._skip)
    this._words[FreeListWord.BYTES] = bytes
    this._words[FreeListWord.LIMIT] = bytes / Granule.SIZE
  }

  /** Before `used` falls: what it was may be the most that it has been. */
  private _notePeak(): void {
    this._words[FreeListWord.PEAK_USED] = this.stats().peak
  }

  private _occupied(top: number): number {
    return Math.min(top * Granule.SIZE, this._words[FreeListWord.BYTES]! >>> 0)
  }

  /** Memory below this granule, with its metadata. */
  private _footprint(top: number): number {
    const lines = Math.ceil(top / 32) * FreeListLine.WORDS
    const tree = Math.ceil(top / 2 ** Group.SHIFT) * FreeListNode.WORDS
    return this._occupied(top) + (FreeListWord.LINES + lines + tree) * 4
  }
}

/** The words of a state for a region of at most so many bytes, and where its tree and the root are. */
function planFor(bytes: number): { words: number; tree: number; root: number } {
  const top = Math.ceil(bytes / Granule.SIZE)
  const groups = Math.floor(top / 2 ** Group.SHIFT) + 1
  // One line more, because lengths are read a line ahead.
  const tree = FreeListWord.LINES + (groups * 2 ** Group.LINES + 1) * FreeListLine.WORDS
  const size = treeOver(groups)
  return {
    words: tree + size.groups * FreeListNode.WORDS,
    tree,
    root: tree + size.root * FreeListNode.WORDS + FreeListNode.SUBTREE,
  }
}

function isSmallAlign(align: number): boolean {
  return align === 16 || align === 8 || isTinyAlign(align)
}

function isTinyAlign(align: number): boolean {
  return align === 4 || align === 2 || align === 1
}
