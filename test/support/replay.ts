/**
 * Replays a malloc trace of bench/traces on an allocator and checks what it hands out: alignment,
 * that no two live blocks share a byte, and that bytes stay what was written until the block is
 * freed.
 */
import { ALLOC, FREE, REALLOC } from '../../bench/harness/trace.mjs'
import type { Trace } from '../../bench/harness/trace.mjs'
import type { Allocator } from '../../lib/index.js'
import { Granules } from './granules.js'

/** How bytes are reached when not through the allocator's view: see memory.ts. */
export interface Access {
  read(ptr: number, size: number): Uint8Array
  write(ptr: number, bytes: Uint8Array): void
}

export interface ReplayOptions {
  /** Write and check the bytes of one block in so many (default 1); all else always. */
  every?: number
  /** Stop after so many operations of the trace. */
  operations?: number
  /** Default: `allocator.view`. */
  access?: Access
}

export interface Replayed {
  operations: number
  /** Reallocations by how they were done: in place, by remap, by copying. */
  resized: number
  remapped: number
  copied: number
  /** Live payload at most. */
  peakBytes: number
}

/** Blocks up to this size are written whole, others at both ends. */
const WHOLE = 64
const END = 8

/** The byte that block `serial` has at an offset. */
const patternAt = (serial: number, offset: number): number =>
  ((Math.imul(serial + 1, 0x9e3779b1) >>> ((offset & 3) << 3)) + offset) & 255

/** The ranges of a block of `size` bytes that are written. */
const written = (size: number): readonly (readonly [number, number])[] =>
  size <= WHOLE
    ? [[0, size]]
    : [
        [0, END],
        [size - END, size],
      ]

class Replay {
  readonly result: Replayed = { operations: 0, resized: 0, remapped: 0, copied: 0, peakBytes: 0 }
  private readonly granules = new Granules()
  private readonly ptrs: Float64Array
  private readonly sizes: Int32Array
  private readonly aligns: Int32Array
  private readonly serials: Int32Array
  private readonly live: Uint8Array
  private readonly every: number
  private serial = 0
  private used = 0

  constructor(
    private readonly allocator: Allocator,
    private readonly trace: Trace,
    private readonly options: ReplayOptions,
  ) {
    const { slots } = trace
    this.ptrs = new Float64Array(slots)
    this.sizes = new Int32Array(slots)
    this.aligns = new Int32Array(slots)
    this.serials = new Int32Array(slots)
    this.live = new Uint8Array(slots)
    this.every = options.every ?? 1
  }

  run(): Replayed {
    const { ops } = this.trace
    const { result } = this
    const most = this.options.operations ?? Infinity
    for (let i = 0; i < ops.length && result.operations < most; i += 2) {
      const head = ops[i]!
      const kind = head & 3
      const slot = head >>> 8
      if (kind === ALLOC) this.alloc(slot, ops[i + 1]!, 2 ** ((head >>> 2) & 63))
      else if (kind === FREE) this.free(slot)
      else if (kind === REALLOC) this.realloc(slot, ops[i + 1]!)
      else continue
      result.operations++
      if (this.used > result.peakBytes) result.peakBytes = this.used
    }
    for (let slot = 0; slot < this.trace.slots; slot++) if (this.live[slot] === 1) this.free(slot)
    if (!this.granules.empty) this.fail(0, 'bytes are still marked after every block was freed')
    return result
  }

  private alloc(slot: number, size: number, align: number): void {
    this.serials[slot] = this.serial++
    this.aligns[slot] = align
    this.sizes[slot] = size
    this.ptrs[slot] = this.allocator.rawAlloc(size, align)
    this.arrived(slot)
    this.live[slot] = 1
    this.used += size
    this.fill(slot)
  }

  private free(slot: number): void {
    const ptr = this.ptrs[slot]!
    const size = this.sizes[slot]!
    this.verify(slot, size)
    this.allocator.rawFree(ptr, size, this.aligns[slot]!)
    this.granules.release(ptr, size)
    this.live[slot] = 0
    this.used -= size
  }

