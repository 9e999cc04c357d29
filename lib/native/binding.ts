/**
 * The addon: the only place that loads it, with the types of what it exports.
 *
 * The hot calls take and return nothing: their arguments and results pass through `box`, a
 * Float64Array over memory that the addon reads and writes. A call then costs the bare crossing,
 * about 10 ns, instead of 20 with numbers converted both ways.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { OffheapError } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import type { CTable } from '../core/valloc.js'
import type { NativeGuard } from './guard.js'
import type { NativeLedgers } from './ledgers.js'

/** The ABI of the exports below; the addon reports its own as `abi`. */
const ABI = 4

/**
 * Slots of the box: requests are written before a call, results read after it. A const enum, so that
 * they are literals in the compiled code: V8 loads and checks an imported constant at each use.
 */
export const enum Box {
  PTR = 0,
  SIZE = 1,
  ALIGN = 2,
  NEW_SIZE = 3,
  STATUS = 4,
  RESULT = 5,
  OPERATION = 6,
  SELF = 7,
  LENGTH = 8,
}

/** oh_status_t of native/core/status.h. */
export const enum Status {
  OK = 0,
  NO_MEMORY = 1,
  INVALID_POINTER = 2,
  DOUBLE_FREE = 3,
  INVALID_SIZE = 4,
  SHOWN = 5,
  INVALID_ALIGN = 6,
  POISONED = 7,
}

/** Which heap a block belongs to, and thus how it is freed. */
export const enum Heap {
  LIBC = 0,
  PAGES = 1,
  BORROWED = 2,
  /** This plus the number of a heap in a shared library. */
  DYNAMIC = 1000,
  GC = 4,
}

/** oh_library_t of native/core/hooks.h. */
export const enum Library {
  ZLIB = 0,
  ZSTD = 1,
  LUA = 2,
  NGHTTP2 = 3,
  YYJSON = 4,
  FREETYPE = 5,
  EXPAT = 6,
  SQLITE = 7,
}

/** glibc's heap figures, in bytes. */
export interface NativeHeapInfo {
  inUse: number
  free: number
  mmapped: number
  arena: number
  freeBlocks: number
}

/** The raw operations of one native heap. Arguments and results through the box. */
export interface NativeHeap {
  /** SIZE, ALIGN -> RESULT: the address, or 0. */
  alloc(): void
  /** PTR, SIZE, ALIGN -> undefined when the block is freed; null when it is not, and STATUS. */
  free(): undefined | null
  /** PTR, SIZE, ALIGN, NEW_SIZE -> STATUS, RESULT: 1 when it could. */
  resize(): void
  /** PTR, SIZE, ALIGN, NEW_SIZE -> STATUS, RESULT: the new address, or 0. */
  remap(): void
  /** PTR -> RESULT: bytes of the live block that starts there, or 0. */
  usableSize(): void
  /** PTR -> RESULT: 1 when a live block starts there. */
  owns(): void
}

/** Why libgc cannot be used: oh_gc_state_t of native/core/gc_library.h. */
export const enum GcState {
  OPEN = 0,
  NOT_FOUND = 1,
  INCOMPLETE = 2,
  IN_USE = 3,
  ANOTHER = 4,
  NO_THREAD = 5,
  UNSUPPORTED = 6,
  INCREMENTAL = 7,
}

/** What an owner of collected blocks has: oh_gc_stats_t of native/core/gc_owners.h. */
export interface NativeGcStats {
  blocks: number
  used: number
  peak: number
  footprint: number
  peakFootprint: number
  reclaimedBlocks: number
  reclaimedBytes: number
}

/** The collected heap. alloc has its owner in NEW_SIZE; STATUS: how many records wait for that. */
export interface NativeGc extends NativeHeap {
  /** PTR -> RESULT: a handle stands for the block now; its serial number, or 0: no live block. */
  adopt(): void
  /** PTR -> RESULT: the serial number, or 0: no live block. Holds count. */
  hold(): void
  /** PTR -> RESULT: 1, or 0: no live block. */
  letGo(): void
  /** Loads libgc: a GcState. */
  open(name: string | undefined): number
  /** The number of a new owner, or -1: no memory. */
  addOwner(pointerFree: boolean, notify: boolean, findLeaks: boolean): number
  endOwner(owner: number): void
  forgetOwner(owner: number): void
  drop(ptr: Pointer, serial: number): void
  unhold(ptr: Pointer, serial: number): void
  /** A number for removeRoots, or 0: no memory. */
  addRoots(address: Pointer, size: number): number
  removeRoots(id: number): void
  collect(unmap: boolean): void
  findLeaks(owner: number): void
  heapSize(): number
  /** Address, size, address, size ... */
  takeRecords(owner: number): Float64Array
  stats(owner: number): NativeGcStats
}

