// Where a tracer could be in a program's way, or lose count.

import { afterEach, describe, expect, test } from 'vitest'
import * as offheap from '../../lib/index.js'
import {
  BacktracingAllocator,
  traceEverything,
  type TraceEverythingOptions,
  type Tracing,
} from '../../lib/leaks/index.js'
import { facts } from '../faults/support/child.js'

const { Allocator, BumpAllocator, cAllocator, Region, SlabAllocator, ThreadSafeAllocator } = offheap

let tracing: Tracing | undefined
afterEach(() => {
  tracing?.stop()
  tracing = undefined
})
const start = (): Tracing => (tracing = traceEverything(offheap))

const liveBy = (traced: Pick<Tracing, 'figures'>): Record<string, number> =>
  Object.fromEntries(
    traced.figures().allocators.map(({ allocator, liveBytes }) => [allocator, liveBytes]),
  )

describe('where the stack ends', () => {
  interface Seen {
    allocated: number
    refused: number
    used: number
    others: string[]
    frames?: number
  }
  const seen = (how: string): Promise<Seen> =>
    facts<Seen>(import.meta.url, 'fixtures/edges/overflow.mjs', { args: [how] })

  test.each(['wrapped', 'everything'])(
    'no block is lost, and no other error is thrown: %s',
    async (how) => {
      const { allocated, refused, used, others, frames } = await seen(how)
      expect(allocated).toBeGreaterThan(1000)
      expect(refused).toBeGreaterThan(0) // or the stack did not end there
      expect({ others, frames }).toEqual({ others: [], frames: 16 })
      // An allocator that nobody traces loses some too: after it took a block, before it made a handle.
      expect(used).toBeLessThan(100 * 64)
    },
  )
})

