/** checkAllAllocationFailures: what it finds, and what it tells apart. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  type Allocator,
  BumpAllocator,
  cAllocator,
  checkAllAllocationFailures,
  type ErrorCode,
  type FailingAllocator,
  nullAllocator,
  OffheapError,
  OutOfMemoryError,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

/** Three blocks; each is freed when a later one cannot be had. */
function correct(allocator: Allocator): void {
  using _a = allocator.alloc(10)
  using _b = allocator.dupe('text')
  using _c = allocator.allocZeroed(30)
}

/** Forgets the first block when the second cannot be had. */
function leaky(allocator: Allocator): void {
  const a = allocator.alloc(10)
  const b = allocator.alloc(20)
  b.free()
  a.free()
}

/** Goes on without its second block. */
function swallowing(allocator: Allocator): void {
  const a = allocator.alloc(10)
  allocator.tryAlloc(20)?.free()
  a.free()
}

/** Allocates less each time that it came to its end. */
function forgetful(): (allocator: Allocator) => void {
  let left = 3
  return (allocator) => {
    for (let i = 0; i < left; i++) allocator.alloc(8).free()
    left--
  }
}

const later = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

/** The same function, but its allocations come after a wait. */
const asAsync =
  (fn: (allocator: Allocator) => void) =>
  async (allocator: Allocator): Promise<void> => {
    await later()
    fn(allocator)
  }

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return expect.unreachable('nothing was thrown')
}

const used = (): number => cAllocator.stats().used

test('a function that passes: as many runs as it has allocations, and the first', () => {
  const before = used()
  const seen: FailingAllocator[] = []
  const count = checkAllAllocationFailures(cAllocator, (allocator) => {
    seen.push(allocator)
    correct(allocator)
  })
  expect(count).toBe(3)
  expect(seen.map(({ failIndex }) => failIndex)).toEqual([Infinity, 0, 1, 2])
  expect(seen.map(({ hasInducedFailure }) => hasInducedFailure)).toEqual([false, true, true, true])
  expect(used()).toBe(before)
})

test('works over any allocator', () => {
  const bump = new BumpAllocator(1000)
  expect(checkAllAllocationFailures(bump, correct)).toBe(3)
})

test('a function that allocates nothing is run once, and says so', () => {
  let runs = 0
  expect(checkAllAllocationFailures(cAllocator, () => runs++)).toBe(0)
  expect(runs).toBe(1)
})

test('every allocation after the one that fails, fails as well', () => {
  const error = expectCode('LEAK', () =>
    checkAllAllocationFailures(new BumpAllocator(1000), (allocator) => {
      const a = allocator.alloc(10)
      // Tries again when memory is out, which must not help.
      const b = allocator.tryAlloc(10) ?? allocator.alloc(10)
      a.free()
      b.free()
    }),
  )
  expect(error.message).toContain('allocation 1 of 2')
})

const findings: readonly (readonly [string, () => (a: Allocator) => void, ErrorCode, RegExp])[] = [
  [
    'a leak when memory is out',
    () => leaky,
    'ERR_OFFHEAP_LEAK',
    /allocation 1 of 2 failed leaked: 1 blocks with 10 bytes.* 0 with 0 bytes freed.*failure was at\n.*at /s,
  ],
  [
    'a leak when nothing fails',
    () => (allocator) => void allocator.alloc(10),
    'ERR_OFFHEAP_LEAK',
    /no allocation failed leaked: 1 blocks with 10 bytes were allocated, 0 with 0 bytes freed$/,
  ],
  [
    'a leak of blocks without bytes',
    () => (allocator) => void allocator.alloc(0),
    'ERR_OFFHEAP_LEAK',
    /1 blocks with 0 bytes/,
  ],
  [
    'a failure that is swallowed',
    () => swallowing,
    'ERR_OFFHEAP_SWALLOWED_FAILURE',
    /^Allocation 1 of 2 failed, but the function came to its end.*failure was at\n.*swallowing/s,
  ],
  [
    'a count that changes',
    forgetful,
    'ERR_OFFHEAP_NONDETERMINISTIC',
    /^Allocation 2 of 3 was to fail but never came: .* 3 allocations at first and 2 now$/,
  ],
]