/**
 * Heaps that several threads hold, and their raw operations: through the box, on the heap at SELF.
 * One at 0 has no memory and no blocks.
 */
export interface SharedHeaps {
  /** SIZE, ALIGN -> STATUS, RESULT: the address, or 0. */
  alloc(): void
  /** PTR, SIZE, ALIGN -> undefined when the block is freed; null when it is not, and STATUS. */
  free(): undefined | null
  /** PTR, SIZE, ALIGN, NEW_SIZE -> STATUS, RESULT: 1 when it could. */
  resize(): void
  /** PTR -> STATUS, RESULT: bytes of the live block that starts there, or 0, and why. */
  usableSize(): void

  /**
   * A heap with a copy of a strategy's state, and its External, which holds it. SELF: its address;
   * RESULT: its number, PTR and SIZE: its payload. null: no memory, or no strategy that can be
   * shared.
   */
  create(table: number, state: Uint8Array, address: Pointer, byteLength: number): object | null
  /**
   * Holds the heap with a number whose payload is in a buffer: the same. null: nobody holds it any
   * more; undefined: there is none in there.
   */
  attach(heap: number, memory: Uint8Array): object | null | undefined
  /** Once more does nothing. */
  letGo(heap: object): void
  /** SELF -> STATUS; capacity, used, peak, footprint and peak footprint. */
  read(): Float64Array
  /** What tokens of this process carry. */
  readonly process: string
  /** Heaps that somebody in this process holds, and how often they are held. */
  count(): { heaps: number; holders: number }
}

export interface Binding {
  readonly abi: number
  readonly pageSize: number
  readonly pageGranularity: number
  /**
   * Hands the box over: the addon keeps it and its address. `movable`: this runtime can move the
   * memory of an ArrayBuffer into another. Returns the box to use, which is another one where a second
   * copy of this module is loaded in the same thread.
   */
  init(box: Float64Array, movable: boolean): Float64Array

  readonly libc: NativeHeap
  /** As libc, aligned for max_align_t only. */
  readonly rawLibc: NativeHeap
  readonly pages: NativeHeap
  readonly gc: NativeGc
  readonly guard: NativeGuard

  /**
   * Loads a library and finds its malloc. The number of the heap, the same for the same library and
   * prefix in all threads; or a text: why there is none.
   */
  openDynamic(library: string, prefix: string): number | string
  /** The operations of a heap that was opened, for this thread. They stay until it ends. */
  dynamicHeap(heap: number): NativeHeap
  /** Asks the library to give free memory back. false: it cannot, or says that there was none. */
  trimDynamic(heap: number): boolean
  /** The heap as C sees it, an oh_valloc_t: PTR: its `self`, RESULT: its table. Both are for good. */
  dynamicDoor(heap: number): void
  readonly shared: SharedHeaps
  readonly ledgers: NativeLedgers

  /** A run of pages with options: address, or 0. */
  allocPages(
    size: number,
    align: number,
    guard: boolean,
    huge: boolean,
    name: string | undefined,
  ): number
  /** Status; RESULT: bytes given back. */
  decommitPages(ptr: Pointer, offset: number, size: number): number

  /**
   * Shows `size` bytes of a live block (0: all of it) as an ArrayBuffer. `owned`: the block is freed when the buffer
   * is collected; otherwise it lives on. RESULT: the id of the span. null: not a live block, or shown
   * already. undefined: this runtime makes no external buffer of that size, or none at all.
   */
  show(heap: number, ptr: Pointer, size: number, owned: boolean): ArrayBuffer | null | undefined
  /** Tells which buffer shows the span now. */
  setBuffer(id: number, buffer: ArrayBuffer): void
  /** Frees the block at once; its buffer has been detached. false: it is gone already. */
  release(id: number): boolean
  /** Is the span still there? Not when it was released, or its buffer has gone. */
  isShown(id: number): boolean
  /** Leaves the block to whoever holds its buffer: it is freed when that is collected. */
  abandon(id: number): void
  /** A pinned span keeps its block when its thread ends. */
  setPins(id: number, pins: number): void
  /** napi_detach_arraybuffer, for runtimes without ArrayBuffer.prototype.transfer. */
  detach(buffer: ArrayBuffer): boolean
  /** The buffer of the span that holds these bytes, RESULT: its address; or undefined. */
  find(ptr: Pointer, size: number): ArrayBuffer | undefined
  /** Address of a view's first byte. */
  addressOf(view: Uint8Array): number
  /** Blocks shown now; blocks whose memory was left alone at the end of a thread, for safety. */
  counters(): { shown: number; abandoned: number }

