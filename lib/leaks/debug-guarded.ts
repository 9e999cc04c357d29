/**
 * Blocks on pages of their own, in the manner of electric fences and of GWP-ASan: each ends where an
 * inaccessible page begins, and becomes inaccessible when it is freed.
 */
import { OffheapError } from '../core/errors.js'
import { Block, BlockState, type Damage, type Keeper, type Retired } from './debug-block.js'
import { Quarantine } from './debug-block.js'
import { Fill } from './debug-fill.js'
import type { Settings } from './debug-options.js'
import { framesAt, stackText } from './debug-sites.js'
import { type BlockBuffer, showBytes } from './ledger/block-buffer.js'
import { GuardedPages } from './ledger/guarded-pages.js'

class Parked implements Retired {
  readonly blocks: readonly Block[]
  readonly bytes: number

  constructor(block: Block) {
    this.blocks = [block]
    this.bytes = block.size
  }
}

export class GuardedBlocks implements Keeper {
  /** Freed blocks that are inaccessible, the oldest first. */
  readonly parked: Quarantine
  /** Bytes of blocks that live, and the most that did. */
  bytes = 0
  mostBytes = 0
  private _live = 0
  private readonly _pages: GuardedPages
  private readonly _fresh: Fill | 0

  /** Throws ERR_OFFHEAP_UNSUPPORTED, ERR_OFFHEAP_LIBRARY_NOT_FOUND. */
  constructor(
    name: string,
    private readonly _settings: Settings,
  ) {
    const { stackTraceFrames, quarantineBytes, neverUnmap, backingZeroes } = _settings
    const textOf = (stack: number): string =>
      `${stackText(framesAt(stack, stackTraceFrames), '    ')}\n`
    this._pages = new GuardedPages(name, textOf)
    this._fresh = backingZeroes ? 0 : Fill.FRESH
    this.parked = new Quarantine(neverUnmap ? Infinity : quarantineBytes)
  }

  /** Are all slots taken, by live blocks and by freed ones? */
  get isFull(): boolean {
    return this._live + this.parked.length >= this._settings.guardSlots
  }

  /** A guarded block, or null: no slot, no mapping or no memory is left, or the alignment too large. */
  allocate(size: number, align: number, stack: number): Block | null {
    if (this.isFull) return null
    const ptr = this._pages.alloc(size, align, this._fresh, stack)
    if (ptr === 0) return null
    this._live += 1
    this.bytes += size
    if (this.bytes > this.mostBytes) this.mostBytes = this.bytes
    return new Block(this, ptr, size, align, stack)
  }

  /** The end of a block is where its pages end. */
  resize(block: Block, newSize: number): boolean {
    return newSize === block.size
  }

  /** Of freed blocks nobody can have written to anything. */
  damageOf(block: Block): Damage | null {
    return block.state === BlockState.LIVE ? this._pages.check(block.ptr) : null
  }

  view(block: Block, size: number): Uint8Array {
    if (size === 0) return new Uint8Array(0)
    const shown = this.show(block)
    if (shown !== null) return shown.view(size)
    throw new OffheapError(
      'UNSUPPORTED',
      `A guarded block of ${block.size} bytes cannot be shown: this runtime makes no external buffers of its size`,
    )
  }

  show(block: Block): BlockBuffer | null {
    if (block.buffer !== null || block.size === 0) return block.buffer
    const shown = showBytes(block.ptr, block.size)
    if (shown !== null) block.buffer = shown
    return shown
  }

  free(block: Block, stack: number): Retired | null {
    this._live -= 1
    this.bytes -= block.size
    // Who has taken the buffer away must be able to look at it: the pages stay as they are, for good.
    if (block.shown) return null
    this._pages.free(block.ptr, stack)
    return new Parked(block)
  }

  giveBack({ blocks }: Retired): void {
    for (const { ptr } of blocks) this._pages.release(ptr)
  }
}
