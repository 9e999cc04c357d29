/**
 * Adapter: what a C library wants in place of malloc, over an allocator.
 *
 * The addon has a struct for it with the addresses of functions and a context, native/core/hooks.h; the
 * functions allocate through the allocator's door and count.
 */
import { Allocator } from '../core/allocator.js'
import { OffheapError, unexpected } from '../core/errors.js'
import { Layout, type StructLayout } from '../core/layout.js'
import type { Valloc } from '../core/valloc.js'
import { Box, type Library, loadAddon } from '../native/binding.js'
import { readStruct } from './memory.js'

/** What a C library holds and has asked for, through one adapter. Bytes are bytes of blocks. */
export interface AdapterStats {
  /** Live blocks. */
  blocks: number
  /**
   * Bytes of the live blocks: what was asked for over a bump and from Lua, else what the heap gave,
   * which may be a few more.
   */
  bytes: number
  /** The most that `bytes` has been since the adapter was made or told to forget. */
  peakBytes: number
  /** Blocks that were allocated; a block that changed its size is not counted again. */
  allocations: number
  /** Calls that were not served for want of memory. */
  failures: number
  /** Calls for what is no live block: nothing was done. */
  refused: number
}

/** For an adapter: the library, its name for messages, and its struct's fields. */
export interface Contract<F extends string> {
  readonly library: Library
  readonly name: string
  readonly struct: StructLayout
  /** Never there: says which names the fields have. */
  readonly fields?: F
}

/** The contract of a library whose struct has these fields, all pointers, in the order of C. */
export function contract<F extends string>(
  library: Library,
  name: string,
  ...fields: readonly F[]
): Contract<F> {
  const layouts = Object.fromEntries(fields.map((field) => [field, Layout.ptr]))
  return { library, name, struct: Layout.struct(layouts) }
}

/**
 * An allocator for one C library. Made by `zlibAdapter(allocator)` and its like, one for each library.
 *
 * Pass `address` to what takes a pointer to the struct, or `fields`, bigints, to what takes it by
 * value or as arguments. Both are good until {@link release}, and until then the allocator cannot be
 * disposed. The library may call from the threads from which the allocator may be used (see `valloc`).
 *
 * Blocks are aligned to 16 bytes. Out of memory is NULL, as from malloc. Blocks of a bump have 16 bytes
 * before them that say how long they are, as a bump does not know; Lua's have none.
 */
export class Adapter<F extends string = string> implements Disposable {
  /** Address of the library's struct, in native memory. */
  readonly address: bigint
  /** The struct's words by the names of its fields in C, in their order. */
  readonly fields: Readonly<Record<F, bigint>>
  /** The library's name. */
  readonly library: string
  private readonly _valloc: Valloc
  private readonly _bridge: object
  private _held = true

  /** @internal Throws as the functions that make one for each library say. */
  constructor(allocator: Allocator, { library, name, struct }: Contract<F>) {
    if (!(allocator instanceof Allocator)) {
      throw unexpected('INVALID_ARGUMENT', 'an Allocator', `${name}Adapter`, allocator)
    }
    const { native, box } = loadAddon()
    this.library = name
    this._valloc = allocator._ownValloc()
    const bridge = native.openBridge(library, Number(this._valloc.address))
    if (bridge === null) {
      this._valloc.release()
      throw noSlot(name)
    }
    this._bridge = bridge
    this.address = BigInt(box[Box.PTR]!)
    this.fields = Object.freeze(readStruct(struct, this.address)) as Readonly<Record<F, bigint>>
  }

  /** True until {@link release}. */
  get held(): boolean {
    return this._held
  }

  /** What the library holds now, and what it has asked for. Also after {@link release}. O(1). */
  stats(): AdapterStats {
    const { native, box } = loadAddon()
    native.readBridge(this._bridge)
    return {
      blocks: box[0]!,
      bytes: box[1]!,
      peakBytes: box[2]!,
      allocations: box[3]!,
      failures: box[4]!,
      refused: box[5]!,
    }
  }

  /**
   * The library's blocks are gone, because the allocator was reset: they are counted no longer, and
   * `peakBytes` begins anew. An adapter cannot see a reset by itself, so each adapter of the allocator
   * has to be told. What the library was doing with those blocks has to have ended.
   */
  forget(): void {
    loadAddon().native.forgetBridge(this._bridge)
  }

  /**
   * The library has let go of the struct and its functions: they have no memory from now on, and the allocator
   * can be disposed. Throws ERR_OFFHEAP_PINNED while the library holds blocks: let it free them, or
   * reset the allocator and call {@link forget}. Doing so twice is harmless.
   */
  release(): void {
    if (!this._held) return
    const { blocks, bytes } = this.stats()
    if (blocks > 0) {
      throw new OffheapError(
        'PINNED',
        `${this.library} still holds ${blocks} blocks with ${bytes} bytes: let it free them, or ` +
          `reset the allocator and call forget(), before release()`,
      )
    }
    this._held = false
    loadAddon().native.closeBridge(this._bridge)
    this._valloc.release()
  }

  /** As {@link release}. */
  [Symbol.dispose](): void {
    this.release()
  }
}

function noSlot(name: string): OffheapError {
  return new OffheapError(
    'UNSUPPORTED',
    `No slot is free for ${name}: libraries that pass no context share 8, of all threads together. ` +
      `Call release() on an adapter that is no longer needed`,
  )
}