describe.each(findings)('%s', (_about, make, code, message) => {
  const check = (error: unknown): void => {
    expect(error).toBeInstanceOf(OffheapError)
    expect((error as OffheapError).code).toBe(code)
    expect((error as OffheapError).message).toMatch(message)
  }

  test('is found in a function', () => {
    const bump = new BumpAllocator(4096)
    check(expectCode(wrong(code.slice(12)), () => checkAllAllocationFailures(bump, make())))
  })

  test('is found in an async function', async () => {
    const bump = new BumpAllocator(4096)
    check(await rejection(checkAllAllocationFailures(bump, asAsync(make()))))
  })
})

test('bytes that came back with another size are a leak', () => {
  const error = expectCode('LEAK', () =>
    checkAllAllocationFailures(new BumpAllocator(100), (allocator) => {
      allocator.rawFree(allocator.rawAlloc(50, 1), 30, 1)
    }),
  )
  expect(error.message).toContain('1 blocks with 50 bytes were allocated, 1 with 30 bytes freed')
})

describe('an async function', () => {
  test('is awaited in each run, one after the other', async () => {
    let running = 0
    const checked = checkAllAllocationFailures(cAllocator, async (allocator) => {
      expect(++running).toBe(1)
      try {
        using _a = allocator.alloc(10)
        await later()
        using _b = allocator.alloc(20)
        await later()
      } finally {
        running--
      }
    })
    expect(checked).toBeInstanceOf(Promise)
    expect(await checked).toBe(2)
  })

  test('may be any thenable', async () => {
    const thenable = (allocator: Allocator): PromiseLike<void> => {
      const promise = asAsync(correct)(allocator)
      // oxlint-disable-next-line unicorn/no-thenable -- that is what is tested
      return { then: (...both) => promise.then(...both) }
    }
    expect(await checkAllAllocationFailures(cAllocator, thenable)).toBe(3)
  })

  test('may allocate and fail before its first await', async () => {
    const count = checkAllAllocationFailures(cAllocator, async (allocator) => correct(allocator))
    expect(await count).toBe(3)
  })
})

describe('other errors are passed on as they are', () => {
  const boom = new RangeError('boom')

  test('of the first run', async () => {
    const fail = (): never => {
      throw boom
    }
    expect(() => checkAllAllocationFailures(cAllocator, fail)).toThrow(boom)
    expect(await rejection(checkAllAllocationFailures(cAllocator, asAsync(fail)))).toBe(boom)
  })

  test('instead of the OutOfMemoryError', async () => {
    const masking = (allocator: Allocator): void => {
      const a = allocator.tryAlloc(8)
      if (a === null) throw boom
      a.free()
    }
    expect(() => checkAllAllocationFailures(cAllocator, masking)).toThrow(boom)
    expect(await rejection(checkAllAllocationFailures(cAllocator, asAsync(masking)))).toBe(boom)
  })

  test('memory that is really out, in the first run or a later one', () => {
    expect(() => checkAllAllocationFailures(nullAllocator, correct)).toThrow(OutOfMemoryError)
    const kept: Allocation[] = []
    const bump = new BumpAllocator(100)
    const greedy = (allocator: Allocator): void => {
      if (kept.length > 0) nullAllocator.alloc(1)
      kept.push(bump.alloc(90, 1))
      allocator.alloc(1, 1).free()
    }
    const error = expectCode('OUT_OF_MEMORY', () => checkAllAllocationFailures(bump, greedy))
    expect(error.message).toContain('nullAllocator')
  })
})

test('arguments are looked at', () => {
  for (const value of [undefined, null, 5, {}, 'c', Symbol('a')]) {
    expectCode('INVALID_ARGUMENT', () => checkAllAllocationFailures(wrong(value), correct))
    expectCode('INVALID_ARGUMENT', () => checkAllAllocationFailures(cAllocator, wrong(value)))
  }
})

test('its types say which of the two it is', () => {
  const count: number = checkAllAllocationFailures(cAllocator, correct)
  const promised: Promise<number> = checkAllAllocationFailures(cAllocator, asAsync(correct))
  expect(count).toBe(3)
  return expect(promised).resolves.toBe(3)
})
