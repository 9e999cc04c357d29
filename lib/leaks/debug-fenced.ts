/**
 * Blocks between fences, in pages taken from another allocator.
 *
 * Small blocks lie in pages of one size class each, in slots that are handed out one after the other
 * and never again; a page is whole again when all its blocks have been freed. Large blocks are taken
 * one by one. Either is a span:
 *
 *     | fence | block, 0xCD when new | fence, at least as wide | fence | block | ...
 *
 * All that is known of a block is kept elsewhere, so that whatever overruns it damages bytes only.
 */
import type { Allocator } from '../core/allocator.js'
import { alignUp } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { Block, BlockState, type Damage, type Keeper, type Retired } from './debug-block.js'
import { Fill, repair } from './debug-fill.js'
import { type Settings, UNIT } from './debug-options.js'
import { type BlockBuffer, showBytes } from './ledger/block-buffer.js'

/** Memory of the inner allocator: a page, or one large block. */
export class Span implements Retired {
  readonly blocks: FencedBlock[] = []
  /** Blocks that live. */
  live = 0
  /** Where the next slot is. */
  cursor = 0
  /** What keeps the memory where it is while it is shown; null: nothing can, undefined: not asked for. */
  hold: Disposable | null | undefined = undefined

  /** @param slot Bytes of a slot; 0: all is one. */
  constructor(
    readonly ptr: Pointer,
    readonly bytes: number,
    readonly align: number,
    readonly slot: number,
  ) {}

  get full(): boolean {
    return this.slot === 0 || this.cursor + this.slot > this.bytes
  }
}

class FencedBlock extends Block {
  /** Where its slot is in the span. */
  from = 0
  to = 0

  constructor(
    keeper: Keeper,
    readonly span: Span,
    /** Where the block is in the span. */
    readonly at: number,
    layout: readonly [size: number, align: number],
    stack: number,
  ) {
    super(keeper, span.ptr + at, layout[0], layout[1], stack)
  }
}

/** Sizes of slots: multiples of 16, and four to a doubling. */
function slotSize(bytes: number): number {
  const step = Math.max(UNIT, 2 ** (29 - Math.clz32(bytes)))
  return Math.ceil(bytes / step) * step
}

export class FencedBlocks implements Keeper {
  /** Bytes taken from the inner allocator now, and the most that were. */
  taken = 0
  mostTaken = 0
  /** The page of each size class that has slots left. */
  private readonly _pages = new Map<number, Span>()
  /** Everything that was taken. */
  private readonly _spans = new Set<Span>()
  /** What should have gone back, but for buffers that somebody has. */
  private readonly _lent = new Set<Span>()
  private readonly _fence: number
  private readonly _fresh: Fill | 0

  constructor(
    private readonly _inner: Allocator,
    private readonly _settings: Settings,
  ) {
    this._fence = _settings.fenceBytes
    this._fresh = _settings.backingZeroes ? 0 : Fill.FRESH
  }

  /** A block between fences, or null: the inner allocator has no memory. */
  allocate(size: number, align: number, stack: number): Block | null {
    const needed = Math.max(size, 1) + 2 * this._fence + Math.max(0, align - UNIT)
    if (needed <= this._settings.pageSize / 4) {
      const page = this._pageFor(slotSize(Math.max(needed, UNIT)))
      if (page !== null) return this._slotIn(page, [size, align], stack)
    }
    return this._alone([size, align], stack)
  }

  resize(block: FencedBlock, newSize: number): boolean {
    const { at, to, size, span } = block
    if (newSize === size) return true
    if (newSize > to - at - this._fence) return false
    // A large block that shrinks much is better moved to where it needs less.
    if (span.slot === 0 && newSize < size / 2) return false
    const bytes = this._bytesOf(span)
    if (newSize > size) bytes.fill(this._fresh, at + size, at + newSize)
    else bytes.fill(Fill.FENCE, at + newSize, to)
    block.size = newSize
    return true
  }

  damageOf(block: FencedBlock): Damage | null {
    const { at, from, to, size, span } = block
    const bytes = this._bytesOf(span)
    const behind = repair(bytes, [at + size, to], Fill.FENCE, at)
    const before = repair(bytes, [from, at], Fill.FENCE, at)
    if (block.state === BlockState.LIVE) return behind ?? before
    const inside = block.moved ? null : repair(bytes, [at, at + size], Fill.FREED, at)
    return inside ?? behind ?? before
  }

