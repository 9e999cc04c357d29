/**
 * Region: one contiguous span of memory with an address, seen by JS as one ArrayBuffer.
 *
 * One class with one shape for every kind of memory, because allocators and handles read it on their
 * hot paths; what differs (how the memory is shown and given back) stands behind a RegionSource.
 *
 * Views are made on demand from the buffer of the moment. Nothing outside may keep the buffer, as it
 * can be detached at any time: by dispose, by a WebAssembly memory that grows, by a caller's
 * `transfer()`. The hot path does not ask first: a view of a detached buffer throws in V8, and only
 * then is it found out why.
 */
import { OffheapError } from './errors.js'
import { FIRST_MADE_UP, type Pointer } from './pointer.js'

/** What memory a region is of; 'block' is one block of an allocator whose work is done in C. */
export type RegionKind = 'malloc' | 'pages' | 'shared' | 'wasm' | 'view' | 'borrowed' | 'block'

/** The buffer that shows a region, and where the region starts in it. */
export interface Shown {
  buffer: ArrayBufferLike
  byteOffset: number
}

/** Where a region's memory comes from. */
export interface RegionSource {
  readonly kind: RegionKind
  /** false: addresses are offsets, which C must not take for its own. Else they are what they look like. */
  readonly addressable?: boolean
  /** Shows the memory, first or anew after the buffer was detached. null: it is gone for good. */
  show(): Shown | null
  /**
   * Detaches the buffer and frees the memory. Called at most once to the end: when it throws, the
   * region stays as it was.
   */
  release(buffer: ArrayBufferLike): void
  /** Has the memory of a buffer that was moved away become somebody else's? */
  gone?(): boolean
  /** Called once after that, when the region counts as disposed; may throw what a caller's hook throws. */
  released?(): void
  /**
   * Makes a region of `byteLength` bytes at least `atLeast` longer, where it can grow in place: its new
   * length, or 0. The buffer may be another one then.
   */
  extend?(byteLength: number, atLeast: number): number
  /** The most bytes that the region can grow to. */
  mostBytes?(): number
  /** Gives whole pages inside back to the system; they read 0 next. Returns the bytes given back. */
  decommit?(address: Pointer, offset: number, size: number): number
  /** Told when the number of pins changes, so that memory outlives a thread that dies pinned. */
  pinned?(pins: number): void
}

/** The allocator that works in a region. */
export interface RegionUser {
  readonly name: string
  /** The region is gone: hand out nothing from now on. */
  regionGone(): void
}

/** Stands for a buffer that is not there: every view with a byte in it fails. */
const NOTHING = new ArrayBuffer(0)
const NO_DATA = new DataView(NOTHING)
const GONE = -2

/** A pin keeps the block of these when their region is collected; V8 knows nothing of pins. */
const HELD_BY_PINS: ReadonlySet<RegionKind> = new Set(['malloc', 'pages', 'block'])

/**
 * A span of memory. Made by `Region.malloc`, `.pages`, `.shared`, `.wasm`, `.from` and `.borrow`.
 * Belongs to one thread, except that the memory of `Region.shared` is seen by all.
 */
export class Region implements Disposable {
  /** Address of the first byte, a safe integer. Over a WebAssembly memory: its offset there. */
  readonly address: Pointer
  private _byteLength: number

  /** @internal Handles made in another epoch than this are of blocks that were freed by a reset. */
  _epoch = 0
  /**
   * @internal The memory from its first byte, for strategies that keep headers in it. Reading it throws
   * when it was not made yet or its buffer was replaced: then ask {@link _dataAgain} and retry.
   */
  _data: DataView = NO_DATA
  /** @internal Earlier epochs whose handles are still good: those below open checkpoints. */
  _liveEpochs: number[] | null = null
  private _lastEpoch = 0
  private _buffer: ArrayBufferLike
  private _start: number
  private readonly _source: RegionSource
  private _user: RegionUser | null = null
  private _pins = 0

  /** @internal `shown` null: the buffer is made when it is first asked for. */
  constructor(source: RegionSource, address: Pointer, byteLength: number, shown: Shown | null) {
    this.address = address
    this._byteLength = byteLength
    this._buffer = shown === null ? NOTHING : shown.buffer
    this._start = shown === null ? 0 : shown.byteOffset
    this._source = source
  }

