/**
 * Ledger: which blocks live, and which stack allocated each. The ledger itself is in C
 * (native/core/ledger.h), where both doors write to it; here it costs no JavaScript heap but for a table of
 * 64 KiB that says of an address whether it can be in it at all.
 */
import { OffheapError } from '../../core/errors.js'
import type { Pointer } from '../../core/pointer.js'
import { Box, loadAddon } from '../../native/binding.js'
import { BlockField, SiteField, TotalField } from '../../native/ledgers.js'
import type { Site } from '../profile.js'
import type { SITE_COUNTS } from '../profile-sites.js'

/** What a site has; the figures of a sampled ledger are estimates. */
export interface SiteFigures extends Pick<Site, (typeof SITE_COUNTS)[number]> {
  stack: number
  /** The number of the name of its heaps. */
  name: number
}

export interface LedgerTotals {
  liveBlocks: number
  liveBytes: number
  peakBytes: number
  unknownFrees: number
  unlisted: number
  /** Blocks that are in the ledger. */
  records: number
  sites: number
  /** Bytes that the ledger takes, without the stacks. */
  bytes: number
}

/** A live block, as it is in the ledger. */
export interface ListedBlock {
  ptr: Pointer
  /** In bytes, as it was asked for. */
  size: number
  /** In bytes. */
  align: number
  /** The thread that allocated it: threads are numbered as they first allocate, from 1 on. */
  thread: number
  ageMs: number
  /** Index of its site in {@link Ledger.sites}. */
  site: number
}

/** Blocks that `blocks` reads at a time. */
const LISTED = 4096

/** What is said of a heap besides its name. */
export interface HeapOptions {
  /** Who says the same, in whichever thread, has the same heap. '': nobody else has it. */
  key?: string
  /** Its memory goes with this thread, at the latest. */
  endsWithThread?: boolean
}

/** One ledger for some heaps of one thread or of all, and for what C allocates in them on any. */
export class Ledger {
  private readonly _box: Float64Array
  private readonly _native
  private readonly _external: object
  /** Where the ledger is. The external keeps it there. */
  private readonly _self: Pointer
  /** 0 in the cell of an address: it is certainly not in the ledger. */
  readonly cells: Uint8Array

  /**
   * @param mostBlocks Of more live blocks than that, those beyond are counted at their sites only. At
   *   most 2^32 - 2048.
   * @param isOfProcess The one that all threads have which say so; the first one's `mostBlocks` counts.
   */
  constructor(mostBlocks: number, isOfProcess = false) {
    const { native, box } = loadAddon()
    this._native = native.ledgers
    this._box = box
    this.cells = new Uint8Array(native.ledgers.cells)
    const external = native.ledgers.make(mostBlocks, this.cells, isOfProcess)
    if (external === null)
      throw new OffheapError('OUT_OF_MEMORY', 'There is no memory for a ledger')
    this._external = external
    this._self = box[Box.SELF]!
  }

  /** A heap in it. Those with the same name share sites. */
  addHeap(name: string, { key = '', endsWithThread = false }: HeapOptions = {}): number {
    const native = this._native
    const keyFrame = key === '' ? 0 : native.frame(key)
    const heap = native.addHeap(this._external, native.frame(name), keyFrame, endsWithThread)
    if (heap === 0) throw new OffheapError('OUT_OF_MEMORY', 'There is no memory for a ledger')
    return heap
  }

  /**
   * A heap that ends with the thread is gone before: what lived in it counts as freed, unless another thread
   * has it.
   */
  endHeap(heap: number): void {
    this._native.endHeap(this._external, heap)
  }

