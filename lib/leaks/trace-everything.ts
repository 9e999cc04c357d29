/**
 * Every allocator of this library traced, with no change to the program: the methods of its classes are
 * replaced by ones that call them and write down what came of it.
 *
 * Of allocators that stand on others the outermost counts: what an arena takes from its parent is not what
 * somebody asked for. A block ends when it is freed, and with the reset, the rewind or the end of its
 * allocator. Blocks of a garbage collector (GcAllocator) are not traced: nobody has to free them.
 */
import { Allocation } from '../core/allocation.js'
import { Allocator } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'
import { heapServedBy } from '../core/one-heap.js'
import type { Pointer } from '../core/pointer.js'
import { Region } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import type { CHeap } from '../core/valloc.js'
import { scoped, wrapped } from './calls.js'
import type { AnyFunction } from './capture.js'
import type { LeakProfile } from './profile.js'
import {
  replaceFreeing,
  replaceFreeingHandle,
  replaceMaking,
  replaceMakingHandle,
  type Tracer,
} from './replaced-hot.js'
import { Methods } from './replaced-methods.js'
import type { TraceMode } from './sampler.js'
import { captureStack } from './stacks.js'
import { Trace, type TraceFigures, type TraceOptions } from './trace.js'
import { tracedHeap } from './traced-door.js'

export interface TraceEverythingOptions extends TraceOptions {
  /**
   * One ledger with all other threads of the process that say so: any of them may free what another
   * allocated, a profile is of all of them, and what a thread leaves behind when it ends stays in it.
   * `mode`, `sampleBytes` and `frames` are each thread's own, `maxBlocks` is the first one's. Default false.
   */
  allThreads?: boolean
  /** Regions that the program makes itself count as blocks too. Default true. */
  regions?: boolean
}

/** Tracing that is on. */
export interface Tracing {
  mode: TraceMode
  profile(): LeakProfile
  snapshot(): void
  /** Sums by allocator, and no stacks: microseconds. */
  figures(): TraceFigures
  /**
   * Looks up where the lines of this thread's stacks were written, for profiles that another one makes: what
   * was transformed in memory only this thread knows. Never throws.
   */
  resolveLines(): void
  /** As of BacktracingAllocator: what `run` allocates, after awaits too, has a label. */
  scope<T>(name: string, run: () => T): T
  /** As of BacktracingAllocator: what C allocates in it has the stack of JavaScript below its own. */
  wrap<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R
  /** Puts the methods back. What was traced is not followed any more. */
  stop(): void
}

const SKIPPED = 'GcAllocator'

class Everything implements Tracer {
  readonly trace: Trace
  readonly methods = new Methods(() => (this.trace.isComplete = false))
  private readonly _heaps = new WeakMap<object, number>()
  /** Of allocators whose memory goes with them. */
  private readonly _ended = new FinalizationRegistry<number>((heap) =>
    this.trace.ledger.endHeap(heap),
  )
  /** Regions that are collected give their memory back. */
  private readonly _collected = new FinalizationRegistry<number>((ticket) =>
    this.trace.ledger.release(ticket),
  )
  private readonly _serials = new WeakMap<object, number>()
  private _regions = 0

  constructor(options: TraceEverythingOptions) {
    const { allThreads } = options
    if (allThreads !== undefined && typeof allThreads !== 'boolean') {
      const where = 'allThreads of traceEverything'
      throw unexpected('INVALID_ARGUMENT', 'true or false', where, allThreads)
    }
    this.trace = new Trace(options, 'traceEverything', allThreads)
  }

  stop(): void {
    this.trace.set('off', this.trace.sampleBytes, 'traceEverything')
    this.methods.restore()
  }

  // ---- Heaps and blocks ---------------------------------------------------------------------------

  heapOf(allocator: Allocator): number {
    const known = this._heaps.get(allocator)
    if (known !== undefined) return known
    const one = heapServedBy(allocator)
    const goes = one?.goes ?? allocator instanceof RegionAllocator
    const options = { key: one?.key ?? '', endsWithThread: goes || isOfThread(allocator) }
    const heap = this.trace.ledger.addHeap(nameOf(allocator), options)
    this._heaps.set(allocator, heap)
    if (goes) this._ended.register(allocator, heap, allocator)
    return heap
  }

  /** The allocator has ended: its blocks with it, unless they are another's. */
  private _end(on: Allocator): void {
    const heap = this._heaps.get(on)
    if (heap === undefined || '_passesOn' in on) return
    if (heapServedBy(on) === undefined) return this.trace.ledger.drop(heap)
    if (!this._ended.unregister(on)) return
    this._heaps.delete(on)
    this.trace.ledger.endHeap(heap)
  }

