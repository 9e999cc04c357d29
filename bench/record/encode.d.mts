// The types of encode.mjs.

import type { TraceHeader } from '../harness/trace.mjs'

export interface TraceColumns {
  /** 0: allocate, 1: free, 2: change the size. */
  kinds: number[]
  /** Of each operation: which block, numbered in the order of their allocations. */
  blocks: number[]
  /** Of each operation: the size, or the new one; for a free anything. */
  sizes: number[]
  /** By block: log2 of its alignment. */
  aligns: number[]
  cut: boolean
}

export function encodeTrace(
  columns: TraceColumns,
  about: { program: string; version: string; command: string },
): { header: TraceHeader; bytes: Buffer }
