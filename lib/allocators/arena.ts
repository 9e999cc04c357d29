/**
 * ArenaAllocator: chunks from a parent allocator, freed together.
 *
 * It bumps a cursor through a chunk. When that is full, the chunk is made longer where it lies if
 * the parent can do that, else another chunk is taken, each one and a half times as long as the last
 * and the request together. A reset frees all blocks at once and can keep the memory, as one chunk:
 * a loop that resets soon runs without asking its parent for anything. The algorithm is that of
 * std.heap.ArenaAllocator of Zig.
 *
 * Costs: an allocation is a handful of instructions while the chunk lasts. The disadvantage is that
 * of every bump: a block that is not the last gives nothing back before the next reset or rewind.
 * What is left at the end of a chunk when the next one begins is lost until then too.
 *
 * What an allocation does is here; the chunks and the cursor, with what is rarer, are in arena/.
 */
import { Allocation } from '../core/allocation.js'
import { alignOf, Allocator, invalidPointer, sizeOf, viewIn } from '../core/allocator.js'
import type { AllocatorStats } from '../core/allocator.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkLayout, checkSize, isSize, type Layout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { disposed, type Region } from '../core/region.js'
import { BumpWord } from '../core/state.js'
import type { Chunk, Chunks } from './arena/chunks.js'
import { Cursor, type Mark, Offset } from './arena/cursor.js'

/** What {@link ArenaAllocator} can be told. */
export interface ArenaOptions {
  /** The most bytes that it may hold from its parent, all chunks together. Default: no limit. */
  limit?: number
}

/**
 * What a reset does with the chunks: gives all back, keeps one as long as all of them together, or
 * keeps one of at most so many bytes.
 */
export type ArenaReset = 'free_all' | 'retain_capacity' | { retain: number }

/** A place to go back to: see {@link ArenaAllocator.checkpoint}. */
export class ArenaCheckpoint {
  /** @internal */
  constructor(
    readonly _allocator: ArenaAllocator,
    readonly _mark: Mark,
    readonly _below: ArenaCheckpoint | null,
  ) {}
}

/**
 * Allocates upward in chunks of another allocator. Belongs to one thread.
 *
 * Alignment: any power of two. Blocks have at most 4 GiB - 4 KiB, all together as much as the parent
 * has or the limit allows. Out of memory: `alloc` throws OutOfMemoryError, `rawAlloc` returns 0, and
 * nothing has changed. What the parent throws, as one that was disposed does, is passed on.
 *
 * The parent stays the caller's. It must outlive the arena, and must not be reset under it: the
 * arena would then write into memory that the parent hands out to others.
 */
export class ArenaAllocator extends Allocator {
  private readonly _cursor: Cursor
  private readonly _chunks: Chunks
  /** The cursor's, at hand. */
  private readonly _words: Int32Array
  private _region: Region
  private _base: number
  /** The newest open checkpoint; the others hang below it. */
  private _open: ArenaCheckpoint | null = null

  /**
   * @param parent Where the chunks come from, which it takes when blocks are asked for. Any allocator.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator and for a limit that is no size.
   */
  constructor(parent: Allocator, options: ArenaOptions = {}) {
    if (!(parent instanceof Allocator)) {
      throw unexpected('INVALID_ARGUMENT', 'an Allocator', 'ArenaAllocator', parent)
    }
    const limit = limitOf(options)
    super()
    this._cursor = new Cursor(parent, limit)
    this._chunks = this._cursor.chunks
    this._words = this._cursor.words
    this._region = this._cursor.region
    this._base = this._cursor.base
  }

  override get name(): string {
    return 'ArenaAllocator'
  }

  /** The allocator that the chunks are blocks of. */
  get parent(): Allocator {
    return this._chunks.parent
  }

  /**
   * O(1) while the chunk lasts: about ten instructions. Then a chunk kept by a rewind is taken, or up
   * to five calls to the parent are made. Throws for what is no layout; 0 when memory is out.
   */
  override rawAlloc(size: number, align: number): Pointer {
    const offset = this._take(size, align)
    return offset === Offset.NONE ? 0 : this._base + (offset >>> 0)
  }

  override alloc(layout: Layout | number, align?: number): Allocation {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._take(size, aligned)
    if (offset === Offset.NONE) throw new OutOfMemoryError(this.name, size, aligned)
    return new Allocation(this, this._region, offset, size, aligned)
  }

  override tryAlloc(layout: Layout | number, align?: number): Allocation | null {
    const size = sizeOf(layout)
    const aligned = alignOf(layout, align)
    const offset = this._take(size, aligned)
    return offset === Offset.NONE ? null : new Allocation(this, this._region, offset, size, aligned)
  }