describe('while everything is traced', () => {
  test('a region and the first block in it have one address, and count both', () => {
    const traced = start()
    const region = Region.malloc(1000)
    const bump = new BumpAllocator(region)
    const a = bump.alloc(100, 1)
    expect(a.ptr).toBe(region.address)
    expect(liveBy(traced)).toEqual({ Region: 1000, BumpAllocator: 100 })
    a.free()
    expect(liveBy(traced)).toEqual({ Region: 1000, BumpAllocator: 0 })
    bump.alloc(100, 1)
    bump.dispose()
    region.dispose()
    expect(liveBy(traced)).toEqual({ Region: 0, BumpAllocator: 0 })
    expect(traced.figures().unknownFrees).toBe(0)
  })

  test('a heap for threads can be made, and a block that is adopted counts once', () => {
    const traced = start()
    const heap = new ThreadSafeAllocator(new SlabAllocator({ reserve: 2 ** 16 }))
    const a = heap.adopt(heap.rawAlloc(100, 16), 100, 16)
    expect(traced.figures()).toMatchObject({ liveBlocks: 1, liveBytes: 100 })
    a.free()
    expect(traced.figures()).toMatchObject({ liveBlocks: 0, unknownFrees: 0 })
    heap.dispose()
  })

  test('all threads may share its ledger, and options that are none are refused', () => {
    for (const wrong of ['yes', 1, null]) {
      const options = { allThreads: wrong } as unknown as TraceEverythingOptions
      expect(() => traceEverything(offheap, options)).toThrow(/true or false for allThreads/)
    }
    tracing = traceEverything(offheap, { allThreads: true, frames: 1 })
    const a = cAllocator.alloc(100)
    expect(liveBy(tracing)).toEqual({ cAllocator: 100 })
    tracing.resolveLines()
    expect(tracing.profile().sites[0]!.stack[0]!.file).toContain('tracing-edges.test.ts')
    a.free()
    expect(tracing.figures()).toMatchObject({ liveBlocks: 0, unknownFrees: 0 })
  })

  test('a tracer of the program’s own counts the same', () => {
    const traced = start()
    const own = new BacktracingAllocator(new BacktracingAllocator(cAllocator))
    const a = own.dupe('text')
    const b = own.realloc(own.alloc(8), 4000)
    for (const each of [traced, own, own.inner as BacktracingAllocator]) {
      expect(each.figures()).toMatchObject({ liveBlocks: 2, liveBytes: 4004 })
      expect(each.profile().sites[0]!.stack[0]!.file).toContain('tracing-edges.test.ts')
    }
    a.free()
    b.free()
    for (const each of [traced, own, own.inner as BacktracingAllocator]) {
      expect(each.figures()).toMatchObject({ liveBlocks: 0, unknownFrees: 0 })
    }
  })

  test('what dupe and its like allocate is of the line that called them, with one frame too', () => {
    tracing = traceEverything(offheap, { frames: 1 })
    const own = new BacktracingAllocator(new BumpAllocator(1000), { frames: 1 })
    const all = [cAllocator, own].flatMap((each) => [
      each.dupe('a'),
      each.dupeZ('b'),
      each.allocZeroed(3),
    ])
    const frames = [tracing, own].flatMap((each) => each.profile().sites.map(({ stack }) => stack))
    expect(frames.flat()).toHaveLength(frames.length)
    for (const [frame] of frames) expect(frame!.file).toContain('tracing-edges.test.ts')
    all.forEach((a) => a.free())
  })

  test('an allocator whose name throws allocates nevertheless', () => {
    start()
    class Nameless extends BumpAllocator {
      override get name(): string {
        throw new Error('mine')
      }
    }
    const a = new Nameless(1000).alloc(10)
    expect(a.size).toBe(10)
    expect(liveBy(tracing!)).toEqual({ Allocator: 10 })
  })

  test('methods keep their names and lengths, and are what they were afterwards', () => {
    const methods = (): unknown[] =>
      [Allocator, BumpAllocator, SlabAllocator].flatMap((each) =>
        Object.getOwnPropertyNames(each.prototype).flatMap((name) => {
          const { value } = Object.getOwnPropertyDescriptor(each.prototype, name)!
          return typeof value === 'function' ? [value] : []
        }),
      )
    const told = (): unknown[] =>
      methods().map((method) => [(method as () => void).name, (method as () => void).length])
    const [before, toldBefore] = [methods(), told()]
    const traced = start()
    expect(methods()).not.toEqual(before)
    expect(told()).toEqual(toldBefore)
    expect(() => traceEverything(offheap)).toThrow(/nothing is traced yet/)
    traced.stop()
    traced.stop()
    expect(methods()).toEqual(before)
    traceEverything(offheap).stop()
  })

  test.each([null, undefined, 1, {}, { Allocator: 1 }])('%j is no library', (library) => {
    expect(() => traceEverything(library as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }),
    )
  })

  test.each([{ mode: 'none' }, { frames: 0 }, { sampleBytes: 0 }, { maxBlocks: -1 }, null])(
    'wrong options are refused, and nothing is traced then: %j',
    (options) => {
      expect(() => traceEverything(offheap, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }),
      )
      start()
    },
  )

  test('of classes that are frozen all stay as they are', () => {
    class Frozen extends SlabAllocator {
      override rawAlloc(size: number, align: number): number {
        return super.rawAlloc(size, align)
      }
    }
    Object.freeze(Frozen.prototype)
    const { rawAlloc } = SlabAllocator.prototype
    expect(() => traceEverything({ ...offheap, Frozen })).toThrow(TypeError)
    expect(SlabAllocator.prototype.rawAlloc).toBe(rawAlloc)
    start()
  })

  test.each([
    [1, () => {}],
    ['x', 1],
  ])('scope(%j, %j) is refused', (name, run) => {
    expect(() => start().scope(name as never, run as never)).toThrow(/Tracing\.scope/)
    expect(() => tracing!.wrap(7 as never)).toThrow(/Tracing\.wrap/)
  })
})