  /** Writes a block down: the sampler has taken it. */
  made(on: Allocator, ptr: Pointer, size: number, align: number, self: AnyFunction): void {
    const stack = captureStack(self, this.trace.frames)
    this.trace.record(this.heapOf(on), ptr, size, align, stack)
  }

  madeHandle(on: Allocator, a: Allocation, self: AnyFunction): void {
    this.trace.recordHandle(this.heapOf(on), a, captureStack(self, this.trace.frames))
  }

  /** Frees a block, unless that throws. What frees is called by others that free, and the outermost counts. */
  ends(on: Allocator, ptr: Pointer, call: () => unknown): unknown {
    const record = this.trace.lift(this.heapOf(on), ptr)
    let result: unknown
    try {
      result = this.methods.inside(call)
    } catch (error) {
      this.trace.keep(record, ptr)
      throw error
    }
    this.trace.strike(record)
    return result
  }

  private _moveHandle(on: Allocator, handle: unknown, call: () => unknown): unknown {
    if (!(handle instanceof Allocation) || handle.freed) return call()
    const { ptr } = handle
    const record = this.trace.lift(this.heapOf(on), ptr)
    try {
      return call()
    } finally {
      this.trace.move(record, handle.freed ? ptr : handle.ptr, handle._size)
    }
  }

  private _rawMove(on: Allocator, args: unknown[], call: () => unknown, moves: boolean): unknown {
    const [ptr, newSize] = [args[0] as Pointer, args[3] as number]
    const record = this.trace.lift(this.heapOf(on), ptr)
    let result: unknown = 0
    try {
      result = call()
    } finally {
      if (!result) this.trace.keep(record, ptr)
      else this.trace.move(record, moves ? (result as Pointer) : ptr, newSize)
    }
    return result
  }

  private _drop(on: Allocator, serial = 0, from = 0): void {
    const heap = this._heaps.get(on)
    if (heap !== undefined) this.trace.ledger.drop(heap, serial, from)
  }

  // ---- Allocators ---------------------------------------------------------------------------------

  traceClass(prototype: object): void {
    this._traceMaking(prototype)
    this._traceEnding(prototype)
    this._traceMoving(prototype)
    this._traceDoor(prototype)
  }

  private _traceMaking(prototype: object): void {
    const { methods, trace } = this
    for (const name of ['rawAlloc', 'allocBlock'] as const) {
      replaceMaking(this, prototype, name)
    }
    for (const name of ['alloc', 'allocZeroed', 'dupe', 'dupeZ', 'tryAlloc']) {
      replaceMakingHandle(this, prototype, name)
    }
    methods.afterwards<Allocator>(prototype, 'adopt', (on, _, made, self) => {
      const a = made as Allocation
      const record = trace.lift(this.heapOf(on), a.ptr)
      // What is in the ledger is of the line that allocated it. What is not comes in here.
      if (record !== 0) trace.keepHeld(record, a)
      else if (trace.sampler.takes(a.size)) this.madeHandle(on, a, self)
    })
  }

  private _traceEnding(prototype: object): void {
    for (const name of ['rawFree', 'freeBlock', 'freePtr']) {
      replaceFreeing(this, prototype, name)
    }
    replaceFreeingHandle(this, prototype, 'free')
    this.methods.afterwards<Allocator>(prototype, 'reset', (on) => this._drop(on))
    this.methods.afterwards<Allocator>(prototype, 'dispose', (on) => this._end(on))
    // Whoever shares a heap has it, also while only others allocate there.
    this.methods.afterwards<Allocator>(prototype, 'share', (on) => void this.heapOf(on))
    this.methods.replace<RegionAllocator & { remaining: number }>(
      prototype,
      'pop',
      (on, _, call) => {
        const result = call()
        this._drop(on, 0, on.region.address + on.region.byteLength - on.remaining)
        return result
      },
    )
    this.methods.replace<Allocator>(prototype, 'checkpoint', (_, __, call) => {
      const checkpoint = call() as object
      this._serials.set(checkpoint, this.trace.ledger.newest())
      return checkpoint
    })
    this.methods.replace<Allocator>(prototype, 'rewind', (on, [checkpoint], call) => {
      const result = call()
      const serial = this._serials.get(checkpoint as object)
      if (serial !== undefined) this._drop(on, serial)
      return result
    })
  }

  private _traceMoving(prototype: object): void {
    this.methods.replace<Allocator>(prototype, 'rawResize', (on, args, call) =>
      this._rawMove(on, args, call, false),
    )
    this.methods.replace<Allocator>(prototype, 'rawRemap', (on, args, call) =>
      this._rawMove(on, args, call, true),
    )
    for (const name of ['realloc', '_resizeHandle']) {
      this.methods.replace<Allocator>(prototype, name, (on, [handle], call) =>
        this._moveHandle(on, handle, call),
      )
    }
  }

