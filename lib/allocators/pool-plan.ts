/** What a pool is told when it is made: checked, and turned into the memory that it needs. */
import { unexpected } from '../core/errors.js'
import { alignUp, checkAlign, checkSize, DEFAULT_ALIGN } from '../core/layout.js'
import { type MemoryLike, reserveRegion } from '../core/memory.js'
import type { Pointer } from '../core/pointer.js'
import type { Region } from '../core/region.js'
import { MAX_CAPACITY, PoolGroup, PoolWord } from '../core/state.js'

/** Memory for a pool: see {@link MemoryLike}. */
export type PoolMemory = Exclude<MemoryLike, number>

/** Options of {@link PoolAllocator}. */
export interface PoolOptions {
  /**
   * Of every block, a power of two: 16 by default. Blocks lie a multiple of it apart, so a smaller one
   * packs blocks whose size is no multiple of 16.
   */
  readonly align?: number | undefined
  /**
   * The most blocks that there can be: a pool that is full becomes larger by as many as it was made
   * with. The addresses are reserved from the start, so nothing moves; memory is taken when a block is
   * first used. Only for a pool that makes its own region.
   */
  readonly growTo?: number | undefined
}

export interface PoolPlan {
  readonly size: number
  readonly align: number
  readonly stride: number
  /** Null: as many as fit. */
  readonly count: number | null
  readonly growTo: number | null
  readonly memory: MemoryLike
  /** Was the region made here? */
  readonly adopted: boolean
}

const LEAST_BLOCK = 8

/** Throws ERR_OFFHEAP_INVALID_LAYOUT or ERR_OFFHEAP_INVALID_ARGUMENT for what makes no pool. */
export function poolPlan(
  blockSize: number,
  blocks: number | PoolMemory,
  options: PoolOptions,
): PoolPlan {
  const { align = DEFAULT_ALIGN, growTo = null } = objectOf(options)
  checkSize(blockSize, 'the block size of PoolAllocator')
  checkAlign(align, 'the alignment of PoolAllocator')
  const size = Math.max(blockSize, LEAST_BLOCK)
  const stride = alignUp(size, align)
  if (blockSize === 0 || stride > MAX_CAPACITY) {
    throw unexpected(
      'INVALID_LAYOUT',
      `1 to ${MAX_CAPACITY} bytes and an alignment within`,
      'the blocks of PoolAllocator',
      blockSize,
    )
  }
  const shape = { size, align, stride }
  if (typeof blocks !== 'number') {
    if (growTo !== null) {
      throw unexpected('INVALID_ARGUMENT', 'no growTo with a region', 'PoolAllocator', growTo)
    }
    return { ...shape, count: null, growTo: null, memory: blocks, adopted: false }
  }
  // A region is aligned to 16 at least; behind that, the first block may have to be moved up.
  const spare = Math.max(0, align - DEFAULT_ALIGN)
  const most = Math.floor((MAX_CAPACITY - spare) / stride)
  checkCount(blocks, 1, most, 'the blocks of PoolAllocator')
  if (growTo === null) {
    return { ...shape, count: blocks, growTo, memory: blocks * stride + spare, adopted: false }
  }
  checkCount(growTo, blocks, most, 'the growTo of PoolAllocator')
  const memory = reserveRegion(growTo * stride + spare, 'PoolAllocator')
  return { ...shape, count: blocks, growTo, memory, adopted: true }
}

function objectOf(options: unknown): PoolOptions {
  if (typeof options === 'object' && options !== null) return options
  throw unexpected('INVALID_ARGUMENT', 'an object of options', 'PoolAllocator', options)
}

function checkCount(value: unknown, least: number, most: number, where: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return
  throw unexpected('INVALID_ARGUMENT', `an integer from ${least} to ${most}`, where, value)
}

/** Address of the first block in a region. */
export function firstBlock({ align }: PoolPlan, region: Region): Pointer {
  return alignUp(region.address, align)
}

/** Blocks that have room in so many bytes of a region. */
function fit(plan: PoolPlan, region: Region, bytes: number): number {
  const start = firstBlock(plan, region) - region.address
  return Math.max(0, Math.floor((bytes - start) / plan.stride))
}

/** The most blocks that there can ever be. */
export function mostBlocks(plan: PoolPlan, region: Region): number {
  const { growTo, count } = plan
  return growTo ?? count ?? fit(plan, region, Math.min(region._mostBytes(), MAX_CAPACITY))
}

/** Words of the state of a pool with so many blocks. */
export function wordsFor(blocks: number): number {
  return PoolWord.GROUPS + Math.ceil(blocks / 32) * PoolGroup.WORDS
}

/** Makes a state block that of a pool of which nothing was allocated. */
export function enterPlan(words: Int32Array, plan: PoolPlan, region: Region, most: number): void {
  const first = firstBlock(plan, region)
  const shift = 31 - Math.clz32(plan.stride & -plan.stride)
  words[PoolWord.HEAD] = PoolGroup.NO_GROUP
  words[PoolWord.BLOCKS] = plan.count ?? fit(plan, region, region.byteLength)
  words[PoolWord.MOST_BLOCKS] = most
  words[PoolWord.BASE_LO] = first % 2 ** 32
  words[PoolWord.BASE_HI] = first / 2 ** 32
  words[PoolWord.STRIDE] = plan.stride
  words[PoolWord.SHIFT] = shift
  words[PoolWord.INVERSE] = inverseOf(plan.stride >>> shift)
  words[PoolWord.BLOCK_SIZE] = plan.size
  words[PoolWord.ALIGN] = plan.align
}

/**
 * Makes up to `step` more blocks, as many as the region has or can get. false: there are as many as
 * there can be.
 */
export function grow(words: Int32Array, region: Region, step: number): boolean {
  const first = words[PoolWord.BASE_HI]! * 2 ** 32 + (words[PoolWord.BASE_LO]! >>> 0)
  const start = first - region.address
  const stride = words[PoolWord.STRIDE]! >>> 0
  const blocks = words[PoolWord.BLOCKS]!
  const most = Math.min(blocks + step, words[PoolWord.MOST_BLOCKS]!)
  if (most === blocks) return false
  // A WebAssembly memory does not tell its maximum, so all of them may be too many.
  const lacking = (count: number): number => start + count * stride - region.byteLength
  if (lacking(most) > 0 && !region._extend(lacking(most))) {
    if (lacking(blocks + 1) > 0 && !region._extend(lacking(blocks + 1))) return false
  }
  words[PoolWord.BLOCKS] = Math.min(most, Math.floor((region.byteLength - start) / stride))
  return true
}

/** A table for the sizes of blocks that are smaller than a whole one, or null: out of memory. */
export function sizesOf(words: Int32Array): Uint32Array | null {
  try {
    const sizes = new Uint32Array(words[PoolWord.MOST_BLOCKS]!)
    words[PoolWord.SIZES] = sizes.BYTES_PER_ELEMENT
    return sizes
  } catch {
    return null
  }
}

/** Bytes that so many blocks take, with their share of the tables. */
export function occupied(words: Int32Array, blocks: number): number {
  const each = (words[PoolWord.STRIDE]! >>> 0) + words[PoolWord.SIZES]!
  return blocks * each + wordsFor(blocks) * 4
}

/** The lowest `count` bits, up to 32. */
export function lowBits(count: number): number {
  return count === 32 ? -1 : (1 << count) - 1
}

/** The inverse of an odd number modulo 2^32, by Newton's iteration: each step doubles the bits. */
function inverseOf(odd: number): number {
  let inverse = odd
  for (let bits = 3; bits < 32; bits *= 2) {
    inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse))
  }
  return inverse
}
