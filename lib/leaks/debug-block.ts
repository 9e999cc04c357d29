/** What a DebugAllocator knows of a block, and what it asks of those who keep the bytes. */
import type { Pointer } from '../core/pointer.js'
import type { BlockBuffer } from './ledger/block-buffer.js'

export const enum BlockState {
  LIVE = 0,
  /** Its address stays its own. */
  FREED = 1,
  /** Its memory went back, and may be another block's. */
  GONE = 2,
}

/** Bytes that somebody wrote to who must not. */
export interface Damage {
  /** Of the first one, from the start of the block; negative before it. */
  readonly offset: number
  /** From the first to the last one. */
  readonly length: number
  /** What the first one is now. */
  readonly found: number
}

/** Freed memory that is held back for a while. */
export interface Retired {
  readonly bytes: number
  readonly blocks: readonly Block[]
}

/** Where the bytes of blocks are. */
export interface Keeper {
  /** Was anything written to that must not be? Repaired, so that it is told once. */
  damageOf(block: Block): Damage | null
  /** Makes the block longer or shorter where it lies; its stack is `stack` then, if that is not 0. */
  resize(block: Block, newSize: number): boolean
  /** The bytes of a live block, from its start. */
  view(block: Block, size: number): Uint8Array
  /** A buffer of the block's own; null where there can be none. */
  show(block: Block): BlockBuffer | null
  /** The block was freed, and `stack` is where: what can be held back now, if anything. */
  free(block: Block, stack: number): Retired | null
  /** No longer held back. Throws what the inner allocator throws. */
  giveBack(retired: Retired): void
}

/** A block, as long as anything is known of it. */
export class Block {
  state: BlockState = BlockState.LIVE
  /** Where it was freed. */
  freedAt = 0
  /** Buffers that show it, one for each size that it has had and was looked at. */
  private readonly _buffers: BlockBuffer[] = []
  /** Those that somebody else has taken away. */
  private readonly _lent: BlockBuffer[] = []

  constructor(
    readonly keeper: Keeper,
    readonly ptr: Pointer,
    public size: number,
    readonly align: number,
    /** Where it was allocated. */
    public allocatedAt: number,
  ) {}

  /** The buffer of its own that shows it as it is; null: it has none yet. */
  get buffer(): BlockBuffer | null {
    return this._buffers.find(({ size }) => size === this.size) ?? null
  }

  set buffer(buffer: BlockBuffer) {
    this._buffers.push(buffer)
  }

  /** Detaches its buffers. Throws ERR_OFFHEAP_PINNED for one that cannot be. */
  detach(): void {
    for (let last = this._buffers.at(-1); last !== undefined; last = this._buffers.at(-1)) {
      if (!last.release()) this._lent.push(last)
      this._buffers.pop()
    }
  }

  /** Was a buffer moved elsewhere? Then its new owner may write to it. */
  get moved(): boolean {
    return this._lent.length > 0
  }

  /** Does anybody still look at it, through a buffer that was moved elsewhere or cannot be detached? */
  get shown(): boolean {
    return this._buffers.length > 0 || this._lent.some((buffer) => buffer.lent)
  }
}

/** What is held back, the oldest first, up to so many bytes. */
export class Quarantine {
  private _queue: Retired[] = []
  private _next = 0
  private _bytes = 0

  constructor(private readonly _most: number) {}

  /** Blocks and pages in here. */
  get length(): number {
    return this._queue.length - this._next
  }

  get isOver(): boolean {
    return this._bytes > this._most
  }

  /** What is in here; those who iterate do not change it. */
  *[Symbol.iterator](): Iterator<Retired> {
    for (let i = this._next; i < this._queue.length; i++) yield this._queue[i]!
  }

  push(retired: Retired): void {
    this._queue.push(retired)
    this._bytes += retired.bytes
  }

  /** The oldest. */
  shift(): Retired | undefined {
    const oldest = this._queue[this._next]
    if (oldest === undefined) return undefined
    this._next += 1
    this._bytes -= oldest.bytes
    // What was taken out is not kept, and moving the rest costs nothing on average.
    if (this._next > 32 && this._next * 2 > this._queue.length) {
      this._queue = this._queue.slice(this._next)
      this._next = 0
    }
    return oldest
  }
}
