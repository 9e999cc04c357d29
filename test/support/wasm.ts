/** WebAssembly for tests: memories, and modules from the text in test/support/wasm/. */
import { readFileSync } from 'node:fs'
import wabt from 'wabt'
import type { Subject } from '../../lib/conformance/index.js'
import {
  type Allocator,
  BumpAllocator,
  type Region,
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
  /** Bytes of the largest block in a region of so many. */
  largest(capacity: number): number
  /** What the conformance suite is to know besides. */
  readonly traits: Partial<Subject>
}

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
    traits: { freesInOrder: 'lifo', exact: false, findsDoubleFrees: true, findsWrongSizes: true },
  },
]
