/** What an allocator under test says of itself; the suite picks its checks accordingly. */
import type { Allocator } from '../../lib/index.js'

export interface Subject {
  readonly name: string
  /** The allocator, without a live block of the test's. The suite disposes it. */
  make(): Allocator
  /** The largest block, at alignment 1: Infinity where the system decides, 0 where there is none. */
  readonly largest: number
  /** The largest alignment that it grants. */
  readonly maxAlign: number
  /** Makes the whole capacity available again after frees in any order. */
  reset?(allocator: Allocator): void
}

export const hasMemory = (subject: Subject): boolean => subject.largest > 0
export const isBounded = (subject: Subject): boolean =>
  hasMemory(subject) && subject.largest < Infinity
