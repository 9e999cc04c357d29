/** Random programs on FreeListAllocator: the laws of every heap, and first fit's own. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FreeListAllocator, Region } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { FreeListMachine } from './free-list-machine.js'
import { ComparedFreeList } from './free-list-naive.js'
import { type Op, programs, type Range, TOO_MUCH } from './program.js'

/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, ...TOO_MUCH]

/** Programs with resets between their parts. */
const withResets = (range: Range): fc.Arbitrary<Op[]> =>
  fc
    .array(programs(range), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.flatMap((part, i) => (i === 0 ? part : [{ op: 'reset' }, ...part])))

describe('FreeListAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over memory of any size at any offset', () => {
    const memory = fc.record({ capacity: fc.integer({ min: 1, max: 4000 }), odd: fc.nat(64) })
    const program = withResets({ maxSize: 300, maxAlign: 256, maxOps: 40, tooMuch })
    fc.assert(
      fc.property(memory, program, ({ capacity, odd }, ops) => {
        using allocator = new FreeListAllocator(
          new Uint8Array(new ArrayBuffer(capacity + odd), odd, capacity),
        )
        new FreeListMachine(allocator).run(ops)
      }),
      { numRuns: Math.ceil(RUNS / 2) },
    )
  })

  test('over memory from malloc, large alignments included', () => {
    const program = withResets({ maxSize: 20_000, maxAlign: 2 ** 14, maxOps: 40, tooMuch })
    const region = Region.malloc(2 ** 17)
    fc.assert(
      fc.property(program, (ops) => {
        using allocator = new FreeListAllocator(region)
        new FreeListMachine(allocator).run(ops)
      }),
      { numRuns: Math.ceil(RUNS / 2) },
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })
})

/** A long program, from a seed: fragments take many operations to come about. */
interface Long {
  readonly seed: number
  readonly capacity: number
  /** How many blocks live before frees prevail. */
  readonly blocks: number
  readonly maxSize: number
  readonly maxAlign: number
}

const long = fc.record({
  seed: fc.integer(),
  capacity: fc.integer({ min: 1000, max: 2 ** 20 }),
  blocks: fc.integer({ min: 1, max: 400 }),
  maxSize: fc.constantFrom(16, 48, 200, 600, 3000, 20_000),
  maxAlign: fc.constantFrom(1, 16, 64, 4096),
})

/** Numbers below `n`; small ones are likelier. */
function randomFrom(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    const low = (state >>> 8) / 2 ** 24
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return Math.floor(low * ((state >>> 8) / 2 ** 24) * n)
  }
}

function runLong(heap: ComparedFreeList, { seed, blocks, maxSize, maxAlign }: Long): void {
  const random = randomFrom(seed)
  const live: { ptr: number; size: number; align: number }[] = []
  for (let i = 0; i < 1500; i++) {
    const size = random(maxSize + 1)
    const choice = random(blocks * 2)
    if (live.length === 0 || choice > live.length / 2) {
      const align = 2 ** random(Math.log2(maxAlign) + 1)
      const ptr = heap.rawAlloc(size, align)
      if (ptr !== 0) live.push({ ptr, size, align })
    } else {
      const at = random(live.length)
      const block = live[at]!
      if (i % 5 === 0) {
        if (heap.rawResize(block.ptr, block.size, block.align, size)) block.size = size
      } else {
        heap.rawFree(block.ptr, block.size, block.align)
        live[at] = live.at(-1)!
        live.pop()
      }
    }
    if (i % 16 === 0) heap.checkFigures()
    if (i === 700 && seed % 4 === 0) {
      heap.reset()
      live.length = 0
    }
  }
  for (const { ptr, size, align } of live) heap.rawFree(ptr, size, align)
  heap.checkFigures()
}

describe('every address is that of a textbook first fit', { timeout: RUNS_TIMEOUT }, () => {
  test('in long random programs', () => {
    const region = Region.malloc(2 ** 20 + 16)
    fc.assert(
      fc.property(long, fc.nat(15), (program, odd) => {
        const memory = new Uint8Array(region.buffer, region.byteOffset + odd, program.capacity)
        using list = new FreeListAllocator(memory)
        runLong(new ComparedFreeList(list), program)
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    )
    region.dispose()
  })
})
