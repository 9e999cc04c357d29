/**
 * checkAllAllocationFailures: does a function survive it when memory is out, wherever that happens?
 *
 * Runs the function once to count its allocations, then once for each of them, which fails, as do
 * all that follow. After each run every block must have been freed, and the failure must have come
 * out as the OutOfMemoryError that it was. From Zig's function of that name (std/testing.zig).
 */
import type { Allocator } from '../core/allocator.js'
import { OffheapError, OutOfMemoryError, unexpected } from '../core/errors.js'
import { FailingAllocator } from './failing.js'
import { checkAllocator } from './wrapper.js'

const CHECK = 'checkAllAllocationFailures'

/**
 * Runs `fn` with an allocator over `backing`, again and again, and lets each of its allocations
 * fail in turn. Returns how many that were: 0 means that nothing was tested. Where `fn` returns a
 * promise, each run is awaited and the result is a promise too.
 *
 * Throws OffheapError with code
 * - ERR_OFFHEAP_LEAK: a run ended with blocks that it had not freed, a failed one or the first;
 * - ERR_OFFHEAP_SWALLOWED_FAILURE: an allocation failed, and `fn` came to its end all the same;
 * - ERR_OFFHEAP_NONDETERMINISTIC: a run made fewer allocations than the first, so that the one that
 *   was to fail never came;
 * - ERR_OFFHEAP_INVALID_ARGUMENT for arguments that are none.
 *
 * Whatever else `fn` throws is thrown on as it is, as is an OutOfMemoryError that was not induced.
 * O(n²) for n allocations.
 */
export function checkAllAllocationFailures(
  backing: Allocator,
  fn: (allocator: FailingAllocator) => PromiseLike<unknown>,
): Promise<number>
export function checkAllAllocationFailures(
  backing: Allocator,
  fn: (allocator: FailingAllocator) => unknown,
): number
export function checkAllAllocationFailures(
  backing: Allocator,
  fn: (allocator: FailingAllocator) => unknown,
): number | Promise<number> {
  checkAllocator(backing, CHECK)
  if (typeof fn !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a function to test', CHECK, fn)
  }
  const runs = failEach(backing, fn)
  let step = runs.next()
  while (step.done !== true) {
    if (isThenable(step.value)) return awaitEach(runs, step.value)
    step = runs.next()
  }
  return step.value
}

/**
 * The check itself. Yields what each run returned, so that one text serves functions of both kinds.
 */
function* failEach(
  backing: Allocator,
  fn: (allocator: FailingAllocator) => unknown,
): Generator<unknown, number, void> {
  const whole = new FailingAllocator(backing)
  yield fn(whole)
  assertAllFreed(whole, 'The run in which no allocation failed')
  const count = whole.allocations
  for (let failIndex = 0; failIndex < count; failIndex++) {
    const failing = new FailingAllocator(backing, { failIndex })
    try {
      yield fn(failing)
    } catch (error) {
      if (!failing.hasInducedFailure || !(error instanceof OutOfMemoryError)) throw error
      assertAllFreed(failing, `The run in which allocation ${failIndex} of ${count} failed`)
      continue
    }
    throw survived(failing, count)
  }
  return count
}

async function awaitEach(
  runs: Generator<unknown, number, void>,
  first: PromiseLike<unknown>,
): Promise<number> {
  let result: unknown = first
  for (;;) {
    const step = await settled(result).then(
      () => runs.next(),
      (error: unknown) => runs.throw(error),
    )
    if (step.done === true) return step.value
    result = step.value
  }
}

async function settled(result: unknown): Promise<void> {
  await result
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
    ? typeof value.then === 'function'
    : false
}

function assertAllFreed(allocator: FailingAllocator, run: string): void {
  const { allocations, deallocations, allocatedBytes, freedBytes } = allocator
  if (allocations === deallocations && allocatedBytes === freedBytes) return
  throw new OffheapError(
    'LEAK',
    `${run} leaked: ${allocations} blocks with ${allocatedBytes} bytes were allocated, ` +
      `${deallocations} with ${freedBytes} bytes freed${where(allocator)}`,
  )
}

/** The error for a run that came to its end although an allocation was to fail. */
function survived(allocator: FailingAllocator, count: number): OffheapError {
  const { failIndex, allocations } = allocator
  if (allocator.hasInducedFailure) {
    return new OffheapError(
      'SWALLOWED_FAILURE',
      `Allocation ${failIndex} of ${count} failed, but the function came to its end as if it had ` +
        `not: expected the OutOfMemoryError to come out${where(allocator)}`,
    )
  }
  return new OffheapError(
    'NONDETERMINISTIC',
    `Allocation ${failIndex} of ${count} was to fail but never came: the function made ` +
      `${count} allocations at first and ${allocations} now`,
  )
}

function where({ failureStack }: FailingAllocator): string {
  return failureStack === null ? '' : `. The failure was at\n${failureStack}`
}
