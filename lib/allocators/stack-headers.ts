/**
 * The headers in a stack's payload: how their words are written, what they must say to be believed, and
 * what a walk over them tells of an address. See oh_stack_t in native/include/offheap.h.
 */
import { doubleFree, invalidPointer } from '../core/allocator.js'
import { OffheapError } from '../core/errors.js'
import { checkLayout } from '../core/layout.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { StackHeader, StackWord } from '../core/state.js'

/** What is found in place of a size or an end. Of signed words no payload is long enough for these. */
export const enum Found {
  NOTHING = -1,
  DAMAGED = -2,
}

/** A stack, as far as finding something out about it goes. */
export interface Stack {
  readonly name: string
  readonly base: Pointer
  readonly data: DataView
  readonly words: Int32Array
}

/** A size or an offset as a header holds it. */
export function packed(value: number): number {
  return Math.imul(value + 1, StackHeader.FACTOR)
}

function unpacked(word: number): number {
  return (Math.imul(word, StackHeader.INVERSE) - 1) >>> 0
}

/** The size that a block's header says. If that was overwritten: hardly ever one that can be. */
export function sizeAt(data: DataView, offset: number): number {
  return unpacked(data.getInt32((offset >>> 0) - 8, true))
}

/** The offset of the block below, as a block's header says. */
export function belowAt(data: DataView, offset: number): number {
  return unpacked(data.getInt32((offset >>> 0) - 4, true))
}

/**
 * Where the block below ends, as a signed word; DAMAGED unless it reaches up to the header of `top`.
 * What is left between the two is padding, and so less than the alignment that the address of `top` has.
 */
export function endBelow(data: DataView, low: number, top: number, below: number): number {
  let bytes = 0
  if (below !== 0) {
    // A block and two headers lie below `top` then: 17 bytes at least.
    if (top >>> 0 < 17 || (below - 8) >>> 0 > (top - 17) >>> 0) return Found.DAMAGED
    bytes = sizeAt(data, below) | 0
    if (bytes === 0) bytes = 1
  }
  const room = (top - below - StackHeader.BYTES) | 0
  const address = (top + low) | 0
  if (bytes >>> 0 > room >>> 0) return Found.DAMAGED
  if (((room - bytes) & (address | -address)) !== 0) return Found.DAMAGED
  return (below + bytes) | 0
}

export function poisoned(name: string, base: Pointer, offset: number): OffheapError {
  const ptr = base + (offset >>> 0)
  return new OffheapError(
    'POISONED',
    `The header of the block of ${name} at 0x${ptr.toString(16)}, or of the one below it, was overwritten: ` +
      `something wrote past the end of a block`,
  )
}

export function outOfOrder(name: string, ptr: Pointer): OffheapError {
  return new OffheapError(
    'OUT_OF_ORDER',
    `Expected the newest block of ${name} for free, but 0x${ptr.toString(16)} is an older one`,
  )
}

/**
 * Finds the block by a walk over the live ones that are newer: a header alone could be bytes that only
 * look like one. Throws for what is no pointer, no layout, or no live block of that size and alignment.
 */
export function assertLive(
  stack: Stack,
  ptr: Pointer,
  size: number,
  align: number,
  operation: string,
): void {
  const { name, base, data, words } = stack
  checkPointer(ptr, `${name}.${operation}`)
  checkLayout(size, align, `${name}.${operation}`)
  const offset = ptr - base
  const live = liveSize(stack, offset)
  if (live === Found.NOTHING) {
    if (freedSize(data, words, offset) === size) throw doubleFree(name, ptr)
    throw invalidPointer(name, operation, ptr, 'is not the start of a live block')
  }
  if (live !== size) {
    throw invalidPointer(name, operation, ptr, `has ${live} bytes, not ${size}`)
  }
  if (ptr % align !== 0) throw invalidPointer(name, operation, ptr, `is not aligned to ${align}`)
}

/** The size of the live block at `offset`, whatever that is; or NOTHING. Throws where it comes no further. */
function liveSize({ name, base, data, words }: Stack, offset: number): number {
  const low = (base % 2 ** 32) | 0
  let at = words[StackWord.TOP]! >>> 0
  let end = words[StackWord.CURSOR]! >>> 0
  while (at !== 0 && at >= offset) {
    const size = sizeAt(data, at)
    if (at + Math.max(size, 1) !== end) throw poisoned(name, base, at)
    if (at === offset) return size
    const below = belowAt(data, at)
    const endOfBelow = endBelow(data, low, at | 0, below | 0)
    if (endOfBelow === Found.DAMAGED) throw poisoned(name, base, at)
    at = below
    end = endOfBelow >>> 0
  }
  return Found.NOTHING
}

/** The size of a block that was freed and whose header nothing has been written over since; or NOTHING. */
function freedSize(data: DataView, words: Int32Array, offset: number): number {
  const cursor = words[StackWord.CURSOR]! >>> 0
  const peak = words[StackWord.PEAK_OFFSET]! >>> 0
  if (!Number.isInteger(offset) || offset < cursor + StackHeader.BYTES || offset >= peak) {
    return Found.NOTHING
  }
  const size = sizeAt(data, offset)
  return offset + Math.max(size, 1) <= peak && belowAt(data, offset) < offset ? size : Found.NOTHING
}
