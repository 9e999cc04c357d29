/** expectNoLeaks: a test fails when what it allocated is not freed, and says at which lines. */
import type { Allocation } from '../core/allocation.js'
import { Allocator } from '../core/allocator.js'
import { OffheapError, unexpected } from '../core/errors.js'
import { cAllocator } from '../system/c.js'
import { BacktracingAllocator } from './backtracing.js'
import type { AnyFunction } from './capture.js'
import type { LeakProfile } from './profile.js'
import { counted, formatBytes } from './render/labels.js'
import { renderText, type TextOptions } from './render/text.js'

/** Options of {@link expectNoLeaks}. */
export interface ExpectNoLeaksOptions {
  /** What the function allocates from. Default cAllocator. */
  inner?: Allocator
  /** The most frames of a stack, 1 to 256. Default 16. */
  frames?: number
  /** How the report looks: as for {@link renderText}. By default it has all that is alive. */
  report?: TextOptions
}

/** Remembers its handles, as what is still alive is freed by them. */
class WatchedAllocator extends BacktracingAllocator {
  private _handles: WeakRef<Allocation>[] = []
  private _most = 1024

  override watchHandle(a: Allocation, skip: AnyFunction): void {
    super.watchHandle(a, skip)
    this._handles.push(new WeakRef(a))
    if (this._handles.length <= this._most) return
    this._handles = this._handles.filter((ref) => ref.deref()?.freed === false)
    this._most = Math.max(1024, this._handles.length * 2)
  }

  /** Frees what has a handle, the newest first, so that a stack can. */
  freeAll(): void {
    for (const ref of this._handles.splice(0).toReversed()) {
      const a = ref.deref()
      if (a === undefined || a.freed) continue
      try {
        this.free(a)
      } catch (error) {
        if (!(error instanceof OffheapError)) throw error
        // Its allocator does not free single blocks, or not this one now. It was reported.
      }
    }
  }
}

/**
 * Runs a function with an allocator of its own, and fails unless it freed all that it allocated there. The
 * message is the report of what is alive, largest first, with the lines of the sources. For vitest, node:test and
 * any other runner of tests.
 *
 * Resolves to what the function gave. What the function throws is thrown on, leaks or not. That it freed
 * a block which the allocator did not hand out is no leak; the report mentions it.
 *
 * After the check the allocator is disposed, and blocks that have a handle are freed, so that the handle
 * throws UseAfterFreeError. Those of raw calls and of C are left, as somebody may still have their address.
 * With `--expose-gc` garbage is collected before a report, so that it tells which handles are lost.
 *
 * Takes some microseconds an allocation. For one thread.
 * @throws {OffheapError} LEAK; INVALID_ARGUMENT for what is no function and for wrong options.
 */
export async function expectNoLeaks<T>(
  run: (allocator: BacktracingAllocator) => T | Promise<T>,
  options: ExpectNoLeaksOptions = {},
): Promise<T> {
  if (typeof run !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a function', 'expectNoLeaks', run)
  }
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the options of expectNoLeaks', options)
  }
  const { inner = cAllocator, frames = 16, report = {} } = options
  if (!(inner instanceof Allocator)) {
    throw unexpected('INVALID_ARGUMENT', 'an Allocator', 'inner of expectNoLeaks', inner)
  }
  const allocator = new WatchedAllocator(inner, { frames })
  renderText(allocator.profile(), report) // wrong options are told before anything runs
  try {
    const result = await run(allocator)
    await check(allocator, report)
    return result
  } finally {
    allocator.freeAll()
    end(allocator)
  }
}

function end(allocator: BacktracingAllocator): void {
  try {
    allocator.dispose()
  } catch (error) {
    // C still has its valloc, and it lives as long as that.
    if (!(error instanceof OffheapError && error.code === 'ERR_OFFHEAP_PINNED')) throw error
  }
}

async function check(allocator: BacktracingAllocator, report: TextOptions): Promise<void> {
  if (allocator.figures().liveBlocks === 0) return
  await collectGarbage()
  const profile = allocator.profile()
  const { liveBlocks, liveBytes } = profile.totals
  const what = `${counted(liveBlocks, 'block')} of ${formatBytes(liveBytes)}`
  const message = `Expected that all is freed, but ${what} ${liveBlocks === 1 ? 'is' : 'are'} not:`
  const text = renderText(alive(profile), { minBytes: 0, limit: Infinity, ...report })
  throw new OffheapError('LEAK', `${message}\n\n${text}`)
}

/** As it was before a test may have put another in its place. */
const later = setImmediate

/** Finalizers run some ticks after the collection. Nothing without `--expose-gc`. */
async function collectGarbage(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void }
  if (typeof gc !== 'function') return
  for (let i = 0; i < 4; i++) {
    gc()
    await new Promise((resolve) => later(resolve))
  }
}

/** Without the sites that have nothing alive. */
function alive(profile: LeakProfile): LeakProfile {
  const sites = profile.sites.filter(({ liveBlocks }) => liveBlocks > 0)
  return { ...profile, sites, totals: { ...profile.totals, sites: sites.length } }
}