  /** Addresses of the tables of what is written in C. */
  readonly tables: Readonly<Record<CTable, number>>
  /**
   * An oh_valloc_t for C, until it is closed; it keeps the state, the memory and the keeper of `self` from
   * being collected. With a state, that is `self`. PTR: its address, RESULT: self, NEW_SIZE: the table.
   */
  openDoor(
    table: number,
    selfOrAddress: number,
    state: Int32Array | null,
    memory: ArrayBufferLike | null,
    byteLength: number,
    keeper: object | null,
  ): object
  /** The same for an allocator that is called, on this thread, with its arguments in the box. */
  openCallback(call: () => void): object
  closeDoor(door: object): void

  /**
   * What a C library wants in place of malloc, over the oh_valloc_t at an address. PTR: where its struct
   * is. null: no slot is free for a library that passes no context.
   */
  openBridge(library: Library, valloc: Pointer): object | null
  closeBridge(bridge: object): void
  /** Its blocks were all freed together. */
  forgetBridge(bridge: object): void
  /** Slots 0 to 5: blocks, bytes, their peak, allocations, failures, refused. */
  readBridge(bridge: object): void

  /** sizeof(long). */
  readonly longSize: number
  /** Copies from memory that C says is there. */
  readMemory(ptr: Pointer, into: Uint8Array): void
  /** Bytes before the first 0, at most `limit`. */
  stringLength(ptr: Pointer, limit: number): number

  /** Calls of C that were refused since the process started. */
  refusedCalls(): number

  trim(): boolean
  heapInfo(): NativeHeapInfo | null
}

export interface Addon {
  readonly native: Binding
  readonly box: Float64Array
  /** ArrayBuffer.prototype.transfer, or null where the runtime has none that moves memory. */
  readonly transfer: Transfer | null
}

export type Transfer = (this: ArrayBuffer, length?: number) => ArrayBuffer

/** Taken once, so that nobody who replaces it later can change what moving and detaching mean. */
const transfer = (ArrayBuffer.prototype as { transfer?: Transfer }).transfer

let addon: Addon | null = null

/**
 * The addon, loaded on first use. Throws ERR_OFFHEAP_LIBRARY_NOT_FOUND when it is not built, and
 * ERR_OFFHEAP_UNSUPPORTED when the runtime refuses to load addons.
 */
export function loadAddon(): Addon {
  return (addon ??= load())
}

/** The addon, or null when it cannot be loaded: for what works without it. */
export function tryAddon(): Addon | null {
  try {
    return loadAddon()
  } catch {
    return null
  }
}

function load(): Addon {
  const path = addonPath()
  let native: Binding
  try {
    native = createRequire(import.meta.url)(path) as Binding
  } catch (error) {
    throw explain(error, path)
  }
  if (native.abi !== ABI) {
    throw new OffheapError(
      'LIBRARY_NOT_FOUND',
      `The addon at ${path} was built from other sources than these (ABI ${native.abi}, expected ${ABI}). ${howToBuild()}`,
    )
  }
  const moves = transfer !== undefined && movesMemory(native, transfer)
  const box = native.init(new Float64Array(new ArrayBuffer(Box.LENGTH * 8)), moves)
  return { native, box, transfer: moves ? transfer : null }
}

/** A program may bring a `transfer` of its own where the runtime has none, and that one copies. */
function movesMemory(native: Binding, move: Transfer): boolean {
  const buffer = new ArrayBuffer(64)
  const before = native.addressOf(new Uint8Array(buffer))
  return native.addressOf(new Uint8Array(move.call(buffer))) === before
}

/** OFFHEAP_ADDON names another binary; lib/native and dist/native are equally deep. */
function addonPath(): string {
  return (
    process.env['OFFHEAP_ADDON'] ??
    fileURLToPath(new URL('../../build/Release/offheap.node', import.meta.url))
  )
}

/** Where the addon is that is loaded, as the system's loader has it. */
export function addonFile(): string {
  return createRequire(import.meta.url).resolve(addonPath())
}

function howToBuild(): string {
  const installed = import.meta.url.includes('/node_modules/')
  const command = installed ? 'npm explore offheap -- npm run build:native' : 'npm run build:native'
  return `Build it: ${command}`
}

function explain(error: unknown, path: string): OffheapError {
  const { code, message } = error as NodeJS.ErrnoException
  const options = { cause: error }
  if (code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED') {
    return new OffheapError(
      'UNSUPPORTED',
      `This process may not load addons (${code}). Under --permission, add --allow-addons and ` +
        `--allow-fs-read for the package: node --permission --allow-addons --allow-fs-read='*' ...`,
      options,
    )
  }
  const target = `${process.platform}-${process.arch}`
  const what = code === 'MODULE_NOT_FOUND' ? 'is not built' : `does not load (${message})`
  return new OffheapError(
    'LIBRARY_NOT_FOUND',
    `The addon for ${target} ${what}: ${path}. ${howToBuild()}`,
    options,
  )
}
