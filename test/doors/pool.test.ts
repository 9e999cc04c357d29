/**
 * PoolAllocator and native/core/pool.c on one state: C and TypeScript take turns on a heap, beside
 * another on which TypeScript does the same alone.
 *
 * What C does not do, because the state does not say enough for it, it must refuse without a trace:
 * then TypeScript does it. See pool.h.
 */
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { PoolAllocator, type PoolOptions, Region } from '../../lib/index.js'
import { PoolWord } from '../../lib/core/state.js'
import {
  chance,
  type Chance,
  compareStates,
  loadStrategy,
  OPERATIONS,
  type Result,
  resultOf,
  TIMEOUT,
  twins,
  wordsOf,
} from './doors.js'
import { SEED } from '../support/runs.js'

const STATE = 'void *pool'
const BLOCK = 'uintptr_t ptr, size_t size, size_t align'
const SHAPE = 'size_t block_size, size_t align'

const c = loadStrategy(
  'pool',
  ['pool.c'],
  [
    `uintptr_t oh_pool_alloc(${STATE}, size_t size, size_t align)`,
    `bool oh_pool_resize(${STATE}, ${BLOCK}, size_t new_size)`,
    `bool oh_pool_free(${STATE}, ${BLOCK})`,
    `bool oh_pool_free_block(${STATE}, uintptr_t ptr)`,
    `size_t oh_pool_usable_size(${STATE}, uintptr_t ptr)`,
    `bool oh_pool_grow(${STATE}, size_t step)`,
    `void oh_pool_reset(${STATE})`,
    `size_t oh_pool_fit(uintptr_t base, size_t capacity, ${SHAPE})`,
    `size_t oh_pool_state_size(size_t most_blocks)`,
    `bool oh_pool_init(${STATE}, uintptr_t base, size_t capacity, ${SHAPE}, size_t blocks, size_t most)`,
  ],
)!

/** A heap, and the doors to it. Blocks are told by their offset from the first one. */
interface Door {
  alloc(size: number, align: number): Result
  resize(offset: number, size: number, align: number, newSize: number): Result
  free(offset: number, size: number, align: number): Result
  freeBlock(offset: number): Result
  reset(): Result
}

const firstOf = (pool: PoolAllocator): number => {
  const words = wordsOf(pool)
  return words[PoolWord.BASE_HI]! * 2 ** 32 + (words[PoolWord.BASE_LO]! >>> 0)
}

/** What finds no memory, and what asks for what cannot be, is the same for C. */
const placeOf = (first: number, ptr: Result): Result =>
  typeof ptr === 'number' && ptr !== 0 ? ptr - first : 'refused'

const throughTypeScript = (pool: PoolAllocator): Door => {
  const first = firstOf(pool)
  return {
    alloc: (size, align) =>
      placeOf(
        first,
        resultOf(() => pool.rawAlloc(size, align)),
      ),
    resize: (offset, size, align, newSize) =>
      resultOf(() => pool.rawResize(first + offset, size, align, newSize)) === true,
    free: (offset, size, align) =>
      resultOf(() => pool.rawFree(first + offset, size, align)) === true,
    freeBlock: (offset) => resultOf(() => pool.freeBlock(first + offset)) === true,
    reset: () => resultOf(() => pool.reset()),
  }
}

/** @param step By how many blocks the pool grows, which C is told. */
const throughC = (pool: PoolAllocator, step: number): Door => {
  const first = firstOf(pool)
  const words = wordsOf(pool)
  return {
    alloc: (size, align) => {
      const take = (): Result => placeOf(first, c['oh_pool_alloc']!(words, size, align))
      const offset = take()
      const fits = size === pool.blockSize && Number.isInteger(Math.log2(align))
      if (offset !== 'refused' || !fits || align > words[PoolWord.ALIGN]!) return offset
      return c['oh_pool_grow']!(words, step) ? take() : 'refused'
    },
    resize: (offset, size, align, newSize) =>
      c['oh_pool_resize']!(words, first + offset, size, align, newSize),
    free: (offset, size, align) => c['oh_pool_free']!(words, first + offset, size, align),
    freeBlock: (offset) => c['oh_pool_free_block']!(words, first + offset),
    reset: () => c['oh_pool_reset']!(words) ?? true,
  }
}

