/**
 * State blocks: a strategy's mutable state as 32-bit words outside its payload.
 *
 * The words are those of the structs in native/include/offheap.h, so that the same heap can be worked
 * on from C. They live in a V8-allocated ArrayBuffer: its backing store never moves while it is
 * referenced, is outside the garbage-collected heap, and needs no addon. Words are unsigned; an
 * Int32Array reads one with `>>> 0`.
 */

/** The largest payload that a state block can describe, in bytes: ends must fit a word. */
export const MAX_CAPACITY = 0xfffff000

/**
 * Word indices of oh_bump_t. A const enum, so that they are literals in the compiled code: V8 loads
 * and checks an imported constant anew at each use.
 */
export const enum BumpWord {
  LIMIT = 0,
  CURSOR = 1,
  BASE_LO = 2,
  BASE_HI = 3,
  GAPS = 4,
  PEAK_USED = 5,
  PEAK_OFFSET = 6,
  FLOOR = 7,
  COUNT = 8,
}

/** A state block of `words` zeroed words. */
export function stateBlock(words: number): Int32Array {
  return new Int32Array(new ArrayBuffer(words * 4))
}