  /** What has C of its own is traced there too; what has none is called back, and traced then. */
  private _traceDoor(prototype: object): void {
    const opening = new WeakSet<Allocator>()
    this.methods.replace<Allocator>(prototype, '_doorHeap', (on, _, call): CHeap | null => {
      const own = call() as CHeap | null
      if (own === null || opening.has(on)) return own
      opening.add(on)
      try {
        // The door that is opened now asks the same method again.
        const inner = this.methods.outside(() => on._ownValloc())
        return tracedHeap(this.trace, this.heapOf(on), inner, on)
      } finally {
        opening.delete(on)
      }
    })
  }

  // ---- Regions ------------------------------------------------------------------------------------

  traceRegions(maker: object): void {
    this._regions = this.trace.ledger.addHeap('Region', { endsWithThread: true })
    for (const name of ['malloc', 'pages', 'shared']) {
      this.methods.afterwards(maker, name, (_, __, made, self) => {
        const { address, byteLength } = made as Region
        if (!this.trace.sampler.takes(byteLength)) return
        const stack = captureStack(self, this.trace.frames)
        const ticket = this.trace.recordHeld(this._regions, address, byteLength, stack)
        if (ticket !== 0) this._collected.register(made as Region, ticket)
      })
    }
    this.methods.replace<Region>(Region.prototype, 'dispose', (region, _, call) => {
      if (region.disposed) return call()
      const { address } = region
      const record = this.trace.lift(this._regions, address)
      try {
        return call()
      } finally {
        if (region.disposed) this.trace.strikeKnown(record)
        else this.trace.keep(record, address)
      }
    })
  }
}

/** Are its blocks, by way of others that it stands on, in a region that nobody else has? */
function isOfThread(allocator: Allocator): boolean {
  const { inner, parent = inner } = allocator as { inner?: unknown; parent?: unknown }
  if (parent instanceof Allocator) return isOfThread(parent)
  return allocator instanceof RegionAllocator && heapServedBy(allocator) === undefined
}

/** A name may be a getter of the program's. */
function nameOf(allocator: Allocator): string {
  try {
    const name: unknown = allocator.name
    return typeof name === 'string' ? name : 'Allocator'
  } catch {
    return 'Allocator' // it allocates nevertheless
  }
}

/** The classes among the exports of this library that hand out blocks. */
function prototypesIn(library: Readonly<Record<string, unknown>>): object[] {
  const found: object[] = [Allocator.prototype]
  for (const [name, exported] of Object.entries(library)) {
    if (typeof exported !== 'function' || name === SKIPPED) continue
    let at = (exported as { prototype?: object }).prototype
    if (!(at instanceof Allocator)) continue
    for (; at !== Allocator.prototype; at = Object.getPrototypeOf(at) as object) {
      if (!found.includes(at)) found.push(at)
    }
  }
  return found
}

let running: Everything | null = null

/**
 * Traces all allocators of this library in this thread from now on, those that are made later too.
 *
 * @param library What `import * as offheap from 'offheap'` gives.
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT, also while another tracing is on; ERR_OFFHEAP_LIBRARY_NOT_FOUND
 * without the addon.
 */
export function traceEverything(
  library: Readonly<Record<string, unknown>>,
  options: TraceEverythingOptions = {},
): Tracing {
  if (
    typeof library !== 'object' ||
    library === null ||
    typeof library['Allocator'] !== 'function'
  ) {
    throw unexpected('INVALID_ARGUMENT', 'the module "offheap"', 'traceEverything', library)
  }
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the options of traceEverything', options)
  }
  if (running !== null) {
    throw unexpected('INVALID_ARGUMENT', 'that nothing is traced yet', 'traceEverything', 'tracing')
  }
  const everything = new Everything(options)
  try {
    for (const prototype of prototypesIn(library)) everything.traceClass(prototype)
    if (options.regions !== false) everything.traceRegions(library['Region'] as object)
  } catch (error) {
    everything.stop() // classes that are frozen, say: all or none
    throw error
  }
  running = everything
  const { trace } = everything
  return {
    get mode() {
      return trace.sampler.mode
    },
    set mode(mode: TraceMode) {
      trace.set(mode, trace.sampleBytes, 'traceEverything')
    },
    profile: () => trace.profile(),
    snapshot: () => trace.snapshot(),
    figures: () => trace.figures(),
    resolveLines: () => trace.resolveLines(),
    scope: (name, run) => scoped(name, run, 'Tracing'),
    wrap: (call) => wrapped(call, trace.frames, 'Tracing'),
    stop() {
      everything.stop()
      if (running === everything) running = null
    },
  }
}