/**
 * Where the pools lie; and whether there is a table of sizes, which TypeScript makes also when a block
 * is resized to the size that it has.
 */
const EXCEPT = [PoolWord.BASE_LO, PoolWord.BASE_HI, PoolWord.SIZES]

interface Block {
  readonly offset: number
  size: number
  readonly align: number
}

const NO_ALIGN = [0, 3, 12, 2 ** 31 - 1]
/** Those of which no user-space memory is near a multiple, beside 0. */
const FAR_ALIGN = [2 ** 45, 2 ** 52]
const TOO_MUCH = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 8, 2 ** 50, Number.MAX_SAFE_INTEGER]

/** A random program on two heaps; after each operation they must be the same. */
class Twins {
  private readonly doors: readonly Door[]
  private readonly blocks: Block[] = []
  private readonly size: number
  private readonly stride: number
  private readonly aligns: readonly number[]
  private last = ''
  private steps = 0

  constructor(
    private readonly shared: PoolAllocator,
    private readonly alone: PoolAllocator,
    private readonly random: Chance,
    /** Percent of the blocks that are asked for smaller than they are. */
    private readonly parts: number,
    /** Addresses in both heaps are the same modulo this. */
    alike: number,
  ) {
    const step = shared.blockCount
    this.doors = [throughTypeScript(shared), throughC(shared, step), throughTypeScript(alone)]
    this.size = shared.blockSize
    this.stride = wordsOf(shared)[PoolWord.STRIDE]! >>> 0
    assert.equal(Math.abs(firstOf(shared) - firstOf(alone)) % alike, 0)
    this.aligns = Array.from({ length: Math.log2(alike) + 1 }, (_, bits) => 2 ** bits)
    compareStates(wordsOf(shared), wordsOf(alone), EXCEPT)
  }

  run(operations: number): void {
    for (let i = 0; i < operations; i++) {
      try {
        this.step()
      } catch (error) {
        throw new Error(`seed ${SEED}, operation ${i} of a program: ${this.last}`, { cause: error })
      }
    }
  }

  /**
   * Does it through either door of the shared heap and on the other, and compares.
   *
   * @param withParts There are blocks in this that are smaller than a whole one: C refuses.
   */
  private both(what: string, withParts: boolean, operation: (door: Door) => Result): Result {
    const side = this.random(2)
    this.last = `${what} through ${side === 0 ? 'TypeScript' : 'C'}`
    const words = wordsOf(this.shared)
    let result: Result
    if (withParts && side === 1) {
      const before = words.slice()
      const refused = operation(this.doors[1]!)
      assert(refused === 'refused' || refused === false, 'C has no table of sizes')
      compareStates(words, before, [])
      result = operation(this.doors[0]!)
    } else {
      result = operation(this.doors[side]!)
    }
    assert.equal(result, operation(this.doors[2]!), 'the result')
    compareStates(words, wordsOf(this.alone), EXCEPT)
    return result
  }

  /** More is allocated than freed for a while, then the other way round. */
  private step(): void {
    const { random } = this
    const kind = random(100)
    const wave = (this.steps++ >> 6) % 2 === 0
    if (kind < (wave ? 60 : 25)) this.alloc()
    else if (kind < 78) this.free(random.of(this.blocks))
    else if (kind < 88) this.resize(random.of(this.blocks))
    else if (kind < 96) this.wrong()
    else if (kind < 99) this.look()
    else if (random.is(30)) this.reset()
  }

  private alloc(): void {
    const { random } = this
    let { size } = this
    if (random.is(this.parts)) size = random(this.size)
    else if (random.is(3)) size = random.of([this.size + 1, ...TOO_MUCH])
    const aligns = random.is(95) ? this.aligns : [...NO_ALIGN, ...FAR_ALIGN]
    const align = random.is(40) ? wordsOf(this.shared)[PoolWord.ALIGN]! : random.of(aligns)
    const isPart = size < this.size
    const what = `alloc(${size}, ${align})`
    const offset = this.both(what, isPart, (door) => door.alloc(size, align))
    if (typeof offset === 'number') this.blocks.push({ offset, size, align })
  }

