/** Random programs on SlabAllocator: small, large and odd memory, pages that are trimmed, growth. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Region, SlabAllocator } from '../../lib/index.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { Memory, PAGE } from '../support/wasm.js'
import { TOO_MUCH } from './program.js'
import { SlabMachine } from './slab-machine.js'
import { slabPrograms } from './slab-program.js'

const OPTIONS = { numRuns: Math.ceil(RUNS / 4) }
/** Also what is special to arithmetic on 32-bit words. */
const tooMuch = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, ...TOO_MUCH]

describe('SlabAllocator behaves as its model', { timeout: RUNS_TIMEOUT }, () => {
  test('over memory of any size at any offset, mostly full', () => {
    const capacity = fc.oneof(
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 40_000 }),
    )
    const memory = fc.record({ capacity, odd: fc.nat(600) })
    const program = slabPrograms({ maxSize: 6000, maxAlign: 1024, maxOps: 20, tooMuch })
    fc.assert(
      fc.property(memory, program, ({ capacity: bytes, odd }, ops) => {
        const view = new Uint8Array(new ArrayBuffer(bytes + odd), odd, bytes)
        using allocator = new SlabAllocator(view)
        new SlabMachine(allocator).run(ops)
      }),
      OPTIONS,
    )
  })

  test('over memory from malloc, large alignments included', () => {
    const program = slabPrograms({ maxSize: 70_000, maxAlign: 2 ** 14, maxOps: 24, tooMuch })
    const region = Region.malloc(2 ** 18)
    fc.assert(
      fc.property(program, (ops) => {
        using allocator = new SlabAllocator(region)
        new SlabMachine(allocator).run(ops)
      }),
      OPTIONS,
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })

  test('over pages that are given back by trims, and used again', () => {
    const program = slabPrograms({ maxSize: 40_000, maxAlign: 2 ** 13, maxOps: 24, tooMuch })
    const region = Region.pages(2 ** 18)
    fc.assert(
      fc.property(program, (ops) => {
        using allocator = new SlabAllocator(region)
        new SlabMachine(allocator).run(ops)
      }),
      OPTIONS,
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })

  test('over megabytes, where slabs and magazines are large, for long', () => {
    const range = { maxSize: 9000, maxAlign: 512, maxOps: 100, tooMuch }
    const program = slabPrograms(range, 30)
    const region = Region.pages(2 ** 23)
    fc.assert(
      fc.property(program, fc.integer({ min: 5, max: 95 }), (ops, share) => {
        using allocator = new SlabAllocator(region)
        new SlabMachine(allocator).run([{ op: 'ballast', share }, ...ops])
      }),
      { numRuns: Math.ceil(RUNS / 40) },
    )
    region.dispose()
    expect(region.disposed).toBe(true)
  })

  test('over a WebAssembly memory that grows under its blocks', () => {
    const program = slabPrograms({ maxSize: 40_000, maxAlign: 1024, maxOps: 20, tooMuch })
    const start = fc.integer({ min: 1, max: 70_000 })
    fc.assert(
      fc.property(program, start, (ops, at) => {
        const memory = new Memory({ initial: 2, maximum: 9 })
        // Without an end there are words for 4 GiB, which takes its time: now and then only.
        const options = at % 64 === 0 ? { start: at } : { start: at, end: 9 * PAGE }
        using region = Region.wasm(memory, options)
        using allocator = new SlabAllocator(region)
        new SlabMachine(allocator, false).run(ops)
      }),
      OPTIONS,
    )
  })
})