  /** A ticket for {@link lose}; 0: the ledger is full, and the block was counted only. */
  add(
    heap: number,
    ptr: Pointer,
    size: number,
    align: number,
    stack: number,
    weight: number,
    hasHandle: boolean,
  ): number {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.OPERATION] = heap
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    box[Box.NEW_SIZE] = stack
    box[Box.STATUS] = weight
    box[Box.RESULT] = hasHandle ? 1 : 0
    this._native.add()
    return box[Box.RESULT]!
  }

  /**
   * Takes a record off its address, before the block is freed or moved: it must be put, put back or struck
   * out next. 0: there is none.
   */
  lift(heap: number, ptr: Pointer): number {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.OPERATION] = heap
    box[Box.PTR] = ptr
    this._native.lift()
    return box[Box.RESULT]!
  }

  put(record: number, ptr: Pointer, size: number): void {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.NEW_SIZE] = record
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    this._native.put()
  }

  putBack(record: number, ptr: Pointer): void {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.NEW_SIZE] = record
    box[Box.PTR] = ptr
    this._native.putBack()
  }

  /** A handle more has the block: a ticket for {@link lose}. */
  putBackHeld(record: number, ptr: Pointer): number {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.NEW_SIZE] = record
    box[Box.PTR] = ptr
    this._native.putBackHeld()
    return box[Box.RESULT]!
  }

  strike(record: number): void {
    const box = this._box
    box[Box.SELF] = this._self
    box[Box.NEW_SIZE] = record
    this._native.strike()
  }

  /** A handle of the block with this ticket was collected. */
  lose(ticket: number): void {
    this._native.lose(this._external, ticket)
  }

  /** The block with this ticket was freed, whatever is at its address now. */
  release(ticket: number): void {
    this._native.release(this._external, ticket)
  }

  /** A block was freed that is not here and should be. */
  unknown(): void {
    this._native.unknown(this._external)
  }

  /** The serial number of the newest block, for {@link drop}. */
  newest(): number {
    return this._native.newest(this._external)
  }

  /** The blocks of a heap that are newer than `serial` (0: all) and at `from` or above are gone. */
  drop(heap: number, serial = 0, from: Pointer = 0): void {
    this._native.drop(this._external, heap, serial, from)
  }

  totals(): LedgerTotals {
    const fields = this._native.totals(this._external)
    return {
      liveBlocks: fields[TotalField.LIVE_BLOCKS]!,
      liveBytes: fields[TotalField.LIVE_BYTES]!,
      peakBytes: fields[TotalField.PEAK_BYTES]!,
      unknownFrees: fields[TotalField.UNKNOWN_FREES]!,
      unlisted: fields[TotalField.UNLISTED]!,
      records: fields[TotalField.RECORDS]!,
      sites: fields[TotalField.SITES]!,
      bytes: fields[TotalField.BYTES]!,
    }
  }

  /** All sites, in the order in which they first came; later ones are added behind. */
  sites(): SiteFigures[] {
    const fields = this._native.sites(this._external)
    const sites: SiteFigures[] = []
    for (let at = 0; at < fields.length; at += SiteField.COUNT) {
      sites.push({
        stack: fields[at + SiteField.STACK]!,
        name: fields[at + SiteField.NAME]!,
        allocs: fields[at + SiteField.ALLOCS]!,
        frees: fields[at + SiteField.FREES]!,
        totalBytes: fields[at + SiteField.TOTAL_BYTES]!,
        liveBlocks: fields[at + SiteField.LIVE_BLOCKS]!,
        liveBytes: fields[at + SiteField.LIVE_BYTES]!,
        peakBytes: fields[at + SiteField.PEAK_BYTES]!,
        temporary: fields[at + SiteField.TEMPORARY]!,
        lostBytes: fields[at + SiteField.LOST_BYTES]!,
        heldBytes: fields[at + SiteField.HELD_BYTES]!,
      })
    }
    return sites
  }

  /** Only the live bytes of each site, in the same order. */
  liveBytes(): Float64Array {
    const fields = this._native.sites(this._external)
    const live = new Float64Array(fields.length / SiteField.COUNT)
    for (let i = 0; i < live.length; i++) {
      live[i] = fields[i * SiteField.COUNT + SiteField.LIVE_BYTES]!
    }
    return live
  }

  /** The name that {@link addHeap} was given. */
  nameOf(name: number): string {
    const text = this._native.readFrame(name)
    return typeof text === 'string' ? text : ''
  }

  /** The live blocks, some thousand at a time. */
  *blocks(): Generator<ListedBlock> {
    for (let after = 0; ;) {
      const fields = this._native.list(this._external, after, LISTED)
      after = this._box[Box.RESULT]!
      if (fields.length === 0) return
      for (let at = 0; at < fields.length; at += BlockField.COUNT) {
        yield {
          ptr: fields[at + BlockField.PTR]!,
          size: fields[at + BlockField.SIZE]!,
          align: fields[at + BlockField.ALIGN]!,
          thread: fields[at + BlockField.THREAD]!,
          ageMs: fields[at + BlockField.AGE_MS]!,
          site: fields[at + BlockField.SITE]! - 1,
        }
      }
    }
  }

  /** An allocator of C, over another, that writes into this ledger. */
  openDoor(heap: number, self: bigint, vt: bigint): TracedDoor {
    return new TracedDoor(this._external, heap, self, vt)
  }
}

/** What C calls instead of the allocator that it is over. */
export class TracedDoor {
  readonly self: Pointer
  readonly table: Pointer

  constructor(ledger: object, heap: number, self: bigint, vt: bigint) {
    const { native, box } = loadAddon()
    this.self = native.ledgers.makeTraced(ledger, heap, Number(self), Number(vt))
    if (this.self === 0) throw new OffheapError('OUT_OF_MEMORY', 'There is no memory for a door')
    this.table = box[Box.RESULT]!
  }

  set(mode: number, sampleBytes: number, frames: number): void {
    loadAddon().native.ledgers.setTraced(this.self, mode, sampleBytes, frames)
  }

  close(): void {
    loadAddon().native.ledgers.endTraced(this.self)
  }
}

/** Runs C with a stack of JavaScript below its own. */
export function underStack<T>(stack: number, run: () => T): T {
  const { ledgers } = loadAddon().native
  const before = ledgers.enter(stack)
  try {
    return run()
  } finally {
    ledgers.enter(before)
  }
}