  private isPart(offset: number): boolean {
    const block = this.blocks.find((one) => one.offset === offset)
    return block !== undefined && block.size < this.size
  }

  private free(block: Block | undefined): void {
    if (block === undefined) return
    const { offset, size, align } = block
    const isPart = size < this.size
    const isKnown = this.random.is(70)
    const what = isKnown ? `free(${offset}, ${size}, ${align})` : `freeBlock(${offset})`
    const freed = this.both(what, isPart, (door) =>
      isKnown ? door.free(offset, size, align) : door.freeBlock(offset),
    )
    if (freed === true) this.blocks.splice(this.blocks.indexOf(block), 1)
    if (this.random.is(80)) return
    this.both(`again ${what}`, false, (door) =>
      isKnown ? door.free(offset, size, align) : door.freeBlock(offset),
    )
  }

  private resize(block: Block | undefined): void {
    if (block === undefined) return
    const { random } = this
    const { offset, size, align } = block
    let newSize = this.size
    if (random.is(this.parts)) newSize = random(this.size)
    else if (random.is(30)) newSize = random.of([this.size + 1, ...TOO_MUCH])
    const withParts = size < this.size || newSize < this.size
    const what = `resize(${offset}, ${size}, ${align}, ${newSize})`
    const resized = this.both(what, withParts, (door) => door.resize(offset, size, align, newSize))
    if (resized === true) block.size = newSize
  }

  /** Another address, size or alignment than that of a block. */
  private wrong(): void {
    const { random, stride } = this
    const block = random.of(this.blocks) ?? { offset: 0, size: this.size, align: 1 }
    const past = [0, 0, 0, 1, -1, 8, stride, -stride, stride * 40, 2 ** 32, random(4 * stride)]
    const at = block.offset + random.of(past)
    const { size: has, align } = block
    const size = random.of([has, this.size, has + 1, Math.max(has - 1, 0), 0, has + 2 ** 32])
    const aligned = random.of([align, 1, ...this.aligns, ...FAR_ALIGN, ...NO_ALIGN])
    const newSize = random.is(70) ? this.size : random(this.size)
    const kind = random(3)
    const withParts = this.isPart(at) || (kind === 2 && newSize < this.size)
    const found = this.blocks.findIndex((one) => one.offset === at)
    if (kind === 2) {
      const what = `resize(${at}, ${size}, ${aligned}, ${newSize})`
      const resized = this.both(what, withParts, (door) => door.resize(at, size, aligned, newSize))
      if (resized === true) this.blocks[found]!.size = newSize
      return
    }
    const what = kind === 0 ? `free(${at}, ${size}, ${aligned})` : `freeBlock(${at})`
    const freed = this.both(what, withParts, (door) =>
      kind === 0 ? door.free(at, size, aligned) : door.freeBlock(at),
    )
    if (freed === true) this.blocks.splice(found, 1)
  }

  /** C tells what room there is in live blocks, and in no others. */
  private look(): void {
    const { random, shared } = this
    const live = random.of(this.blocks)
    const offset = live?.offset ?? 0
    const words = wordsOf(shared)
    const roomAt = (at: number): number =>
      c['oh_pool_usable_size']!(words, firstOf(shared) + at) as number
    assert.equal(roomAt(offset), live === undefined ? 0 : this.size)
    assert.equal(roomAt(offset + 1 + random(this.stride - 1)), 0)
    if (shared.freeBlocks > 0) assert.equal(c['oh_pool_grow']!(words, 1), false, 'some are free')
  }

  private reset(): void {
    this.both('reset()', false, (door) => door.reset())
    this.blocks.length = 0
  }

