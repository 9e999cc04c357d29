/** Random programs on every strategy over a memory that also grows at random moments by itself. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { type Allocator, BumpAllocator, Region } from '../../lib/index.js'
import { BumpMachine } from '../model/bump-machine.js'
import { Machine } from '../model/machine.js'
import { bumpPrograms, type Op, programs, TOO_MUCH } from '../model/program.js'
import type { Block } from '../support/shadow.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { Memory, PAGE, STRATEGIES } from '../support/wasm.js'

const MAXIMUM = 12
/** Of each of seven tests. */
const OPTIONS = { numRuns: Math.ceil(RUNS / 8) }

/** Grows a memory by a page before some of the operations. */
class Growth {
  private next = 0

  constructor(
    private readonly memory: Memory,
    private readonly moments: readonly boolean[],
  ) {}

  perhaps(): void {
    const isMoment = this.moments[this.next++ % this.moments.length]
    if (isMoment && this.memory.buffer.byteLength < MAXIMUM * PAGE) this.memory.grow(1)
  }
}

class GrowingBumpMachine extends BumpMachine {
  constructor(
    allocator: BumpAllocator,
    private readonly growth: Growth,
  ) {
    super(allocator)
  }

  protected override step(op: Op): void {
    this.growth.perhaps()
    super.step(op)
  }

  /** Exactly as long as it could fit if the memory were as long as it can be. */
  protected override mustFit(size: number, align: number): boolean {
    const { region, totalAllocated } = this.allocator
    const start = region.address + totalAllocated
    return Math.ceil(start / align) * align + Math.max(size, 1) <= MAXIMUM * PAGE
  }
}

class GrowingMachine extends Machine {
  constructor(
    allocator: Allocator,
    private readonly growth: Growth,
    private readonly isLifo: boolean,
  ) {
    super(allocator, 'view')
  }

  protected override step(op: Op): void {
    this.growth.perhaps()
    super.step(this.isLifo ? this.onNewest(op) : op)
  }

  protected override free(block: Block): void {
    super.free(this.isLifo ? [...this.shadow.blocks].at(-1)! : block)
  }

  /** Whatever an operation would do to a block, and in place. */
  private onNewest(op: Op): Op {
    const pick = this.shadow.blocks.size - 1
    return op.op === 'move' || op.op === 'realign' || op.op === 'resize'
      ? { op: 'resize', pick: Math.max(pick, 0), size: op.size }
      : op
  }

  /** Fragmentation is each strategy's own: its model knows. */
  protected override mustFit(): boolean {
    return false
  }
}

interface Setting {
  start: number
  shared: boolean
  moments: boolean[]
}

const settings: fc.Arbitrary<Setting> = fc.record({
  start: fc.integer({ min: 1, max: PAGE }),
  shared: fc.boolean(),
  moments: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
})
const range = { maxSize: 2 * PAGE, maxAlign: 2 ** 12, maxOps: 50, tooMuch: [2 ** 31, ...TOO_MUCH] }

function setUp({ start, shared, moments }: Setting): { region: Region; growth: Growth } {
  const memory = new Memory({ initial: 1, maximum: MAXIMUM, shared })
  // With an end, so that state is made for that much and not for 4 GiB each time.
  const region = Region.wasm(memory, { start, end: MAXIMUM * PAGE })
  return { region, growth: new Growth(memory, moments) }
}

describe('over a memory that grows at any moment', { timeout: RUNS_TIMEOUT }, () => {
  test('BumpAllocator behaves as its model, to the byte', () => {
    fc.assert(
      fc.property(settings, bumpPrograms(range), (setting, program) => {
        const { region, growth } = setUp(setting)
        new GrowingBumpMachine(new BumpAllocator(region), growth).run(program)
      }),
      OPTIONS,
    )
  })

  test.each(STRATEGIES)('$name keeps its blocks', ({ over, traits }) => {
    fc.assert(
      fc.property(settings, programs(range), (setting, program) => {
        const { region, growth } = setUp(setting)
        const isLifo = traits.freesInOrder === 'lifo'
        new GrowingMachine(over(region), growth, isLifo).run(program)
      }),
      OPTIONS,
    )
  })
})
