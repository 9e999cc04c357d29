/** How a ConcurrentBumpAllocator gets from one thread to another: its token, and what is in its words. */
import { isSharedBuffer } from '../core/brand.js'
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkSize } from '../core/layout.js'
import { type MemoryLike, regionFor } from '../core/memory.js'
import { disposed, type Region } from '../core/region.js'
import { CONCURRENT_BUMP, ConcurrentBumpWord as Word, MAX_CAPACITY } from '../core/state.js'

const NAME = 'ConcurrentBumpAllocator'
const UNIT = 4096

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
  const words = new Int32Array(new SharedArrayBuffer(Word.COUNT * Int32Array.BYTES_PER_ELEMENT))
  words[Word.MAGIC] = CONCURRENT_BUMP
  words[Word.HOLDERS] = 1
  words[Word.START_PAGES] = region.byteOffset / UNIT
  words[Word.START_REST] = region.byteOffset % UNIT
  words[Word.LENGTH] = region.byteLength
  words[Word.ADDRESS] = addressWord(region)
  return words
}

const addressWord = (region: Region): number =>
  region.addressable ? (region.address % 2 ** 32) | 0 : 0

/**
 * What a token names. Its words may hold anything: they are believed only where they agree with the buffer
 * that came with them.
 */
export function attachedTo(token: unknown): Attached {
  const where = `${NAME}.attach`
  const refuse = (): never => {
    throw unexpected('INVALID_ARGUMENT', 'a token of share() in this process', where, token)
  }
  if (typeof token !== 'object' || token === null) return refuse()
  const { offheap, memory, state } = token as Partial<BumpToken>
  if (offheap !== 'bump' || !isSharedBuffer(memory) || !isSharedBuffer(state)) return refuse()
  if (state.byteLength !== Word.COUNT * Int32Array.BYTES_PER_ELEMENT) return refuse()
  const words = new Int32Array(state)
  const start = (words[Word.START_PAGES]! >>> 0) * UNIT + (words[Word.START_REST]! >>> 0)
  const length = words[Word.LENGTH]! >>> 0
  if (words[Word.MAGIC] !== CONCURRENT_BUMP || start + length > memory.byteLength) return refuse()
  if (length === 0 || length > MAX_CAPACITY) return refuse()
  const { region } = regionFor(new Uint8Array(memory, start, length), NAME)
  if (words[Word.ADDRESS] !== addressWord(region)) return refuse()
  hold(words)
  return new Attached(region, words)
}

/** One holder more, unless there is none any more. */
function hold(words: Int32Array): void {
  for (;;) {
    const holders = Atomics.load(words, Word.HOLDERS)
    if (holders <= 0) throw disposed('The bump of this token')
    if (Atomics.compareExchange(words, Word.HOLDERS, holders, holders + 1) === holders) return
  }
}
