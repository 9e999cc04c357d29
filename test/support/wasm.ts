/** WebAssembly for tests: memories, and modules from the text in test/support/wasm/. */
import { readFileSync } from 'node:fs'
import wabt from 'wabt'
import type { Subject } from '../../lib/conformance/index.js'
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  FreeListAllocator,
  PoolAllocator,
  type Region,
  SlabAllocator,
  StackAllocator,
  type WasmGlobal,
  type WasmMemory,
} from '../../lib/index.js'

export const PAGE = 65_536

export interface MemoryOptions {
  initial: number | bigint
  maximum?: number | bigint
  shared?: boolean
  address?: 'i64'
}

/** A memory; its resizable form is of Node 26. */
export interface Memory extends WasmMemory {
  toResizableBuffer?(): ArrayBuffer
  toFixedLengthBuffer?(): ArrayBuffer
}

/** The types of Node 20 do not have these. */
export const { Memory, Global, Module, Instance } = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (options: MemoryOptions) => Memory
      Global: new (type: { value: string; mutable?: boolean }, value?: unknown) => WasmGlobal
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object, imports?: object) => { exports: Record<string, unknown> }
    }
  }
).WebAssembly

/** Is there a memory with 64-bit offsets here? Since Node 24. */
export const hasWide = ((): boolean => {
  try {
    return new Memory({ initial: 1n, maximum: 2n, address: 'i64' }).buffer.byteLength === PAGE
  } catch {
    return false
  }
})()

/** Since Node 26. */
export const hasResizable =
  (Memory.prototype as { toResizableBuffer?: unknown }).toResizableBuffer !== undefined

/** What the modules export. */
export interface Exports {
  readonly memory: Memory
  readonly __heap_base: WasmGlobal
  sum(ptr: number, count: number): number
  fill(ptr: number, size: number, byte: number): void
  walk(node: number): number
  reverse(node: number): number
  grow(pages: number): number
}

/** What those for shared and for wide memories export. */
export interface Cells<Offset> {
  readonly memory: Memory
  readonly __heap_base: WasmGlobal
  store(ptr: Offset, value: number): void
  load(ptr: Offset): number
  grow(pages: Offset): Offset
}

const assembler = await wabt()

/** An instance of the module in `<name>.wat`. */
export function instantiate<T = Exports>(name: string, imports: object = {}): T {
  const file = new URL(`wasm/${name}.wat`, import.meta.url)
  const features = { threads: true, memory64: true, mutable_globals: true }
  const parsed = assembler.parseWat(file.pathname, readFileSync(file, 'utf8'), features)
  try {
    const { buffer } = parsed.toBinary({})
    return new Instance(new Module(buffer), imports).exports as T
  } finally {
    parsed.destroy()
  }
}

/** A strategy over regions, to be tried over memories that grow. */
export interface Strategy {
  readonly name: string
  over(region: Region): Allocator
  /** Bytes of the largest block in a region of so many from `start` on. */
  largest(capacity: number, start: number): number
  /** What the conformance suite is to know besides. */
  readonly traits: Partial<Subject>
}

/** Blocks of a pool: no multiple of an alignment. */
const BLOCK = 500

/** Bytes of a region behind the first multiple of a unit in it. */
const behind = (unit: number, capacity: number, start: number): number =>
  start + capacity - Math.ceil(start / unit) * unit

const FINDS = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true }

export const STRATEGIES: readonly Strategy[] = [
  {
    name: 'BumpAllocator',
    over: (region) => new BumpAllocator(region),
    largest: (capacity) => capacity,
    traits: { reset: (allocator) => (allocator as BumpAllocator).reset() },
  },
  {
    name: 'StackAllocator',
    over: (region) => new StackAllocator(region),
    largest: (capacity) => capacity - 8,
    traits: { freesInOrder: 'lifo', exact: false, gathersFreed: true, ...FINDS },
  },
  {
    name: 'PoolAllocator',
    over: (region) => new PoolAllocator(BLOCK, region),
    largest: () => BLOCK,
    traits: { blockSize: BLOCK, maxAlign: 16, gathersFreed: true, ...FINDS },
  },
  {
    // Its last unit may be less than 16 bytes.
    name: 'FreeListAllocator',
    over: (region) => new FreeListAllocator(region),
    largest: (capacity, start) => behind(16, capacity, start),
    traits: { exact: false, gathersFreed: true, ...FINDS },
  },
  {
    name: 'SlabAllocator',
    over: (region) => new SlabAllocator(region),
    largest: (capacity, start) => 512 * Math.floor(behind(512, capacity, start) / 512),
    traits: { exact: false, gathersFreed: true, ...FINDS },
  },
  {
    name: 'ArenaAllocator over SlabAllocator',
    over: (region) => new ArenaAllocator(new SlabAllocator(region)),
    largest: (capacity, start) => 512 * Math.floor(behind(512, capacity, start) / 512),
    traits: { exact: false, reset: (allocator) => (allocator as ArenaAllocator).reset('free_all') },
  },
]
