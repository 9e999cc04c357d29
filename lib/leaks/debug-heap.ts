/** The blocks of a DebugAllocator: which there are, where their bytes are, and when those go back. */
import type { Allocator } from '../core/allocator.js'
import type { OffheapError } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import { type Block, BlockState, type Damage, type Keeper, Quarantine } from './debug-block.js'
import { Accuser } from './debug-errors.js'
import { FencedBlocks } from './debug-fenced.js'
import { GuardedBlocks } from './debug-guarded.js'
import { Journal } from './debug-journal.js'
import type { Settings } from './debug-options.js'
import { siteHere } from './debug-sites.js'

export class DebugHeap {
  readonly journal: Journal
  /** Every block that is known of, by its address. */
  readonly blocks = new Map<Pointer, Block>()
  readonly fenced: FencedBlocks
  readonly guarded: GuardedBlocks | null
  /** What fenced blocks were in. */
  private readonly _quarantine: Quarantine
  private readonly _accuser: Accuser
  private readonly _frames: number

  /** Throws ERR_OFFHEAP_UNSUPPORTED where blocks should be guarded and cannot be. */
  constructor(
    name: string,
    inner: Allocator,
    private readonly _settings: Settings,
  ) {
    const { safety, guard, guardEvery, neverUnmap, quarantineBytes } = _settings
    this._frames = _settings.stackTraceFrames
    this.journal = new Journal(_settings.verboseLog)
    this._accuser = new Accuser(name, this._frames)
    this.fenced = new FencedBlocks(inner, _settings)
    this._quarantine = new Quarantine(neverUnmap ? Infinity : quarantineBytes)
    const guards = guardEvery > 0 || (guard && safety)
    this.guarded = guards ? new GuardedBlocks(name, _settings) : null
  }

  /** A new block, on guarded pages if it can be. null: no memory, though all was given back. */
  allocate(size: number, align: number): Block | null {
    const stack = this._here()
    let block = this._guard(size, align, stack) ?? this.fenced.allocate(size, align, stack)
    if (block === null && this.trim() > 0) block = this.fenced.allocate(size, align, stack)
    if (block !== null) this.blocks.set(block.ptr, block)
    return block
  }

  /** A new block on guarded pages. null: it can have none. */
  allocateGuarded(size: number, align: number): Block | null {
    const block = this._guard(size, align, this._here())
    if (block !== null) this.blocks.set(block.ptr, block)
    return block
  }

  /** The live block with this address, size and alignment. Throws as documented for rawFree. */
  live(ptr: Pointer, size: number, align: number, operation: string): Block {
    const block = this.blocks.get(ptr)
    if (block === undefined) throw this._notThere(operation, ptr)
    if (block.state !== BlockState.LIVE) {
      const here = this._here()
      if (operation === 'free') throw this._enter(this._accuser.doubleFree(block, here))
      throw this._enter(this._accuser.useAfterFree(block, operation, here))
    }
    if (block.size === size && block.align === align) return block
    throw this._enter(this._accuser.mismatch(operation, block, [size, align], this._here()))
  }

  /** Throws when a fence is damaged, and nothing has changed then. */
  resize(block: Block, newSize: number): boolean {
    this._assertWhole(block)
    if (!block.keeper.resize(block, newSize)) return false
    if (this._settings.resizeStackTraces) block.allocatedAt = this._here()
    return true
  }

  /** Throws when a fence is damaged or a buffer cannot be detached, and nothing is freed then. */
  free(block: Block): void {
    this._assertWhole(block)
    block.detach()
    block.freedAt = this._here()
    block.state = BlockState.FREED
    const { keeper } = block
    const retired = keeper.free(block, block.freedAt)
    if (retired !== null) this._queueOf(keeper).push(retired)
  }

  view(ptr: Pointer, size: number): Uint8Array {
    const block = this.blocks.get(ptr)
    if (block === undefined) throw this._notThere('view', ptr)
    if (block.state !== BlockState.LIVE) {
      throw this._enter(this._accuser.useAfterFree(block, 'view', this._here()))
    }
    if (size <= block.size) return block.keeper.view(block, size)
    throw this._enter(this._accuser.tooLong(block, size, this._here()))
  }