  /**
   * Length in bytes. Only a region over a WebAssembly memory ever grows, and that when the allocator in
   * it needs more.
   */
  get byteLength(): number {
    return this._byteLength
  }

  /** What kind of memory this is. */
  get kind(): RegionKind {
    return this._source.kind
  }

  /**
   * False where C must not see `address`: it is made up, because no addon could tell it, or an offset
   * into a WebAssembly memory.
   */
  get addressable(): boolean {
    return this.address < FIRST_MADE_UP && this._source.addressable !== false
  }

  /** True once {@link dispose} has given the memory back. */
  get disposed(): boolean {
    return this._epoch === GONE
  }

  /**
   * The memory as an ArrayBuffer (a SharedArrayBuffer for `Region.shared`). Do not keep it across a
   * WebAssembly `memory.grow`: ask again. The region starts at `byteOffset` in it and may be shorter.
   * Throws ERR_OFFHEAP_DISPOSED after dispose, or when the buffer was transferred elsewhere. O(1).
   */
  get buffer(): ArrayBufferLike {
    return this._buffer.byteLength !== 0 ? this._buffer : this._showAgain()
  }

  /** Where the region starts in `buffer`, in bytes. */
  get byteOffset(): number {
    if (this._buffer.byteLength === 0) this._showAgain()
    return this._start
  }

