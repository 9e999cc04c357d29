/** What BacktracingAllocator writes down: which block, from where, and what became of it. */
import { describe, expect, test } from 'vitest'
import {
  BacktracingAllocator,
  BumpAllocator,
  cAllocator,
  FailingAllocator,
  type Site,
  SlabAllocator,
} from '../../lib/index.js'
import { loadHolder } from '../doors/holder.js'
import { expectCode } from '../support/errors.js'
import { collectGarbage } from '../support/memory.js'

const c = loadHolder()
const MIB = 2 ** 20

/** The site whose innermost frame is in this function. */
function siteOf(traced: BacktracingAllocator, name: string): Site {
  const site = traced.profile().sites.find(({ stack }) => stack[0]?.function.endsWith(name))
  expect(site, name).toBeDefined()
  return site!
}

describe('what is allocated', () => {
  test('is counted at the function that asked, with what was freed, lives and lived', () => {
    const traced = new BacktracingAllocator(cAllocator)
    function keeper() {
      return traced.alloc(100)
    }
    function passer() {
      traced.alloc(1000).free()
    }
    const kept = Array.from({ length: 3 }, () => keeper())
    for (let i = 0; i < 5; i++) passer()
    kept[1]!.free()
    expect(siteOf(traced, 'keeper')).toMatchObject({
      allocs: 3,
      frees: 1,
      totalBytes: 300,
      liveBlocks: 2,
      liveBytes: 200,
      peakBytes: 300,
      temporary: 0,
      heldBytes: 200,
      why: 'still held',
      allocator: 'cAllocator',
    })
    expect(siteOf(traced, 'passer')).toMatchObject({
      allocs: 5,
      frees: 5,
      temporary: 5,
      liveBytes: 0,
    })
    const { totals, mode } = traced.profile()
    expect(mode).toBe('exact')
    expect(totals).toMatchObject({ allocs: 8, frees: 6, liveBytes: 200, unknownFrees: 0, sites: 2 })
  })

  test('has the callers above it, and none of this library', () => {
    const traced = new BacktracingAllocator(cAllocator)
    function inner() {
      traced.dupeZ('text').free()
    }
    function outer() {
      inner()
    }
    outer()
    const names = siteOf(traced, 'inner').stack.map((frame) => frame.function)
    expect(names.slice(0, 2)).toEqual(['inner', 'outer'])
  })

  test('is told apart by the line, and is one site where the stack is one', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const twice = (): void => {
      traced.alloc(1).free()
      traced.alloc(1).free()
    }
    for (let i = 0; i < 10; i++) twice()
    const { sites } = traced.profile()
    expect(sites.map(({ allocs }) => allocs)).toEqual([10, 10])
    expect(sites[0]!.stack[0]!.line).not.toBe(sites[1]!.stack[0]!.line)
  })

  test('that fails is nothing', () => {
    const traced = new BacktracingAllocator(new FailingAllocator(cAllocator, { failIndex: 0 }))
    expect(traced.rawAlloc(8, 8)).toBe(0)
    expect(traced.tryAlloc(8)).toBeNull()
    expectCode('OUT_OF_MEMORY', () => traced.alloc(8))
    expect(traced.profile().sites).toEqual([])
  })

  test('raw is never freed, as nobody holds it, and can be listed', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const ptr = traced.rawAlloc(48, 32)
    expect(traced.profile().sites[0]).toMatchObject({ why: 'never freed', heldBytes: 0 })
    expect(traced.blocks()).toMatchObject([{ ptr, size: 48, align: 32 }])
    traced.rawFree(ptr, 48, 32)
    expect(traced.blocks()).toEqual([])
  })

  test('stays at its line when it grows, moves or shrinks', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const a = traced.alloc(10)
    traced.realloc(a, 100_000)
    expect(traced.profile().sites).toMatchObject([{ liveBytes: 100_000, allocs: 1, liveBlocks: 1 }])
    if (a.resize(50)) expect(traced.profile().totals.liveBytes).toBe(50)
    a.free()
    const raw = traced.rawAlloc(16, 16)
    const moved = traced.rawRemap(raw, 16, 16, 200_000)
    expect(traced.profile().totals.liveBytes).toBe(moved === 0 ? 16 : 200_000)
    traced.rawFree(moved || raw, moved === 0 ? 16 : 200_000, 16)
    expect(traced.profile().totals).toMatchObject({ liveBytes: 0, liveBlocks: 0, unknownFrees: 0 })
  })

  test('lives on in the ledger when it could not be freed', () => {
    const traced = new BacktracingAllocator(new SlabAllocator({ reserve: MIB }))
    const ptr = traced.rawAlloc(64, 16)
    expectCode('INVALID_POINTER', () => traced.rawFree(ptr, 6400, 16))
    expect(traced.profile().totals.liveBytes).toBe(64)
    traced.rawFree(ptr, 64, 16)
    expect(traced.profile().totals.liveBytes).toBe(0)
  })

  test('before tracing began is an unknown free', () => {
    const ptr = cAllocator.rawAlloc(64, 16)
    const traced = new BacktracingAllocator(cAllocator)
    traced.rawFree(ptr, 64, 16)
    expect(traced.profile().totals.unknownFrees).toBe(1)
  })

  test('beyond the most blocks is counted, not listed', () => {
    const traced = new BacktracingAllocator(cAllocator, { maxBlocks: 2 })
    const all = Array.from({ length: 5 }, () => traced.alloc(8))
    expect(traced.profile().totals).toMatchObject({ allocs: 5, liveBlocks: 2, unlisted: 3 })
    for (const a of all) a.free()
    expect(traced.profile().totals).toMatchObject({ liveBlocks: 0, unknownFrees: 0 })
  })

  test('is gone with a reset through the tracer', () => {
    const traced = new BacktracingAllocator(new BumpAllocator(MIB))
    const a = traced.alloc(100)
    traced.rawAlloc(100, 8)
    traced.reset()
    expect(a.freed).toBe(true)
    expect(traced.profile().totals).toMatchObject({ liveBytes: 0, frees: 2 })
    expectCode('UNSUPPORTED', () => new BacktracingAllocator(cAllocator).reset())
  })
})

