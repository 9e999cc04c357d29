/**
 * The chunks of an arena: what it holds from its parent, in the order in which it got them.
 *
 * They are known here, out of band, and not by headers inside of them: an overrun cannot damage the
 * list, and a chunk is payload to its last byte. Each has a Region, made once, that its handles
 * refer to; it asks the parent for the bytes when somebody first looks at them.
 */
import type { Allocator } from '../../core/allocator.js'
import { OffheapError, unexpected } from '../../core/errors.js'
import { alignUp, DEFAULT_ALIGN } from '../../core/layout.js'
import type { Pointer } from '../../core/pointer.js'
import { Region, type RegionSource, type Shown } from '../../core/region.js'
import { MAX_CAPACITY } from '../../core/state.js'

/** What malloc keeps beside a block, about: a chunk's length leaves room for it, as Zig's does. */
const OVERHEAD = 16

/** A block of the parent, cut up from its start. */
export class Chunk {
  region: Region
  /** Bytes from the start that were handed out when this chunk was last left. */
  taken = 0
  /** Those of them that are no live block. */
  gaps = 0

  constructor(
    private readonly chunks: Chunks,
    readonly ptr: Pointer,
    public size: number,
    /** As the parent was asked for it, and wants to hear it again. */
    readonly align: number,
  ) {
    this.region = this.makeRegion()
  }

  /** Frees every block in it: their handles throw from now on. */
  clear(): void {
    this.taken = 0
    this.gaps = 0
    this.region._nextEpoch()
  }

  /** The chunk has no blocks and another length: a region only ever grows, so it gets a new one. */
  renew(size: number): void {
    this.region._nextEpoch()
    this.size = size
    this.region = this.makeRegion()
  }

  /** Where a block aligned so would start behind `taken` bytes: a chunk itself need not be. */
  startOf(taken: number, align: number): number {
    const rest = (this.ptr + taken) % align
    return rest === 0 ? taken : taken + (align - rest)
  }

  private makeRegion(): Region {
    return new Region(new ChunkSource(this.chunks, this), this.ptr, this.size, null)
  }
}

/** Shows a chunk through the parent, and makes it longer there. */
class ChunkSource implements RegionSource {
  readonly kind = 'block'

  constructor(
    private readonly chunks: Chunks,
    private readonly chunk: Chunk,
  ) {}

  get addressable(): boolean {
    return this.chunks.parent._isAddressable(this.chunk.ptr)
  }

  show(): Shown | null {
    return this.chunks.parent.view(this.chunk.ptr, this.chunk.size)
  }

  release(): void {}

  extend(byteLength: number, atLeast: number): number {
    return this.chunks.extendInPlace(this.chunk, byteLength + atLeast) ? this.chunk.size : 0
  }
}

/** Something was thrown; what it was may be anything. */
interface Thrown {
  readonly error: unknown
}

/** The chunks, oldest first. Whatever the parent throws, the list is true to what is held. */
export class Chunks {
  readonly list: Chunk[] = []
  /** Bytes of all chunks, now and at most. */
  held = 0
  mostHeld = 0

  constructor(
    readonly parent: Allocator,
    readonly limit: number,
  ) {}

  /** The chunk that an address is in, or null. O(chunks). */
  find(ptr: Pointer): Chunk | null {
    const { list } = this
    for (let i = list.length - 1; i >= 0; i--) {
      const chunk = list[i]!
      if (ptr >= chunk.ptr && ptr < chunk.ptr + chunk.size) return chunk
    }
    return null
  }

  /**
   * A new chunk in which `bytes` bytes fit at `align`; false when the limit or the parent is out of
   * memory. Its length is Zig's: one and a half times that of the last and the request together, so
   * that n bytes are had in O(log n) chunks; where that much is not there, what the request takes.
   */
  add(bytes: number, align: number): boolean {
    const least = align <= DEFAULT_ALIGN ? bytes : bytes + (align - DEFAULT_ALIGN)
    const room = Math.min(MAX_CAPACITY, this.limit - this.held)
    const last = this.list.length === 0 ? 0 : this.list.at(-1)!.size
    const grown = Math.min(room, halfAsLongAgain(last + bytes + align + OVERHEAD))
    if (grown > least && this.obtain(grown, DEFAULT_ALIGN)) return true
    if (least <= room && this.obtain(least, DEFAULT_ALIGN)) return true
    return bytes <= room && bytes < least && this.obtain(bytes, align)
  }

