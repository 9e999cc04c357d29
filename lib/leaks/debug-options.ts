/** What a DebugAllocator is asked to look for, and at what cost. The names are Zig's where Zig has them. */
import { OffheapError, unexpected } from '../core/errors.js'
import { alignUp, isAlign, isSize } from '../core/layout.js'

/** Options of {@link DebugAllocator}. What is left out has the default. */
export interface DebugOptions {
  /**
   * Frames of a call stack that are kept of each allocation and free, 0 to 64. Default 6. Taking a
   * stack is most of what an allocation costs, some microseconds; 0: none is taken.
   */
  stackTraceFrames?: number
  /**
   * The most bytes that may live at a time, as callers asked for them; more is out of memory. An
   * allocation that fails does not count. Default Infinity. Free of cost.
   */
  memoryLimit?: number
  /**
   * Default true. false: nothing is looked for, and operations go to the inner allocator, with only
   * `memoryLimit` and `guardEvery` in between. A few ns an operation.
   */
  safety?: boolean
  /**
   * Only false, the default: the records of blocks are objects of one thread. For several threads give
   * each a DebugAllocator of its own, over one ThreadSafeAllocator.
   */
  threadSafe?: boolean
  /**
   * Default false. true: nothing goes back before the end, so that no address is handed out again and
   * every write after free is found. Costs all memory that was ever allocated.
   */
  neverUnmap?: boolean
  /**
   * Default false. true: what is known of a block is kept after its memory went back, until another
   * block starts at its address: a late second free is told from a wrong address, with its stacks.
   * Costs some 200 bytes of JavaScript heap a block.
   */
  retainMetadata?: boolean
  /**
   * Gets a line, without newline, for every operation, every finding and every leak. What it throws
   * is thrown by the next allocation. What it allocates here is served and not logged. Default none.
   */
  verboseLog?: (line: string) => void
  /** Default false. true: a resize in place is what counts as the allocation of its block; costs a stack. */
  resizeStackTraces?: boolean
  /**
   * Default false: new blocks are filled with 0xCD. true: the inner allocator hands out zeros, and so
   * blocks are left as they come, which saves the filling. An inner allocator that does not keep this
   * promise shows whatever was there.
   */
  backingZeroes?: boolean
  /**
   * Bytes taken from the inner allocator at a time for small blocks, those of up to a quarter of it: a
   * power of two from 1024 to 2^30. Default 131072. A page goes back when all its blocks are freed.
   */
  pageSize?: number
  /**
   * Freed pages and large blocks are held back up to so many bytes, to look whether anybody writes to
   * them. Default 16 MiB; Infinity: all. Memory, and a look at each byte when it goes back.
   */
  quarantineBytes?: number
  /**
   * Bytes on both sides of a block that nobody may write to, 0 to 65536, rounded up to a multiple of
   * 16. Default 16. Memory, and a look at each byte at free.
   */
  fenceBytes?: number
  /**
   * Default false. true: each block has pages of its own from the system, ends where an inaccessible
   * one begins, and becomes inaccessible when it is freed, until `quarantineBytes` or `guardSlots` are
   * exceeded. C that touches what it must not ends the process on the spot, with a report. Some
   * microseconds and at least two pages of addresses, one of memory, a block.
   */
  guard?: boolean
  /**
   * For production: guards one allocation in so many on average, at random, and passes on all others,
   * which are then not looked at. Default 0: none. From 1. A few ns for those passed on.
   */
  guardEvery?: number
  /**
   * The most blocks that are guarded at a time, those freed and held back among them. Further ones are
   * fenced, or with `guardEvery` passed on. Default 16384 with `guard`, 256 with `guardEvery`. The
   * system limits a process too (vm.max_map_count), and a quarter of that is the most for all.
   */
  guardSlots?: number
}

/** All options, checked. */
export interface Settings extends Required<Omit<DebugOptions, 'verboseLog'>> {
  readonly verboseLog: ((line: string) => void) | null
}

const WHO = 'DebugAllocator'
const MOST_FRAMES = 64
const MOST_FENCE = 65_536
/** Fences keep blocks aligned to this. */
export const UNIT = 16

function flag(options: DebugOptions, name: keyof DebugOptions, otherwise = false): boolean {
  const value: unknown = options[name] ?? otherwise
  if (typeof value === 'boolean') return value
  throw unexpected('INVALID_ARGUMENT', 'a boolean', `${name} of ${WHO}`, value)
}

/** An integer from `least` to `most`; Infinity too where that is `most`. */
function count(
  options: DebugOptions,
  name: keyof DebugOptions,
  otherwise: number,
  [least, most]: readonly [number, number],
): number {
  const value: unknown = options[name] ?? otherwise
  const fits = isSize(value) || (value === Infinity && most === Infinity)
  if (fits && (value as number) >= least && (value as number) <= most) return value as number
  const what = `an integer from ${least} to ${most}`
  throw unexpected('INVALID_ARGUMENT', what, `${name} of ${WHO}`, value)
}

function sinkOf({ verboseLog }: DebugOptions): ((line: string) => void) | null {
  if (verboseLog === undefined) return null
  if (typeof verboseLog === 'function') return verboseLog
  throw unexpected('INVALID_ARGUMENT', 'a function', `verboseLog of ${WHO}`, verboseLog)
}

function pageSizeOf(options: DebugOptions): number {
  const size = count(options, 'pageSize', 131_072, [1024, 2 ** 30])
  if (isAlign(size)) return size
  throw unexpected('INVALID_ARGUMENT', 'a power of two', `pageSize of ${WHO}`, size)
}

function assertOneThread(options: DebugOptions): false {
  if (!flag(options, 'threadSafe')) return false
  throw new OffheapError(
    'UNSUPPORTED',
    `${WHO} cannot be threadSafe: its records are JavaScript objects, which belong to one thread. Make one in each ` +
      `thread, over one ThreadSafeAllocator`,
  )
}

/**
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no option of that kind, ERR_OFFHEAP_UNSUPPORTED for
 * `threadSafe: true`.
 */
export function settingsOf(options: unknown): Settings {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an options object', WHO, options)
  }
  const given = options as DebugOptions
  const guard = flag(given, 'guard')
  const guardEvery = count(given, 'guardEvery', 0, [0, Number.MAX_SAFE_INTEGER])
  if (guard && guardEvery > 0) {
    const expected = 'guard or guardEvery, not both'
    throw unexpected('INVALID_ARGUMENT', expected, WHO, guardEvery)
  }
  return {
    stackTraceFrames: count(given, 'stackTraceFrames', 6, [0, MOST_FRAMES]),
    memoryLimit: count(given, 'memoryLimit', Infinity, [0, Infinity]),
    safety: flag(given, 'safety', true),
    threadSafe: assertOneThread(given),
    neverUnmap: flag(given, 'neverUnmap'),
    retainMetadata: flag(given, 'retainMetadata'),
    verboseLog: sinkOf(given),
    resizeStackTraces: flag(given, 'resizeStackTraces'),
    backingZeroes: flag(given, 'backingZeroes'),
    pageSize: pageSizeOf(given),
    quarantineBytes: count(given, 'quarantineBytes', 16 * 2 ** 20, [0, Infinity]),
    fenceBytes: alignUp(count(given, 'fenceBytes', UNIT, [0, MOST_FENCE]), UNIT),
    guard,
    guardEvery,
    guardSlots: count(given, 'guardSlots', guard ? 16_384 : 256, [1, 2 ** 20]),
  }
}
