// The types of trace.mjs.

/** The first line of a trace. Counts are of the whole trace; sizes in bytes, as asked for. */
export interface TraceHeader {
  format: 1
  /** What was recorded, its version, and how it was called, without folders. */
  program: string
  version: string
  command: string
  /** The program went on: the trace is its beginning. */
  cut: boolean
  /** allocs + frees + reallocs */
  ops: number
  allocs: number
  frees: number
  reallocs: number
  /** Of the table that a replay needs: as many as there are live blocks at most. */
  slots: number
  /** Live payload at most, and live blocks at most. */
  peakBytes: number
  peakBlocks: number
  /** What is live in the end. */
  leftBlocks: number
  leftBytes: number
  /** Lengths of the columns that follow. */
  columns: number[]
}

export interface Trace {
  name: string
  header: TraceHeader
  slots: number
  /** The flat form: two words an entry. */
  ops: Int32Array
}

export const ALLOC: 0
export const FREE: 1
export const REALLOC: 2
export const OLD: 3
export function listTraces(): string[]
export function loadTrace(name: string): Trace
export function decodeTrace(compressed: Uint8Array): Omit<Trace, 'name'>
export function flatTraceFile(name: string): string
