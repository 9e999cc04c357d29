/**
 * Regions over the linear memory of a WebAssembly module. Pointers are offsets into that memory, as
 * the module itself uses them.
 *
 * Every growth, whoever caused it, replaces the buffer: a plain one is detached, a shared one stays as
 * short as it was. The memory is therefore asked for its buffer again whenever the region shows it
 * anew. Memory and globals are known by their internal slots and not by `instanceof`, and read by the
 * getters of the language: what a caller may have put in front of those is not called.
 */
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { Region, type RegionSource, type Shown } from '../core/region.js'
import { MAX_CAPACITY } from '../core/state.js'
import { checkOptions } from './owned.js'

/** A `WebAssembly.Memory`, plain or shared, with 32-bit or (where the runtime has them) 64-bit offsets. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

/** A `WebAssembly.Global` that holds an offset, an i32 or i64, such as the export `__heap_base`. */
export interface WasmGlobal {
  readonly value: number | bigint
}

/** Options of `Region.wasm`. */
export interface WasmOptions {
  /**
   * Offset of the first byte, at least 1 because 0 is NULL: what lies below belongs to the module. For
   * a module from C or Rust that has no heap of its own, `instance.exports.__heap_base`.
   */
  start: number | bigint | WasmGlobal
  /**
   * Offset behind the last byte: what follows belongs to the module. It may lie behind the memory's
   * present end, which then grows as far when that is needed. Without it, everything from `start` on
   * is the region's, and nobody else may use what a growth adds.
   */
  end?: number | bigint | WasmGlobal
}

/** What `memory.grow` counts in. */
const PAGE = 65_536

interface Slots {
  buffer(memory: unknown): ArrayBufferLike
  grow(memory: unknown, pages: number | bigint): unknown
  value(global: unknown): unknown
}

/** The language's own getters and methods. null: no WebAssembly here, as under --jitless. */
const slots = findSlots()

function findSlots(): Slots | null {
  const { WebAssembly } = globalThis as {
    WebAssembly?: { Memory: { prototype: WasmMemory }; Global: { prototype: WasmGlobal } }
  }
  if (WebAssembly === undefined) return null
  const { Memory, Global } = WebAssembly
  const buffer = Object.getOwnPropertyDescriptor(Memory.prototype, 'buffer')!.get!
  const value = Object.getOwnPropertyDescriptor(Global.prototype, 'value')!.get!
  const grow: (pages: never) => unknown = Memory.prototype.grow
  return {
    buffer: (memory) => buffer.call(memory) as ArrayBufferLike,
    grow: (memory, pages) => grow.call(memory, pages as never),
    value: (global) => value.call(global) as unknown,
  }
}

class WasmSource implements RegionSource {
  readonly kind = 'wasm'
  readonly addressable = false
  /** A memory with 64-bit offsets is grown by nothing but a BigInt. */
  private isWide = false

  constructor(
    private memory: unknown,
    private readonly start: number,
    private readonly end: number,
  ) {}

  get byteLength(): number {
    return Math.min(this.end, slots!.buffer(this.memory).byteLength) - this.start
  }

  show(): Shown {
    return { buffer: slots!.buffer(this.memory), byteOffset: this.start }
  }

  /** The memory is the module's: it is let go of. */
  release(): void {
    this.memory = null
  }

  mostBytes(): number {
    return this.end - this.start
  }

  extend(byteLength: number, atLeast: number): number {
    const needed = this.start + byteLength + atLeast
    if (needed > this.end) return 0
    const present = slots!.buffer(this.memory).byteLength
    // Somebody else may have grown it.
    if (present < needed) {
      const generous = Math.min(this.end, Math.max(needed, present + present / 8))
      if (!this.grow(generous - present) && !this.grow(needed - present)) return 0
    }
    return this.byteLength
  }

  /** Grows the memory by whole pages. false: its maximum, or the system, forbids it. */
  private grow(bytes: number): boolean {
    const pages = Math.ceil(bytes / PAGE)
    try {
      slots!.grow(this.memory, this.isWide ? BigInt(pages) : pages)
      return true
    } catch (error) {
      if (error instanceof RangeError) return false
      if (this.isWide || !(error instanceof TypeError)) throw error
      this.isWide = true
      return this.grow(bytes)
    }
  }
}

/**
 * A part of a module's linear memory, from `start` to `end`, or to wherever the memory ends. It grows
 * the memory, by an eighth or what is needed, when the allocator in it runs out of room; a region has
 * at most 4 GiB - 4 KiB. The module and others may grow the memory too.
 *
 * Pointers and `address` are offsets into the memory: the module can use them, C cannot, so that
 * `address` of a handle throws ERR_OFFHEAP_UNSUPPORTED. `start` is at least 1 and so no block is NULL. Not
 * owned: dispose lets go of the memory. Not checked: whether the module or another region uses the
 * same bytes. Works without the addon.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no memory, a `start` outside of it, or an `end` that is
 * not behind `start`; OutOfMemoryError when `start` is the memory's end and it cannot grow.
 */
export function wasmRegion(memory: WasmMemory, options: WasmOptions): Region {
  const buffer = bufferOf(memory)
  if (buffer === null) {
    throw unexpected('INVALID_ARGUMENT', 'a WebAssembly.Memory', 'Region.wasm', memory)
  }
  checkOptions(options, 'Region.wasm')
  const { start: startOption, end: endOption } = options
  const start = offsetOf(startOption, 'start')
  const end = endOption === undefined ? Infinity : offsetOf(endOption, 'end')
  if (start > buffer.byteLength) {
    const expected = `an offset inside the ${buffer.byteLength} bytes of the memory`
    throw unexpected('INVALID_ARGUMENT', expected, 'start of Region.wasm', start)
  }
  if (end <= start) {
    const expected = `an offset behind its start, ${start},`
    throw unexpected('INVALID_ARGUMENT', expected, 'end of Region.wasm', end)
  }
  const source = new WasmSource(memory, start, Math.min(end, start + MAX_CAPACITY))
  if (start === buffer.byteLength && source.extend(0, 1) === 0) {
    throw new OutOfMemoryError('Region.wasm', 1, 1)
  }
  return new Region(source, start, source.byteLength, source.show())
}

function bufferOf(memory: unknown): ArrayBufferLike | null {
  try {
    return slots === null ? null : slots.buffer(memory)
  } catch {
    return null
  }
}

/** A number, a bigint, or what a global holds, as an offset from 1. */
function offsetOf(option: unknown, name: string): number {
  const value = typeof option === 'object' ? globalValue(option) : option
  const offset = typeof value === 'bigint' ? Number(value) : value
  if (Number.isSafeInteger(offset) && (offset as number) >= 1) return offset as number
  const expected = 'an offset (an integer from 1) or a WebAssembly.Global that holds one'
  throw unexpected('INVALID_ARGUMENT', expected, `${name} of Region.wasm`, value ?? option)
}

/** What a global holds, which JS sees as signed. undefined: it is no global, or not of integers. */
function globalValue(global: unknown): unknown {
  let value: unknown
  try {
    value = slots?.value(global)
  } catch {
    return undefined
  }
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  return typeof value === 'number' && (value | 0) === value ? value >>> 0 : value
}