  /** The error for a handle of a block that was freed. */
  misused(block: Block, freedAgain: boolean): OffheapError {
    const here = this._here()
    return this._enter(
      freedAgain
        ? this._accuser.doubleFree(block, here)
        : this._accuser.useAfterFree(block, 'use', here),
    )
  }

  /** Looks at everything; what is found is held. */
  look(): void {
    const here = this._here()
    for (const block of this.blocks.values()) {
      if (block.state !== BlockState.GONE) this._inspect(block, here)
    }
  }

  /** What is held back beyond its limit goes back. What is found then is held. */
  settle(): void {
    const { _quarantine, guarded } = this
    while (_quarantine.isOver) this._leave(_quarantine, this.fenced)
    if (guarded !== null) while (guarded.parked.isOver) this._leave(guarded.parked, guarded)
  }

  /** All that can go back does. Returns the bytes that the inner allocator got. */
  trim(): number {
    if (this._settings.neverUnmap) return 0
    const before = this.fenced.taken
    for (const idle of this.fenced.takeIdle()) this._quarantine.push(idle)
    for (let left = this._quarantine.length; left > 0; left--) {
      this._leave(this._quarantine, this.fenced)
    }
    const { guarded } = this
    if (guarded !== null) while (guarded.parked.length > 0) this._leave(guarded.parked, guarded)
    return before - this.fenced.taken
  }

  /** Everything goes back, whether it lives or not. What is thrown on the way is held. */
  end(): void {
    const { guarded, fenced } = this
    for (const block of this.blocks.values()) {
      if (block.state === BlockState.LIVE) this._attempt(() => this._endBlock(block))
    }
    if (guarded !== null) for (const parked of guarded.parked) guarded.giveBack(parked)
    for (const span of fenced.spans) this._attempt(() => fenced.giveBack(span))
    this.blocks.clear()
  }

  /** A block that is shown still stays where it is. */
  private _endBlock(block: Block): void {
    block.detach()
    if (block.keeper !== this.guarded) return
    block.state = BlockState.FREED
    const parked = this.guarded.free(block, 0)
    if (parked !== null) this.guarded.giveBack(parked)
  }

  private _attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.journal.hold(error)
    }
  }

  private _guard(size: number, align: number, stack: number): Block | null {
    const { guarded } = this
    if (guarded === null) return null
    if (guarded.isFull && !this._settings.neverUnmap) this._leave(guarded.parked, guarded)
    return guarded.allocate(size, align, stack)
  }

  private _queueOf(keeper: Keeper): Quarantine {
    return this.guarded !== null && keeper === this.guarded ? this.guarded.parked : this._quarantine
  }

  /** The oldest that is held back goes back, after a last look at it. */
  private _leave(queue: Quarantine, keeper: Keeper): void {
    const oldest = queue.shift()
    if (oldest === undefined) return
    for (const block of oldest.blocks) {
      if (block.state !== BlockState.FREED) continue
      this._inspect(block, 0)
      block.state = BlockState.GONE
      const known = this.blocks.get(block.ptr)
      if (!this._settings.retainMetadata && known === block) this.blocks.delete(block.ptr)
    }
    this._attempt(() => keeper.giveBack(oldest))
  }

  /** Holds the error for what is damaged. `here` 0: found by the way. */
  private _inspect(block: Block, here: number): void {
    let damage: Damage | null = null
    this._attempt(() => {
      damage = block.keeper.damageOf(block)
    })
    if (damage === null) return
    const found = here === 0 ? this._here() : here
    this.journal.hold(this._enter(this._accuser.damaged(block, damage, found)))
  }

  private _assertWhole(block: Block): void {
    const damage = block.keeper.damageOf(block)
    if (damage === null) return
    throw this._enter(this._accuser.damaged(block, damage, this._here()))
  }

  private _notThere(operation: string, ptr: Pointer): OffheapError {
    let near: Block | null = null
    for (const block of this.blocks.values()) {
      if (block.state === BlockState.GONE) continue
      if (ptr > block.ptr && ptr < block.ptr + block.size) near = block
    }
    return this._enter(this._accuser.invalidPointer(operation, ptr, near, this._here()))
  }

  private _enter(error: OffheapError): OffheapError {
    return this.journal.enter(error)
  }

  private _here(): number {
    return siteHere(DebugHeap.prototype._here, this._frames)
  }
}
