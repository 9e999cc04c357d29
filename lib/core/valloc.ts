/**
 * Valloc: an allocator as C sees it, an `oh_valloc_t` of native/include/offheap.h.
 *
 * Core knows only that there is such a thing and who holds one; how a door is opened is installed by
 * the part that knows the addon.
 */
import type { Allocator } from './allocator.js'
import { OffheapError } from './errors.js'
import type { Pointer } from './pointer.js'
import type { Region } from './region.js'

/** The allocators that are written in C. */
export type CTable =
  | 'bump'
  | 'concurrentBump'
  | 'freeList'
  | 'gc'
  | 'libc'
  | 'null'
  | 'pages'
  | 'pool'
  | 'rawLibc'
  | 'shared'
  | 'slab'
  | 'stack'

/** The C of an allocator. */
export interface CHeap {
  /** Its operations: ours, or the address of another table. */
  readonly table: CTable | Pointer
  /** What C keeps for it, where that is not `state`. */
  readonly self?: Pointer
  /** The words that C works on too, from the first one on; null: C keeps its own. */
  readonly state: Int32Array | null
  /** Where the blocks are, which must not go while C has them. */
  readonly region: Region | null
  /** What must not be collected while C has it. */
  readonly keeper?: object
  /** Called once when C has let go. */
  readonly close?: () => void
}

/** An opened door: addresses, and how to close it. */
export interface OpenDoor {
  readonly self: bigint
  readonly vt: bigint
  readonly address: bigint
  readonly external: object
  close(): void
}

/**
 * One allocator for C, until {@link release}. C may keep the addresses until then, and no longer: while it
 * is held the allocator cannot be disposed.
 *
 * From which threads C may use it is what the allocator says: those of one thread need a lock of C's own
 * around calls from others, and one that is written in JavaScript works on its own thread only, and on that
 * thread's own stack: C that koffi calls, which has another, gets no memory from it.
 */
export class Valloc implements Disposable {
  /** The allocator's state, the first argument of its operations. */
  readonly self: bigint
  /** Address of the table of its operations, an `oh_vtable_t`. */
  readonly vt: bigint
  /** Address of an `oh_valloc_t` that holds the two, for what takes `oh_valloc_t const *`. */
  readonly address: bigint
  /** The same as a type-tagged External, for addons: see offheap_napi.h. */
  readonly external: object
  private readonly _close: () => void
  private _held = true

  /** @internal */
  constructor(
    private readonly _allocator: Allocator,
    door: OpenDoor,
  ) {
    this.self = door.self
    this.vt = door.vt
    this.address = door.address
    this.external = door.external
    this._close = () => door.close()
    holders.set(_allocator, holdersOf(_allocator) + 1)
  }

  /** True until {@link release}. */
  get held(): boolean {
    return this._held
  }

  /** C has let go: the allocator can be disposed. Doing so twice is harmless. */
  release(): void {
    if (!this._held) return
    this._held = false
    holders.set(this._allocator, holdersOf(this._allocator) - 1)
    this._close()
  }

  /** As {@link release}. */
  [Symbol.dispose](): void {
    this.release()
  }
}

let opener: ((allocator: Allocator) => OpenDoor) | null = null
/** The one that an allocator's `valloc` is. */
const opened = new WeakMap<Allocator, Valloc>()
/** How many of an allocator are held, that one and others' own. */
const holders = new WeakMap<Allocator, number>()

function holdersOf(allocator: Allocator): number {
  return holders.get(allocator) ?? 0
}

export function provideDoors(open: (allocator: Allocator) => OpenDoor): void {
  opener = open
}

/** The valloc of an allocator that is held, or a new one. */
export function vallocOf(allocator: Allocator): Valloc {
  const there = opened.get(allocator)
  if (there?.held) return there
  const valloc = ownVallocOf(allocator)
  opened.set(allocator, valloc)
  return valloc
}

/** A valloc that nobody else has, and so nobody else releases. */
export function ownVallocOf(allocator: Allocator): Valloc {
  if (opener === null) {
    throw new OffheapError('UNSUPPORTED', 'Nothing can open a door for C here: import "offheap"')
  }
  return new Valloc(allocator, opener(allocator))
}

/** Throws ERR_OFFHEAP_PINNED while C holds a valloc of the allocator. */
export function assertReleased(allocator: Allocator): void {
  if (holdersOf(allocator) === 0) return
  throw new OffheapError(
    'PINNED',
    `${allocator.name} cannot be disposed while C holds it: call release() on its valloc and on its adapters first`,
  )
}