  /**
   * The last block grows and shrinks, and its chunk with it where the parent can make that longer in
   * place; another block only shrinks. A block from before an open checkpoint does not grow, because
   * a rewind would cut it. O(chunks).
   */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const chunk = this._locate(ptr, size, align, 'resize')
    checkSize(newSize, 'ArenaAllocator.resize')
    const start = ptr - chunk.ptr
    const bytes = size === 0 ? 1 : size
    const newBytes = newSize === 0 ? 1 : newSize
    const cursor = this._cursor
    const last = cursor.isLast(chunk, start + bytes)
    if (newBytes > bytes) {
      if (!last || cursor.isBelowFloor(start)) return false
      if (start + newBytes > chunk.size && !cursor.extend(chunk, start + newBytes)) return false
    }
    cursor.notePeak()
    if (last) cursor.moveTo(start + newBytes)
    else cursor.leaveGap(chunk, bytes - newBytes)
    return true
  }

  /** As rawResize: an arena never moves a block. 0 where that says false. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    return this.rawResize(ptr, size, align, newSize) ? ptr : 0
  }

  /**
   * The last block gives its bytes back, another is only counted as freed. O(chunks). Throws
   * ERR_OFFHEAP_INVALID_POINTER for a span that was not handed out; a second raw free of a block that
   * was not the last cannot be told from a first.
   */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    const chunk = this._locate(ptr, size, align, 'free')
    const start = ptr - chunk.ptr
    const bytes = size === 0 ? 1 : size
    this._cursor.notePeak()
    if (this._cursor.isLast(chunk, start + bytes)) this._cursor.moveTo(start)
    else this._cursor.leaveGap(chunk, bytes)
  }

  /**
   * Frees every block at once: handles throw from now on. What happens to the memory:
   * - 'retain_capacity' keeps it, as one chunk as long as all of them were (at most 4 GiB - 4 KiB).
   *   When there was one chunk, nothing is done but to move the cursor: O(1).
   * - `{ retain: n }` does the same with at most n bytes, so that one large request does not hold
   *   its memory for ever.
   * - 'free_all' gives it back to the parent.
   *
   * false: the parent could not make that one chunk; the arena works on with a smaller one or none.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT for another mode. What the parent throws when it is given its
   * chunks back is thrown in the end, when all was done; a chunk that it refused is forgotten.
   */
  reset(mode: ArenaReset = 'retain_capacity'): boolean {
    const most = mostRetained(mode)
    this._assertUsable()
    this._open = null
    return this._resetTo(most)
  }

  /** Bytes in the chunks, used and unused. */
  queryCapacity(): number {
    return this._chunks.held
  }

  /**
   * Remembers where the next block would go. A checkpoint stays open until a reset or a rewind to it
   * or below it. O(1).
   */
  checkpoint(): ArenaCheckpoint {
    this._assertUsable()
    return (this._open = new ArenaCheckpoint(this, this._cursor.mark(), this._open))
  }

  /**
   * Frees every block that was allocated since the checkpoint, which is closed by it, as are later
   * ones; handles on them throw from now on. Chunks that were taken since are kept for the blocks to
   * come: only a reset gives them back. A block from before it in the same chunk that was freed since
   * counts as live again in `stats`. Throws ERR_OFFHEAP_INVALID_ARGUMENT for another allocator's
   * checkpoint, ERR_OFFHEAP_OUT_OF_ORDER for one that is no longer open. O(chunks and checkpoints).
   */
  rewind(checkpoint: ArenaCheckpoint): void {
    if (!(checkpoint instanceof ArenaCheckpoint) || checkpoint._allocator !== this) {
      throw unexpected(
        'INVALID_ARGUMENT',
        'a checkpoint of this allocator',
        'ArenaAllocator.rewind',
        checkpoint,
      )
    }
    this._assertUsable()
    this._close(checkpoint)
    this._cursor.rewind(checkpoint._mark, this._open === null ? null : this._open._mark)
    this._follow()
  }

  override view(ptr: Pointer, size: number): Uint8Array {
    this._assertUsable()
    checkPointer(ptr, 'ArenaAllocator.view')
    checkSize(size, 'ArenaAllocator.view')
    const chunk = this._chunks.find(ptr)
    if (chunk !== null) return viewIn(chunk.region, ptr, size, this.name)
    throw invalidPointer(this.name, 'view', ptr, 'is in none of its chunks')
  }

  /** Is this address inside what was handed out? O(chunks). */
  override owns(ptr: Pointer): boolean {
    if (!Number.isInteger(ptr)) return false
    const chunk = this._chunks.find(ptr)
    return chunk !== null && ptr - chunk.ptr < this._cursor.takenOf(chunk)
  }

  /** `footprint` is what it holds from its parent. O(1). */
  override stats(): AllocatorStats {
    const { limit, held, mostHeld } = this._chunks
    const { live, peak } = this._cursor
    return {
      name: this.name,
      capacity: limit,
      used: live,
      peak,
      footprint: held,
      peakFootprint: mostHeld,
    }
  }

  /**
   * Gives all chunks back and ends the arena. What the parent throws is thrown in the end, when all
   * of them were tried; a parent that was disposed before has taken the memory with it.
   */
  override dispose(): void {
    if (this._disposed) return
    super.dispose()
    this._open = null
    this._resetTo(0)
  }

  /** @internal */
  override _isAddressable(ptr: Pointer): boolean {
    return this._chunks.parent._isAddressable(ptr)
  }

  protected override _resized(a: Allocation, size: number): void {
    a._setSize(size)
  }

  protected override _moved(a: Allocation, ptr: Pointer, size: number, align: number): void {
    const chunk = this._chunks.find(ptr)!
    a._rebind(chunk.region, (ptr - chunk.ptr) | 0, size, align)
  }

  /** The chunk of a block that was handed out; throws for every span that provably was not. */
  private _locate(ptr: Pointer, size: number, align: number, operation: string): Chunk {
    this._assertUsable()
    checkPointer(ptr, `ArenaAllocator.${operation}`)
    checkLayout(size, align, `ArenaAllocator.${operation}`)
    const chunk = this._chunks.find(ptr)
    if (chunk === null || ptr - chunk.ptr + (size === 0 ? 1 : size) > this._cursor.takenOf(chunk)) {
      throw invalidPointer(
        this.name,
        operation,
        ptr,
        `with ${size} bytes is not inside what was handed out`,
      )
    }
    if (ptr % align !== 0) {
      throw invalidPointer(this.name, operation, ptr, `is not aligned to ${align}`)
    }
    return chunk
  }

  /** Closes a checkpoint and those above it. Throws ERR_OFFHEAP_OUT_OF_ORDER if it is not open. */
  private _close(checkpoint: ArenaCheckpoint): void {
    let open = this._open
    while (open !== null && open !== checkpoint) open = open._below
    if (open === null) {
      throw new OffheapError(
        'OUT_OF_ORDER',
        'This checkpoint of ArenaAllocator is closed: it was reset or rewound past',
      )
    }
    this._open = checkpoint._below
  }

  /**
   * The offset of a new block in the chunk, as a signed word, or NONE. Everything on the way from the
   * old cursor to the new one is int32 arithmetic that wraps: with size and align below 2^31 their
   * sum stays below 2^32, so the one unsigned comparison against the room covers overflow too.
   */
  private _take(size: number, align: number): number {
    if (
      typeof size === 'number' &&
      (size | 0) === size &&
      size > 0 &&
      typeof align === 'number' &&
      (align | 0) === align &&
      align > 0 &&
      (align & (align - 1)) === 0
    ) {
      const words = this._words
      const cursor = words[BumpWord.CURSOR]!
      const mask = (align - 1) | 0
      let start = cursor
      if ((cursor & mask) !== 0) start = ((cursor + mask) | 0) & ~mask
      const end = (start + size) | 0
      if ((end - cursor) >>> 0 <= (words[BumpWord.LIMIT]! - cursor) >>> 0) {
        words[BumpWord.CURSOR] = end
        if (start !== cursor) words[BumpWord.GAPS]! += start - cursor
        return (start - words[BumpWord.BASE_LO]!) | 0
      }
    }
    return this._takeSlowly(size, align)
  }

  /** The slow half: the chunk is full; size 0, 2^31 and more, large alignments, wrong input. */
  private _takeSlowly(size: number, align: number): number {
    this._assertUsable()
    const offset = this._cursor.take(size, align)
    this._follow()
    return offset
  }

  /** The cursor may be in another chunk. */
  private _follow(): void {
    this._region = this._cursor.region
    this._base = this._cursor.base
  }

  private _resetTo(most: number): boolean {
    try {
      return this._cursor.reset(most)
    } finally {
      this._follow()
    }
  }

  private _assertUsable(): void {
    if (this._disposed) throw disposed(this.name)
  }
}

function limitOf(options: ArenaOptions): number {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object of options', 'ArenaAllocator', options)
  }
  const { limit = Infinity } = options
  if (limit === Infinity || isSize(limit)) return limit
  throw unexpected('INVALID_ARGUMENT', 'a size in bytes', 'the limit of ArenaAllocator', limit)
}

/** The most bytes that a reset keeps. */
function mostRetained(mode: ArenaReset): number {
  if (mode === 'free_all') return 0
  if (mode === 'retain_capacity') return Infinity
  const retain = typeof mode === 'object' && mode !== null ? mode.retain : undefined
  if (isSize(retain)) return retain
  const expected = "'free_all', 'retain_capacity' or { retain: bytes }"
  throw unexpected('INVALID_ARGUMENT', expected, 'ArenaAllocator.reset', mode)
}
