/** What the addon exports of ledgers and stacks: native/addon/ledgers.cc. */
import type { Pointer } from '../core/pointer.js'

/** A ledger; it is freed when this is collected and C has let go of it too. */
export type LedgerExternal = object

/** Machine code: where it is, by the names that it has. */
export interface NativeCode {
  file: string
  function: string
  /** From where the file is loaded. */
  offset: number
  /** In hex; '' without one. */
  buildId: string
}

/** Fields of a site in what `sites` gives: oh_site_t of native/core/ledger.h. */
export const enum SiteField {
  STACK = 0,
  NAME = 1,
  ALLOCS = 2,
  FREES = 3,
  TOTAL_BYTES = 4,
  LIVE_BLOCKS = 5,
  LIVE_BYTES = 6,
  PEAK_BYTES = 7,
  TEMPORARY = 8,
  LOST_BYTES = 9,
  HELD_BYTES = 10,
  COUNT = 11,
}

/** What `totals` gives: oh_ledger_totals_t. */
export const enum TotalField {
  LIVE_BLOCKS = 0,
  LIVE_BYTES = 1,
  PEAK_BYTES = 2,
  UNKNOWN_FREES = 3,
  UNLISTED = 4,
  RECORDS = 5,
  SITES = 6,
  BYTES = 7,
}

/** What `list` gives of each block: oh_live_block_t. */
export const enum BlockField {
  PTR = 0,
  SIZE = 1,
  ALIGN = 2,
  SITE = 3,
  THREAD = 4,
  AGE_MS = 5,
  COUNT = 6,
}

/** The hot calls are on the ledger at SELF, and its heap in OPERATION. */
export interface NativeLedgers {
  /**
   * PTR, SIZE, ALIGN, NEW_SIZE: the stack, STATUS: the weight, RESULT: 1 with a handle -> RESULT: a
   * ticket, or 0.
   */
  add(): void
  /** PTR -> RESULT: the record, which nobody finds until one of the next three; or 0. */
  lift(): void
  /** PTR, SIZE, NEW_SIZE: the record. */
  put(): void
  /** PTR, NEW_SIZE: the record, with the size that it had. */
  putBack(): void
  /** PTR, NEW_SIZE: the record -> RESULT: a ticket for one handle more. */
  putBackHeld(): void
  /** NEW_SIZE: the record. */
  strike(): void

  /** Cells that a ledger has: see oh_ledger_cell. */
  readonly cells: number
  /** SELF: the address. null: no memory. */
  make(mostBlocks: number, cells: Uint8Array, isOfProcess: boolean): LedgerExternal | null
  /** `key`: the frame that it goes by, which others may join; 0: none can. 0: no memory. */
  addHeap(ledger: LedgerExternal, name: number, key: number, endsWithThread: boolean): number
  /** One that would have ended with this thread. */
  endHeap(ledger: LedgerExternal, heap: number): void
  drop(ledger: LedgerExternal, heap: number, serial: number, from: Pointer): void
  lose(ledger: LedgerExternal, ticket: number): void
  release(ledger: LedgerExternal, ticket: number): void
  unknown(ledger: LedgerExternal): void
  newest(ledger: LedgerExternal): number
  totals(ledger: LedgerExternal): Float64Array
  sites(ledger: LedgerExternal): Float64Array
  /** RESULT: what to pass as `after` for those that follow. */
  list(ledger: LedgerExternal, after: number, most: number): Float64Array

  /** The number of the frame with this text; 0: no memory. */
  frame(text: string): number
  /** The stack of a call in `frame`; 0: no memory. */
  call(caller: number, frame: number): number
  /** PTR: the caller's stack, RESULT: the frame, resolved; 0: there is no such stack. */
  readStack(stack: number): void
  /** A frame that says better what this one says, from now on and in all threads. */
  resolveFrame(frame: number, better: number): void
  readFrame(frame: number): string | NativeCode | null
  /** The stack that calls into C on this thread from now on; returns the one before. */
  enter(stack: number): number

  /** Address of a traced allocator over one of C; 0: no memory. RESULT: its table. */
  makeTraced(ledger: LedgerExternal, heap: number, self: Pointer, table: Pointer): number
  setTraced(traced: Pointer, mode: number, sampleBytes: number, frames: number): void
  endTraced(traced: Pointer): void
}