  private realloc(slot: number, newSize: number): void {
    const ptr = this.ptrs[slot]!
    const size = this.sizes[slot]!
    const align = this.aligns[slot]!
    this.verify(slot, size)
    if (this.allocator.rawResize(ptr, size, align, newSize)) {
      this.result.resized++
      this.moved(slot, ptr, newSize)
    } else {
      const at = this.allocator.rawRemap(ptr, size, align, newSize)
      if (at !== 0) this.result.remapped++
      if (at !== 0) this.moved(slot, at, newSize)
      else this.copy(slot, newSize)
    }
    this.used += newSize - size
    this.verify(slot, Math.min(size, newSize), size)
    this.fill(slot)
  }

  /** The block is at `ptr` now, and where it was is free. */
  private moved(slot: number, ptr: number, newSize: number): void {
    this.granules.release(this.ptrs[slot]!, this.sizes[slot]!)
    this.ptrs[slot] = ptr
    this.sizes[slot] = newSize
    this.arrived(slot)
  }

  private copy(slot: number, newSize: number): void {
    const old = this.ptrs[slot]!
    const size = this.sizes[slot]!
    const align = this.aligns[slot]!
    this.ptrs[slot] = this.allocator.rawAlloc(newSize, align)
    this.sizes[slot] = newSize
    this.arrived(slot)
    const least = Math.min(size, newSize)
    const { access } = this.options
    if (access === undefined) {
      const from = this.allocator.view(old, least)
      this.allocator.view(this.ptrs[slot]!, least).set(from)
    } else access.write(this.ptrs[slot]!, access.read(old, least))
    this.allocator.rawFree(old, size, align)
    this.granules.release(old, size)
    this.result.copied++
  }

  /** What was handed out just now is aligned and nobody else's. */
  private arrived(slot: number): void {
    const ptr = this.ptrs[slot]!
    if (ptr === 0) this.fail(slot, 'there is no memory')
    if (ptr % this.aligns[slot]! !== 0) this.fail(slot, `0x${ptr.toString(16)} is not aligned`)
    if (!this.granules.claim(ptr, this.sizes[slot]!)) {
      this.fail(slot, `0x${ptr.toString(16)} overlaps a live block`)
    }
  }

  private isChecked(slot: number): boolean {
    return this.serials[slot]! % this.every === 0 && this.sizes[slot]! > 0
  }

  private fill(slot: number): void {
    if (!this.isChecked(slot)) return
    const size = this.sizes[slot]!
    const serial = this.serials[slot]!
    const { access } = this.options
    const ptr = this.ptrs[slot]!
    const view = access === undefined ? this.allocator.view(ptr, size) : null
    for (const [from, to] of written(size)) {
      const bytes = view === null ? new Uint8Array(to - from) : view.subarray(from, to)
      for (let at = from; at < to; at++) bytes[at - from] = patternAt(serial, at)
      if (view === null) access!.write(ptr + from, bytes)
    }
  }

  /** Of a block that was filled when it had `filled` bytes: those that are below `size`. */
  private verify(slot: number, size: number, filled = size): void {
    if (!this.isChecked(slot) || size === 0) return
    const serial = this.serials[slot]!
    const { access } = this.options
    const ptr = this.ptrs[slot]!
    const view = access === undefined ? this.allocator.view(ptr, size) : null
    for (const [from, end] of written(filled)) {
      const to = Math.min(end, size)
      if (from >= to) continue
      const bytes = view === null ? access!.read(ptr + from, to - from) : view.subarray(from, to)
      for (let at = from; at < to; at++) {
        if (bytes[at - from] !== patternAt(serial, at)) {
          this.fail(slot, `byte ${at} is no longer what was written`)
        }
      }
    }
  }

  private fail(slot: number, what: string): never {
    const { name } = this.trace
    const block = `a block of ${this.sizes[slot]} bytes, aligned to ${this.aligns[slot]}`
    throw new Error(`${name}, operation ${this.result.operations}, ${block}: ${what}`)
  }
}

/**
 * Replays a trace and throws at the first thing that is wrong. A realloc is a resize in place, else
 * a remap, else allocate, copy and free. In the end the blocks that the trace leaves are freed.
 */
export function replayChecked(
  allocator: Allocator,
  trace: Trace,
  options: ReplayOptions = {},
): Replayed {
  return new Replay(allocator, trace, options).run()
}
