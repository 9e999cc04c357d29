/**
 * What an allocator under test says of itself. The suite picks its checks, and how hard it presses in
 * them, accordingly; what is left out has the default that demands least of an allocator.
 */
import type { Allocator } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'
import { isAlign } from '../core/layout.js'

/**
 * An allocator to hold to the suite, and what it is able to do.
 *
 * One with bounded memory needs room for the checks: 256 KiB, or, where all blocks have one size,
 * 128 blocks.
 */
export interface Subject {
  /** Stands in front of every failure. */
  readonly name: string

  /**
   * The allocator, without a live block: a new one for each check, which the suite disposes. One that
   * is the process's own, as `cAllocator` is, may be the same each time.
   */
  make(): Allocator

  /**
   * Bytes of the largest block that an empty allocator hands out at alignment 1. Infinity where the
   * system decides, 0 where there is never memory.
   */
  readonly largest: number

  /**
   * The largest alignment that it grants, at least 16: the suite asks for no more. One that stops
   * below half a page (2048) must refuse that, as being out of memory. Ignored if `largest` is 0.
   */
  readonly maxAlign: number

  /**
   * Makes the whole capacity available again once all blocks are freed, for an allocator that cannot
   * reuse what is freed in any order. The suite frees every block before it calls this.
   */
  reset?(allocator: Allocator): void

  /**
   * Which blocks may be freed, moved or resized: 'any' (the default), or, with 'lifo', the newest
   * alone. The suite then frees newest first throughout, lets a realloc that would have to move a
   * block be refused with ERR_OFFHEAP_OUT_OF_ORDER, and checks that every free out of order is so
   * refused and changes nothing.
   */
  readonly freesInOrder?: 'any' | 'lifo'

  /**
   * Does payload fill the capacity to the byte? Then a block of `largest` bytes leaves nothing over,
   * blocks of one byte at alignment 1 fill as much, and an empty block takes one. Say false where
   * headers or rounding take a share; `largest` must then still be what it says. Default: true
   * where `largest` is bounded and there is no `blockSize`.
   */
  readonly exact?: boolean

  /**
   * All blocks have room for this many bytes, as a pool's have: `largest` is the same number, any
   * block can grow to it in place, and as many empty blocks fit as full ones.
   */
  readonly blockSize?: number

  /**
   * Is every second raw free found, as long as the address is not in use again? Of the block that was
   * freed last it must be a DoubleFreeError; of one freed earlier, whose bytes may be part of a larger
   * hole by now, ERR_OFFHEAP_INVALID_POINTER will do. Resizing a freed block must be an error too, and
   * may be that of a use after free. Default: false.
   */
  readonly findsDoubleFrees?: boolean

  /**
   * Are raw operations with another size than the block's found, as ERR_OFFHEAP_INVALID_POINTER?
   * true: with every other size. 'rounded': where sizes are known only up to a size class, with sizes
   * four times as large and more. Default: false, whereby only absurd sizes (2^40) must be found.
   */
  readonly findsWrongSizes?: boolean | 'rounded'

  /**
   * Are raw operations found on addresses that are no block's start, as ERR_OFFHEAP_INVALID_POINTER:
   * inside of blocks, just before and behind them, and of another allocator's blocks (those that
   * `owns` denies)? And those with an alignment that the block's address does not have? A 'lifo'
   * allocator may say ERR_OFFHEAP_OUT_OF_ORDER of what lies below its newest block, and any may say
   * ERR_OFFHEAP_DOUBLE_FREE of what lies in no block. 'history': also of what lies inside of a block,
   * where an earlier one may have started. Default: false, whereby only addresses far off must be
   * found.
   */
  readonly findsInvalidFrees?: boolean | 'history'

  /**
   * Do neighbouring free blocks become one, so that `largest` can be allocated again after frees in
   * any order, without a reset? Default: false.
   */
  readonly gathersFreed?: boolean
}

export const hasMemory = (subject: Subject): boolean => subject.largest > 0
export const isBounded = (subject: Subject): boolean =>
  hasMemory(subject) && subject.largest < Infinity
export const isExact = (subject: Subject): boolean =>
  isBounded(subject) && (subject.exact ?? subject.blockSize === undefined)
export const isLifo = (subject: Subject): boolean => subject.freesInOrder === 'lifo'

/** `size`, or as much of it as a block can have. */
export const upTo = (subject: Subject, size: number): number => Math.min(size, subject.largest)

/** Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no subject, as plain JavaScript may pass it. */
export function assertSubject(value: unknown, where: string): asserts value is Subject {
  const expect = (expected: string, holds: boolean, received: unknown): void => {
    if (!holds) throw unexpected('INVALID_ARGUMENT', expected, where, received)
  }
  expect('a Subject', typeof value === 'object' && value !== null, value)
  const { name, make, largest, maxAlign, blockSize } = value as Subject
  expect('a Subject with a name', typeof name === 'string', name)
  expect('a Subject with a function make', typeof make === 'function', make)
  expect(
    'a Subject whose largest is a number of bytes',
    typeof largest === 'number' && largest >= 0,
    largest,
  )
  if (largest === 0) return
  expect(
    'a Subject whose maxAlign is a power of two from 16',
    isAlign(maxAlign) && maxAlign >= 16,
    maxAlign,
  )
  expect(
    'a Subject whose blockSize, if it has one, is its largest',
    blockSize === undefined || blockSize === largest,
    blockSize,
  )
}
