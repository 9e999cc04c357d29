/**
 * What a slab allocator works in: the region that its constructor's argument names or asks for, and the
 * state of a heap over so many pages.
 */
import { isAnyBuffer } from '../../core/brand.js'
import { unexpected } from '../../core/errors.js'
import { type MemoryLike, reserveRegion } from '../../core/memory.js'
import { Region } from '../../core/region.js'
import { MAX_CAPACITY, SlabRecord, SlabWord } from '../../core/state.js'
import { SlabHeap, Unit } from './heap.js'

const DEFAULT_RESERVE = 2 ** 30

/** Options of SlabAllocator. */
export interface SlabOptions {
  /** The most it can hold, in bytes: address space that is reserved, and committed as the heap grows. */
  reserve?: number
}

/** The memory that the constructor's argument names, and whether it is made here. */
export function memoryOf(memory: unknown): { memory: MemoryLike; made: boolean } {
  const isMemory = memory instanceof Region || ArrayBuffer.isView(memory) || isAnyBuffer(memory)
  if (isMemory) return { memory: memory as MemoryLike, made: false }
  if (typeof memory !== 'object' || memory === null) {
    throw unexpected('INVALID_ARGUMENT', 'options, a Region or a buffer', 'SlabAllocator', memory)
  }
  const { reserve = DEFAULT_RESERVE } = memory as SlabOptions
  if (typeof reserve === 'number' && reserve > MAX_CAPACITY) {
    throw unexpected('INVALID_ARGUMENT', `at most ${MAX_CAPACITY} bytes`, 'SlabAllocator', reserve)
  }
  return { memory: reserveRegion(reserve, 'SlabAllocator'), made: true }
}

export function pagesIn(bytes: number): number {
  return Math.max(0, Math.floor(bytes / Unit.PAGE))
}

/** Words of the state of a heap that can have so many pages; committed as it is used. */
export function wordsFor(mostPages: number): number {
  return tableAt(mostPages) + (mostPages * Unit.PAGE) / 2 ** Unit.CELL_SHIFT / 4
}

export function newHeap(state: Int32Array, mostPages: number): SlabHeap {
  const at = tableAt(mostPages)
  const cells = new Uint8Array(state.buffer, at * Int32Array.BYTES_PER_ELEMENT)
  return new SlabHeap(state.subarray(0, at), cells, mostPages)
}

/** Where the block table begins, in words. */
function tableAt(mostPages: number): number {
  return SlabWord.PAGES + mostPages * (1 + SlabRecord.WORDS)
}