  view(block: FencedBlock, size: number): Uint8Array {
    if (size === 0) return new Uint8Array(0)
    const own = this.show(block)
    if (own !== null) return own.view(size)
    const { buffer, byteOffset } = this._bytesOf(block.span)
    return new Uint8Array(buffer, byteOffset + block.at, size)
  }

  show(block: FencedBlock): BlockBuffer | null {
    const { span, ptr, size } = block
    if (block.buffer !== null || size === 0) return block.buffer
    if (span.hold === undefined) {
      span.hold = this._inner._isAddressable(ptr) ? this._inner._anchor(span.ptr, span.bytes) : null
    }
    if (span.hold === null) return null
    const shown = showBytes(ptr, size)
    if (shown !== null) block.buffer = shown
    return shown
  }

  free(block: FencedBlock): Retired | null {
    const { at, size, span } = block
    this._bytesOf(span).fill(Fill.FREED, at, at + size)
    span.live -= 1
    if (span.live > 0) return null
    if (!span.full) return this._pages.get(span.slot) === span ? null : span
    if (this._pages.get(span.slot) === span) this._pages.delete(span.slot)
    return span
  }

  giveBack(span: Span): void {
    if (span.blocks.some((block) => block.shown)) {
      this._lent.add(span)
      return
    }
    this._lent.delete(span)
    this._spans.delete(span)
    this.taken -= span.bytes
    span.hold?.[Symbol.dispose]()
    this._inner.rawFree(span.ptr, span.bytes, span.align)
  }

  /** Pages without a live block that wait for more, and what nobody looks at any more. */
  takeIdle(): Span[] {
    const idle = [...this._pages.values()].filter(({ live }) => live === 0)
    for (const page of idle) this._pages.delete(page.slot)
    return [...idle, ...this._lent]
  }

  /** Everything that was not given back. */
  get spans(): readonly Span[] {
    return [...this._spans]
  }

  private _bytesOf(span: Span): Uint8Array {
    return this._inner.view(span.ptr, span.bytes)
  }

  private _pageFor(slot: number): Span | null {
    const current = this._pages.get(slot)
    if (current !== undefined && !current.full) return current
    const page = this._take(this._settings.pageSize, UNIT, slot)
    if (page !== null) this._pages.set(slot, page)
    return page
  }

  private _slotIn(page: Span, layout: readonly [number, number], stack: number): Block {
    const from = page.cursor
    page.cursor += page.slot
    const at = alignUp(page.ptr + from + this._fence, layout[1]) - page.ptr
    return this._made(new FencedBlock(this, page, at, layout, stack), from, from + page.slot)
  }

  private _alone(layout: readonly [number, number], stack: number): Block | null {
    const [size, align] = layout
    const aligned = Math.max(align, UNIT)
    const at = alignUp(this._fence, aligned)
    const bytes = at + Math.max(size, 1) + this._fence
    if (bytes > Number.MAX_SAFE_INTEGER) return null
    const span = this._take(bytes, aligned, 0)
    if (span === null) return null
    return this._made(new FencedBlock(this, span, at, layout, stack), 0, bytes)
  }

  private _made(block: FencedBlock, from: number, to: number): Block {
    const { span, at, size } = block
    block.from = from
    block.to = to
    const bytes = this._bytesOf(span)
    bytes.fill(Fill.FENCE, from, at)
    if (this._fresh !== 0) bytes.fill(this._fresh, at, at + size)
    bytes.fill(Fill.FENCE, at + size, to)
    span.blocks.push(block)
    span.live += 1
    return block
  }

  /** Memory of the inner allocator, which must be able to show it. */
  private _take(bytes: number, align: number, slot: number): Span | null {
    const ptr = this._inner.rawAlloc(bytes, align)
    checkPointer(ptr, `the result of ${this._inner.name}.rawAlloc`)
    if (ptr === 0) return null
    try {
      this._inner.view(ptr, bytes)
    } catch (error) {
      this._inner.rawFree(ptr, bytes, align)
      throw error
    }
    const span = new Span(ptr, bytes, align, slot)
    this._spans.add(span)
    this.taken += bytes
    if (this.taken > this.mostTaken) this.mostTaken = this.taken
    return span
  }
}