describe('a handle', () => {
  test('that was collected is lost', async () => {
    const traced = new BacktracingAllocator(cAllocator)
    const lose = (): void => void traced.alloc(500)
    for (let i = 0; i < 20; i++) lose()
    const held = traced.alloc(7)
    for (let i = 0; i < 20 && siteOf(traced, 'lose').lostBytes === 0; i++) await collectGarbage()
    expect(siteOf(traced, 'lose')).toMatchObject({ why: 'handle lost', liveBytes: 10_000 })
    held.free()
    for (const { ptr, size, align } of traced.blocks()) traced.rawFree(ptr, size, align)
    expect(traced.profile().totals.liveBytes).toBe(0)
  })
})

describe('modes', () => {
  test('are switched while blocks live, which are still followed', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const before = [traced.alloc(100), traced.alloc(100)]
    const raw = traced.rawAlloc(100, 8)
    traced.mode = 'off'
    const during = traced.alloc(100)
    before[0]!.free()
    traced.rawFree(raw, 100, 8)
    expect(traced.profile().totals).toMatchObject({ allocs: 3, liveBytes: 100 })
    traced.mode = 'exact'
    const after = traced.alloc(100)
    during.free()
    traced.free(after)
    traced.free(before[1]!)
    expect(traced.profile().totals).toMatchObject({ allocs: 4, liveBytes: 0, unknownFrees: 0 })
  })

  test('sampled, the sums are estimates that come near, and come out even', () => {
    const options = { mode: 'sampled', sampleBytes: 16 * 1024 } as const
    const traced = new BacktracingAllocator(new SlabAllocator({ reserve: 64 * MIB }), options)
    const sizes = [100, 1000, 10_000, 100_000]
    const blocks = sizes.flatMap((size) => Array.from({ length: 250 }, () => traced.alloc(size)))
    const live = 250 * sizes.reduce((a, b) => a + b)
    const { totals, mode, sampleBytes } = traced.profile()
    expect({ mode, sampleBytes }).toEqual({ mode: 'sampled', sampleBytes: 16 * 1024 })
    // Ten deviations: those of the large ones are nearly 0, and they are nearly all.
    expect(totals.liveBytes).toBeGreaterThan(live * 0.8)
    expect(totals.liveBytes).toBeLessThan(live * 1.2)
    for (const a of blocks) a.free()
    expect(traced.profile().totals).toMatchObject({ liveBytes: 0, liveBlocks: 0 })
  })

  test.each([
    [{ mode: 'some' }],
    [{ sampleBytes: 0 }],
    [{ frames: 0 }],
    [{ frames: 257 }],
    [{ frames: 1.5 }],
    [{ maxBlocks: -1 }],
    [null],
  ])('and options that are none are refused: %j', (options) => {
    expectCode('INVALID_ARGUMENT', () => new BacktracingAllocator(cAllocator, options as never))
  })
})