  /** Nothing is allocated or freed any more; the words say so to both. */
  end(): void {
    this.shared.dispose()
    this.alone.dispose()
    this.blocks.length = 0
    compareStates(wordsOf(this.shared), wordsOf(this.alone), EXCEPT)
    for (let i = 0; i < 3; i++) {
      this.both('alloc', false, (door) => door.alloc(this.size, 1))
      this.both('free', false, (door) => door.free(0, this.size, 1))
      this.both('resize', false, (door) => door.resize(0, this.size, 1, this.size))
    }
  }
}

const PROGRAM = 500

interface Kind {
  readonly name: string
  /** Modulo what two addresses are the same, beside the alignment of the pools. */
  readonly alike: number
  make(random: Chance, size: number, options: PoolOptions): [PoolAllocator, PoolAllocator]
}

const twice = (make: () => PoolAllocator): [PoolAllocator, PoolAllocator] => [make(), make()]
/** Also around the 32 blocks that have their bits in one word. */
const count = (random: Chance): number =>
  random.is(30) ? random.of([31, 32, 33, 63, 64, 65]) : 1 + random(random.is(50) ? 12 : 200)

const KINDS: readonly Kind[] = [
  {
    name: 'of a number of blocks',
    alike: 1,
    make(random, size, options) {
      const blocks = count(random)
      return twice(() => new PoolAllocator(size, blocks, options))
    },
  },
  {
    name: 'over memory of any size at any offset',
    alike: 4096,
    make(random, size, options) {
      const bytes = count(random) * (size + 128) + 128 + random(300)
      const [first, second] = twins(bytes, random(130))
      return [new PoolAllocator(size, first, options), new PoolAllocator(size, second, options)]
    },
  },
  {
    name: 'that grow',
    alike: 4096,
    make(random, size, options) {
      const blocks = count(random)
      const growTo = blocks + random(random.is(30) ? 200 : 3 * blocks)
      return twice(() => new PoolAllocator(size, blocks, { ...options, growTo }))
    },
  },
]

describe.skipIf(c === undefined)('pool.c and PoolAllocator', { timeout: TIMEOUT }, () => {
  test.each(KINDS)(
    `are one heap through two doors, pools $name (seed ${SEED})`,
    ({ make, alike }) => {
      for (let done = 0; done < OPERATIONS / 2; done += PROGRAM) {
        const random = chance(SEED + done)
        const size = 1 + random(random.is(50) ? 40 : 200)
        const align = 2 ** random(8)
        const [shared, alone] = make(random, size, { align })
        const parts = random.of([0, 10, 40])
        const both = new Twins(shared, alone, random, parts, Math.max(alike, align))
        both.run(PROGRAM)
        both.end()
      }
    },
  )

  test(`also where offsets pass 2^31 (seed ${SEED})`, () => {
    using first = Region.pages(3 * 2 ** 30)
    using second = Region.pages(3 * 2 ** 30)
    const random = chance(SEED)
    for (let done = 0; done < OPERATIONS / 20; done += PROGRAM) {
      const size = 2 ** (20 + random(11)) + random.of([0, 16, 4096, 99_999])
      const [shared, alone] = [new PoolAllocator(size, first), new PoolAllocator(size, second)]
      new Twins(shared, alone, random, 20, 4096).run(PROGRAM)
      shared.dispose()
      alone.dispose()
    }
  })

  test('begin with the same words', () => {
    const [memory] = twins(10_000, 3)
    for (const [size, align] of [
      [1, 1],
      [8, 16],
      [24, 8],
      [100, 4],
      [1000, 512],
      [9000, 1],
    ] as const) {
      using pool = new PoolAllocator(size, memory, { align })
      const { address } = pool.region
      const made = wordsOf(pool)
      const most = c['oh_pool_fit']!(address, 10_000, size, align) as number
      expect(most).toBe(pool.blockCount)
      expect(c['oh_pool_state_size']!(most)).toBe(made.byteLength)
      const words = new Int32Array(made.length)
      expect(c['oh_pool_init']!(words, address, 10_000, size, align, most + 1, most + 1)).toBe(
        false,
      )
      expect(c['oh_pool_init']!(words, address, 10_000, size, align, most, most)).toBe(true)
      compareStates(words, made, [])
    }
  })
})