  /** Makes a chunk at least `need` bytes long where it lies, half as long again if that can be had. */
  extendInPlace(chunk: Chunk, need: number): boolean {
    const room = Math.min(MAX_CAPACITY, chunk.size + (this.limit - this.held))
    if (need > room) return false
    const grown = Math.min(room, halfAsLongAgain(need))
    return this.resize(chunk, grown) || (grown > need && this.resize(chunk, need))
  }

  /**
   * Gives all chunks back but for one of `size` bytes (0: for none), with no block in it. false: that
   * could not be had, and what is left is the oldest chunk as it was, or none.
   *
   * The oldest is the one to keep, with the others given back newest first: over an allocator that
   * goes up it is then the last block again and can grow in place.
   */
  retain(size: number): boolean {
    let thrown = this.giveBackFrom(size === 0 ? 0 : 1)
    let retained = true
    try {
      if (size > 0) retained = this.makeFirst(size)
    } catch (error) {
      thrown ??= { error }
    }
    if (thrown !== null) throw thrown.error
    return retained
  }

  private makeFirst(size: number): boolean {
    const first = this.list[0]!
    first.clear()
    if (first.size === size || this.resizeEmpty(first, size)) return true
    // Both at a time, unless that passes the limit: the old one is kept if there is no new one.
    if (this.held + size <= this.limit) {
      if (!this.obtain(size, DEFAULT_ALIGN)) return false
      const made = this.list.pop()!
      const thrown = this.giveBackFrom(0)
      this.list.push(made)
      if (thrown !== null) throw thrown.error
      return true
    }
    const thrown = this.giveBackFrom(0)
    if (thrown !== null) throw thrown.error
    if (this.obtain(size, DEFAULT_ALIGN)) return true
    this.obtain(first.size, first.align)
    return false
  }

  /** A chunk that the parent does not know any more is not ours to use: it is forgotten. */
  private resizeEmpty(chunk: Chunk, size: number): boolean {
    try {
      if (!this.resize(chunk, size)) return false
    } catch (error) {
      this.forgetLast()
      throw error
    }
    chunk.renew(size)
    return true
  }

  /**
   * Gives the chunks from `index` on back, the newest first. None is left behind because another
   * could not be given back: returns the first error. That the parent was disposed is none, as its
   * memory went with it.
   */
  private giveBackFrom(index: number): Thrown | null {
    let thrown: Thrown | null = null
    while (this.list.length > index) {
      const { ptr, size, align } = this.forgetLast()
      try {
        this.parent.rawFree(ptr, size, align)
      } catch (error) {
        if (!isDisposed(error)) thrown ??= { error }
      }
    }
    return thrown
  }

  private forgetLast(): Chunk {
    const chunk = this.list.pop()!
    this.held -= chunk.size
    chunk.clear()
    return chunk
  }

  private resize(chunk: Chunk, size: number): boolean {
    if (!this.parent.rawResize(chunk.ptr, chunk.size, chunk.align, size)) return false
    this.hold(size - chunk.size)
    chunk.size = size
    return true
  }

  private obtain(size: number, align: number): boolean {
    const ptr = this.parent.rawAlloc(size, align)
    if (ptr === 0) return false
    if (!Number.isSafeInteger(ptr) || ptr < 0 || ptr % align !== 0) {
      const expected = `an address aligned to ${align} from ${this.parent.name}`
      throw unexpected('INVALID_POINTER', expected, 'a chunk of ArenaAllocator', ptr)
    }
    this.list.push(new Chunk(this, ptr, size, align))
    this.hold(size)
    return true
  }

  private hold(bytes: number): void {
    this.held += bytes
    if (this.held > this.mostHeld) this.mostHeld = this.held
  }
}

/** A multiple of the chunks' alignment, so that over a bump there is no padding between them. */
function halfAsLongAgain(bytes: number): number {
  return alignUp(bytes + Math.floor(bytes / 2), DEFAULT_ALIGN)
}

function isDisposed(error: unknown): boolean {
  return error instanceof OffheapError && error.code === 'ERR_OFFHEAP_DISPOSED'
}