describe('scopes', () => {
  test('label what is allocated in them, after awaits and inside of each other', async () => {
    const traced = new BacktracingAllocator(cAllocator)
    const work = async (): Promise<void> => {
      await collectGarbage()
      traced.scope('inner', () => traced.alloc(1).free())
    }
    await Promise.all([traced.scope('a', work), traced.scope('b', work)])
    const scopes = traced.profile().sites.map((site) => site.scopes.join(' '))
    expect(scopes.toSorted()).toEqual(['a inner', 'b inner'])
  })
})

describe('the C door', () => {
  test('writes down what C allocates, and either side frees what the other allocated', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const { valloc } = traced
    const ofC = c.allocate(valloc.external, 1234)
    const [site] = traced.profile().sites
    expect(site).toMatchObject({ liveBytes: 1234, why: 'never freed' })
    expect(site!.stack.every((frame) => frame.native === true)).toBe(true)
    expect(site!.stack[0]!.file).toMatch(/holder\.node$/)
    expect(site!.stack[0]!.offset).toBeGreaterThan(0)
    traced.rawFree(Number(ofC), 1234, 16)
    const ofJs = traced.rawAlloc(99, 16)
    c.release(valloc.external, BigInt(ofJs))
    expect(traced.profile().totals).toMatchObject({ liveBytes: 0, allocs: 2, frees: 2 })
    expectCode('PINNED', () => traced.dispose())
    valloc.release()
    traced.dispose()
  })

  test('has the stack of JavaScript below that of C, where it was wrapped', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const { valloc } = traced
    const allocate = traced.wrap((size: number) => c.allocate(valloc.external, size))
    function caller() {
      return allocate(10)
    }
    const block = caller()
    const { stack } = traced.profile().sites[0]!
    const first = stack.findIndex((frame) => frame.native !== true)
    expect(first).toBeGreaterThan(0)
    expect(stack[first]!.function).toBe('caller')
    c.release(valloc.external, block)
    valloc.release()
  })

  test('serves other threads of C', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const { valloc } = traced
    const block = c.allocateInThread(valloc.external, 10)
    const threads = traced.blocks().map(({ thread }) => thread)
    expect(threads).toHaveLength(1)
    const own = traced.alloc(1)
    expect(traced.blocks().map(({ thread }) => thread)).not.toEqual([threads[0], threads[0]])
    own.free()
    c.release(valloc.external, block)
    valloc.release()
    expect(traced.profile().totals.liveBytes).toBe(0)
  })
})

describe('a program', () => {
  test('may do with Error what it wants', () => {
    const { prepareStackTrace, stackTraceLimit } = Error
    const traced = new BacktracingAllocator(cAllocator)
    try {
      Error.prepareStackTrace = () => {
        throw new Error('not of interest')
      }
      Error.stackTraceLimit = 0
      traced.alloc(5).free()
      expect(Error.stackTraceLimit).toBe(0)
    } finally {
      Object.assign(Error, { prepareStackTrace, stackTraceLimit })
    }
    expect(traced.profile().sites[0]!.stack.length).toBeGreaterThan(3)
  })

  test('may recurse as deep as it can', () => {
    const traced = new BacktracingAllocator(cAllocator, { frames: 20 })
    const deep = (n: number): void => (n === 0 ? traced.alloc(5).free() : deep(n - 1))
    deep(5000)
    expect(siteOf(traced, 'deep').stack).toHaveLength(20)
  })
})
