/** A thread's hold on a shared heap: taken over from an allocator, or by another thread's token. */
import { Allocator } from '../core/allocator.js'
import { isSharedBuffer } from '../core/brand.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import { regionFor } from '../core/memory.js'
import { disposed, type Region, unaddressable } from '../core/region.js'
import { RegionAllocator } from '../core/region-allocator.js'
import type { CTable } from '../core/valloc.js'
import { Box, loadAddon } from '../native/binding.js'

const WHO = 'ThreadSafeAllocator'

/** As in native/core/strategy.c. */
const LOCKABLE: ReadonlySet<CTable> = new Set(['bump', 'freeList', 'pool', 'slab'])

/** A heap for other threads of this process, by {@link ThreadSafeAllocator.share}. */
export interface HeapToken {
  readonly offheap: 'heap'
  /** The process that it is of. */
  readonly process: string
  /** Which of its heaps. */
  readonly heap: number
  /** What the blocks are in. */
  readonly memory: SharedArrayBuffer
}

/** One thread's hold on a heap. */
export class Hold {
  constructor(
    /** What holds the heap, where that is, and its number. */
    readonly heap: object,
    readonly self: number,
    readonly number: number,
    readonly region: Region,
    /** Is the region freed with the allocator? */
    readonly owned: boolean,
  ) {}
}

/** Ends an allocator, and goes on with its state and its region. */
export function takeOver(inner: unknown): Hold {
  if (!(inner instanceof Allocator)) {
    throw unexpected('INVALID_ARGUMENT', 'an Allocator', WHO, inner)
  }
  if (!(inner instanceof RegionAllocator)) throw unsuitable(inner)
  const { table, state: words } = inner._cHeap()
  if (typeof table === 'number' || !LOCKABLE.has(table)) throw unsuitable(inner)
  const { region } = inner
  if (!region.addressable) throw unaddressable(inner.name, region.address)
  const { native, box } = loadAddon()
  const { buffer, byteOffset } = words!
  const state = new Uint8Array(buffer, byteOffset)
  const heap = native.shared.create(native.tables[table], state, region.address, region.byteLength)
  if (heap === null) throw new OutOfMemoryError(WHO, state.length, 16)
  const self = box[Box.SELF]!
  const number = box[Box.RESULT]!
  try {
    return new Hold(heap, self, number, region, inner._handOver())
  } catch (error) {
    native.shared.letGo(heap)
    throw error
  }
}

function unsuitable(inner: Allocator): OffheapError {
  return new OffheapError(
    'UNSUPPORTED',
    `${WHO} takes a SlabAllocator, FreeListAllocator, PoolAllocator or BumpAllocator, not ${inner.name}: the C heap ` +
      `and pages are safe from any thread as they are, a stack frees in an order that threads do not keep, and ` +
      `what wraps an allocator goes around the ${WHO}, in each thread`,
  )
}

/** Holds the heap of a token. */
export function holdOf(token: unknown): Hold {
  const { memory, heap: number } = checkToken(token)
  const { native, box } = loadAddon()
  const bytes = new Uint8Array(memory)
  const heap = native.shared.attach(number, bytes)
  if (heap === null) throw disposed('The heap of this token')
  if (heap === undefined) {
    throw unexpected('INVALID_ARGUMENT', 'the memory of a heap', `${WHO}.attach`, token)
  }
  const self = box[Box.SELF]!
  const address = box[Box.PTR]!
  const byteLength = box[Box.SIZE]!
  try {
    const view = new Uint8Array(memory, address - native.addressOf(bytes), byteLength)
    return new Hold(heap, self, number, regionFor(view, WHO).region, true)
  } catch (error) {
    native.shared.letGo(heap)
    throw error
  }
}

/** What a token says, each of it asked once. */
function checkToken(token: unknown): { memory: SharedArrayBuffer; heap: number } {
  const where = `${WHO}.attach`
  if (typeof token !== 'object' || token === null) {
    throw unexpected('INVALID_ARGUMENT', 'a token of share()', where, token)
  }
  const { offheap, process: of, heap, memory } = token as Partial<HeapToken>
  if (offheap !== 'heap' || typeof heap !== 'number' || typeof of !== 'string') {
    throw unexpected('INVALID_ARGUMENT', 'a token of share()', where, token)
  }
  if (of !== loadAddon().native.shared.process) {
    throw unexpected('INVALID_ARGUMENT', 'a token of this process', where, of)
  }
  if (!isSharedBuffer(memory)) {
    throw unexpected('INVALID_ARGUMENT', 'a token with a SharedArrayBuffer', where, memory)
  }
  return { memory, heap }
}
