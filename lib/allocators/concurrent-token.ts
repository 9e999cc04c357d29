/**
 * How a ConcurrentBumpAllocator gets from one thread to another: its token, and what is in its
 * words.
 */
import { isSharedBuffer } from '../core/brand.js'
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkSize } from '../core/layout.js'
import { type MemoryLike, regionFor } from '../core/memory.js'
import { disposed, type Region } from '../core/region.js'
import { MAX_CAPACITY } from '../core/state.js'

const NAME = 'ConcurrentBumpAllocator'
const UNIT = 4096

/**
 * Words of a ConcurrentBumpAllocator: in a SharedArrayBuffer, only ever touched atomically. Those
 * that C knows are as in native/core/concurrent_bump.h.
 */
export const enum ConcurrentWord {
  /** What makes it one: {@link CONCURRENT_BUMP}. */
  MAGIC = 0,
  /** Where the next block may start, from the region's start. */
  CURSOR = 1,
  /** Bytes below it that are no live block. */
  GAPS = 2,
  /** The most that was live, and the most that CURSOR was, before they last fell. */
  PEAK_USED = 3,
  PEAK_CURSOR = 4,
  /** Instances that were not disposed; 0: it has ended. */
  HOLDERS = 5,
  /** Where the region is in its buffer, in 4 KiB and bytes, and how long. */
  START_PAGES = 6,
  START_REST = 7,
  LENGTH = 8,
  /** The low word of its address, so that no other buffer is taken for it; 0: not known. */
  ADDRESS = 9,
  COUNT = 10,
}

/** "bump", and a version. */
const CONCURRENT_BUMP = 0x62756d01

/** A bump for other threads of this process, by {@link ConcurrentBumpAllocator.share}. */
export interface BumpToken {
  readonly offheap: 'bump'
  /** What the blocks are in. */
  readonly memory: SharedArrayBuffer
  /** The words that all threads work on. */
  readonly state: SharedArrayBuffer
}

/** A region and words that another thread has made. */
export class Attached {
  constructor(
    readonly region: Region,
    readonly words: Int32Array,
  ) {}
}

/** A capacity becomes a SharedArrayBuffer; all else stays what it is. */
export function memoryOf(memory: MemoryLike): MemoryLike {
  if (typeof memory !== 'number') return memory
  checkSize(memory, `the capacity of ${NAME}`)
  if (memory === 0 || memory > MAX_CAPACITY) {
    throw unexpected('INVALID_ARGUMENT', `1 to ${MAX_CAPACITY} bytes`, NAME, memory)
  }
  try {
    return new Uint8Array(new SharedArrayBuffer(memory))
  } catch {
    throw new OutOfMemoryError(NAME, memory, 1)
  }
}

/** The words of an empty bump in a region. */
export function newWords(region: Region): Int32Array {
  const words = new Int32Array(
    new SharedArrayBuffer(ConcurrentWord.COUNT * Int32Array.BYTES_PER_ELEMENT),
  )
  words[ConcurrentWord.MAGIC] = CONCURRENT_BUMP
  words[ConcurrentWord.HOLDERS] = 1
  words[ConcurrentWord.START_PAGES] = region.byteOffset / UNIT
  words[ConcurrentWord.START_REST] = region.byteOffset % UNIT
  words[ConcurrentWord.LENGTH] = region.byteLength
  words[ConcurrentWord.ADDRESS] = addressWord(region)
  return words
}

const addressWord = (region: Region): number =>
  region.addressable ? (region.address % 2 ** 32) | 0 : 0

/**
 * What a token names. Its words may hold anything: they are believed only where they agree with the
 * buffer that came with them.
 */
export function attachedTo(token: unknown): Attached {
  const where = `${NAME}.attach`
  const refuse = (): never => {
    throw unexpected('INVALID_ARGUMENT', 'a token of share() in this process', where, token)
  }
  if (typeof token !== 'object' || token === null) return refuse()
  const { offheap, memory, state } = token as Partial<BumpToken>
  if (offheap !== 'bump' || !isSharedBuffer(memory) || !isSharedBuffer(state)) return refuse()
  if (state.byteLength !== ConcurrentWord.COUNT * Int32Array.BYTES_PER_ELEMENT) return refuse()
  const words = new Int32Array(state)
  const start =
    (words[ConcurrentWord.START_PAGES]! >>> 0) * UNIT + (words[ConcurrentWord.START_REST]! >>> 0)
  const length = words[ConcurrentWord.LENGTH]! >>> 0
  if (words[ConcurrentWord.MAGIC] !== CONCURRENT_BUMP || start + length > memory.byteLength)
    return refuse()
  if (length === 0 || length > MAX_CAPACITY) return refuse()
  const { region } = regionFor(new Uint8Array(memory, start, length), NAME)
  if (words[ConcurrentWord.ADDRESS] !== addressWord(region)) return refuse()
  hold(words)
  return new Attached(region, words)
}

/** One holder more, unless there is none any more. */
function hold(words: Int32Array): void {
  for (;;) {
    const holders = Atomics.load(words, ConcurrentWord.HOLDERS)
    if (holders <= 0) throw disposed('The bump of this token')
    if (Atomics.compareExchange(words, ConcurrentWord.HOLDERS, holders, holders + 1) === holders)
      return
  }
}