  /**
   * Keeps {@link dispose} from freeing the memory, for as long as a system call or a library in
   * another thread may still write to it. Dispose the result to let go; doing so twice is harmless.
   * Pins count. A region that is pinned when its worker ends or it is collected keeps its memory.
   * Throws ERR_OFFHEAP_DISPOSED.
   */
  pin(): Disposable {
    this._assertLive()
    this._setPins(this._pins + 1)
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        this._setPins(this._pins - 1)
      },
    }
  }

  /**
   * @internal A pin, where one keeps the memory even when nobody refers to the region any more. null: it
   * is V8's memory, or C cannot see it.
   */
  _anchor(): Disposable | null {
    return this.addressable && HELD_BY_PINS.has(this.kind) ? this.pin() : null
  }

  /**
   * Detaches the buffer, so that every view of it reads length 0, and frees the memory at once.
   * A second call does nothing. The caller's own memory (`Region.from`) and SharedArrayBuffers are
   * let go of, not detached. A buffer that was transferred elsewhere keeps its memory until its new
   * owner is collected.
   *
   * Throws ERR_OFFHEAP_PINNED while pinned, or when the buffer was marked as untransferable and thus
   * cannot be detached; the region then stays usable. About 1 microsecond.
   */
  dispose(): void {
    if (this.disposed) return
    if (this._pins > 0) {
      throw new OffheapError(
        'PINNED',
        `Region (${this.kind}) cannot be disposed while it is pinned: ${this._pins} pin(s) are still held`,
      )
    }
    this._source.release(this._buffer)
    this._buffer = NOTHING
    this._data = NO_DATA
    this._epoch = GONE
    this._liveEpochs = null
    this._user?.regionGone()
    this._user = null
    this._source.released?.()
  }

  /** As {@link dispose}. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /**
   * @internal The bytes at `offset`, both trusted: the caller has checked them against byteLength.
   * Hot: as fast as `new Uint8Array` alone.
   */
  _bytes(offset: number, size: number): Uint8Array {
    // Asked first only where it is cheap: an exception costs microseconds.
    if (this._buffer === NOTHING) this._showAgain()
    try {
      return new Uint8Array(this._buffer, this._start + offset, size)
    } catch {
      const buffer = this._showAgain()
      return new Uint8Array(buffer, this._start + offset, size)
    }
  }

  /** @internal Makes `_data` anew. Throws ERR_OFFHEAP_DISPOSED when the memory is gone. */
  _dataAgain(): DataView {
    return (this._data = new DataView(this.buffer, this._start, this._byteLength))
  }

  /** @internal Is `_extend` worth a call? */
  get _growable(): boolean {
    return this._source.extend !== undefined
  }

  /** @internal The most bytes that it can grow to; what it has where it cannot. */
  _mostBytes(): number {
    return this._source.mostBytes?.() ?? this._byteLength
  }

  /** @internal Makes the region at least `atLeast` bytes longer where it lies. false: it cannot. */
  _extend(atLeast: number): boolean {
    if (this._source.extend === undefined || this.disposed) return false
    const byteLength = this._source.extend(this._byteLength, atLeast)
    if (byteLength === 0) return false
    this._byteLength = byteLength
    // A SharedArrayBuffer is not detached when its memory grows, but stays as short as it was.
    this._buffer = NOTHING
    this._data = NO_DATA
    return true
  }

  /** @internal Gives the whole pages inside back to the system: see {@link RegionSource.decommit}. */
  _decommit(offset: number, size: number): number {
    if (this.disposed || this._buffer.byteLength === 0) return 0
    return this._source.decommit?.(this.address, offset, size) ?? 0
  }

  /** @internal One allocator works in a region at a time: two would hand out the same bytes. */
  _claim(user: RegionUser): void {
    this._assertLive()
    if (this._user !== null) {
      throw new OffheapError(
        'INVALID_ARGUMENT',
        `Expected a region of its own for ${user.name}, but ${this._user.name} works in this one: dispose that first`,
      )
    }
    this._user = user
  }

  /** @internal The user lets go: its blocks are nobody's any more. */
  _unclaim(user: RegionUser): void {
    if (this._user !== user) return
    this._user = null
    this._nextEpoch()
  }

  /** @internal Is a handle of this epoch good? The slow half of the check that handles inline. */
  _isLiveEpoch(epoch: number): boolean {
    if (epoch === this._epoch) return epoch !== GONE
    return this._liveEpochs !== null && this._liveEpochs.includes(epoch)
  }

  /**
   * @internal All handles go stale: their blocks were freed together. Epochs wrap after 2^30 resets,
   * so a stale handle would have to be kept for exactly that many to be taken for a good one.
   */
  _nextEpoch(): void {
    if (this.disposed) return
    this._lastEpoch = (this._lastEpoch + 1) & 0x3fffffff
    this._epoch = this._lastEpoch
    this._liveEpochs = null
  }

  /** @internal A checkpoint: later handles get an epoch of their own, earlier ones stay good. */
  _pushEpoch(): number {
    const epoch = this._epoch
    const below = this._liveEpochs
    this._nextEpoch()
    this._liveEpochs = below ?? []
    this._liveEpochs.push(epoch)
    return epoch
  }

  /** @internal Back to the epoch of an open checkpoint: handles made since go stale. */
  _popEpoch(epoch: number): void {
    const epochs = this._liveEpochs!
    epochs.length = epochs.lastIndexOf(epoch)
    this._epoch = epoch
  }

  /** @internal Was the buffer moved away, and has the memory got another owner since? */
  _isGone(): boolean {
    return this._buffer.byteLength === 0 && (this._source.gone?.() ?? false)
  }

  /** @internal */
  _assertLive(): void {
    if (this.disposed) throw disposed(`Region (${this.kind})`)
  }

  private _setPins(pins: number): void {
    this._pins = pins
    this._source.pinned?.(pins)
  }

  /** The buffer is not there or was detached: shows the memory again, or says why it cannot. */
  private _showAgain(): ArrayBufferLike {
    this._assertLive()
    const shown = this._source.show()
    if (shown === null) {
      throw new OffheapError(
        'DISPOSED',
        `The ArrayBuffer of this region (${this.kind}) was detached from outside, by transfer() or a transfer ` +
          `list: its memory belongs to the new owner now`,
      )
    }
    this._start = shown.byteOffset
    return (this._buffer = shown.buffer)
  }
}

/** The error for use after dispose. */
export function disposed(what: string): OffheapError {
  return new OffheapError('DISPOSED', `${what} has been disposed`)
}

/** The error for asking C's address of memory that has none; `ptr` is what there is instead. */
export function unaddressable(what: string, ptr: Pointer): OffheapError {
  return new OffheapError(
    'UNSUPPORTED',
    ptr < FIRST_MADE_UP
      ? `${what} works over a WebAssembly memory: ${ptr} is an offset into it and no address for C`
      : `${what} works over a bare buffer whose address is not known, because the addon is not built`,
  )
}
