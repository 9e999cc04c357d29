/**
 * Pointers: addresses as numbers. 0 is NULL. User-space addresses have at most 48 bits on the systems
 * that Node runs on, so a safe integer holds every one of them.
 */
import { unexpected } from './errors.js'

/** An address in bytes, a safe integer; 0 is NULL. Over WebAssembly memory: an offset into it. */
export type Pointer = number

/**
 * Addresses from here up are made up: user space ends below, so none can be taken for a real one. They
 * stand for memory whose address cannot be known because no addon is there to ask.
 */
export const FIRST_MADE_UP: Pointer = 2 ** 48

/** Throws ERR_OFFHEAP_INVALID_POINTER unless `value` is a non-negative safe integer. O(1). */
export function checkPointer(value: unknown, where: string): Pointer {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw unexpected('INVALID_POINTER', 'an address (a non-negative safe integer)', where, value)
}

/**
 * The same from the two forms that libraries for foreign functions use: a number or a bigint.
 * Throws ERR_OFFHEAP_INVALID_POINTER for anything else, and for what no safe integer can hold.
 */
export function toPointer(value: unknown, where: string): Pointer {
  if (typeof value !== 'bigint') return checkPointer(value, where)
  if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  throw unexpected('INVALID_POINTER', 'an address (at most 53 bits)', where, value)
}
