/**
 * FreeListAllocator and its C on one state. Both take turns on one heap, by chance; beside it TypeScript
 * alone does the same on another one. After each operation both have said the same, and the words of
 * their states are the same.
 */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import koffi from 'koffi'
import { describe, expect, test } from 'vitest'
import { FreeListAllocator, Region } from '../../lib/index.js'
import { FreeListWord, MAX_CAPACITY } from '../../lib/core/state.js'
import {
  type Chance,
  chance,
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

const c = loadStrategy(
  'free-list',
  ['free_list.c', 'free_list_granules.c', 'free_list_tree.c'],
  [
    'size_t oh_free_list_state_size(size_t capacity)',
    'void oh_free_list_init(void *list, uintptr_t base, size_t capacity)',
    'uintptr_t oh_free_list_alloc(void *list, size_t size, size_t align)',
    'bool oh_free_list_resize(void *list, uintptr_t ptr, size_t size, size_t align, size_t now)',
    'bool oh_free_list_free(void *list, uintptr_t ptr, size_t size, size_t align)',
    'void oh_free_list_reset(void *list)',
  ],
)

/** Words that differ between heaps at different addresses. */
const BASE = [FreeListWord.ORIGIN_LO, FreeListWord.ORIGIN_HI]

/** In place of an offset: the null pointer. */
const NULL = -Infinity

/** A block as a caller names it. `known` false: C is not told its size. */
interface Named {
  readonly at: number
  readonly size: number
  readonly align: number
  readonly known: boolean
}

/** What works on a heap. Blocks are named by their offsets in the region; false is no, however said. */
interface Door {
  alloc(size: number, align: number): Result
  free(block: Named): Result
  resize(block: Named, newSize: number): Result
  reset(): void
}

const saidPlainly = (result: Result): Result => (result === 'refused' ? false : result)

function throughTypeScript(list: FreeListAllocator): Door {
  const { address } = list.region
  const ptrOf = (at: number): number => (at === NULL ? 0 : address + at)
  const plain = (operation: () => Result | void): Result => saidPlainly(resultOf(operation))
  return {
    alloc: (size, align) =>
      plain(() => {
        const ptr = list.rawAlloc(size, align)
        return ptr === 0 ? false : ptr - address
      }),
    free: ({ at, size, align, known }) =>
      plain(() => (known ? list.rawFree(ptrOf(at), size, align) : list.freePtr(ptrOf(at)))),
    resize: ({ at, size, align }, newSize) =>
      plain(() => list.rawResize(ptrOf(at), size, align, newSize)),
    reset: () => list.reset(),
  }
}

function throughFunctions(list: FreeListAllocator): Door {
  const words = wordsOf(list)
  const { address } = list.region
  const ptrOf = (at: number): number => (at === NULL ? 0 : address + at)
  return {
    alloc: (size, align) => {
      const ptr = c!['oh_free_list_alloc']!(words, size, align)
      return ptr === 0 ? false : ptr - address
    },
    free: ({ at, size, align }) => c!['oh_free_list_free']!(words, ptrOf(at), size, align),
    resize: ({ at, size, align }, newSize) =>
      c!['oh_free_list_resize']!(words, ptrOf(at), size, align, newSize),
    reset: () => c!['oh_free_list_reset']!(words),
  }
}

/** The functions of oh_free_list_vtable. */
function tableOf() {
  const library = fileURLToPath(new URL('../../build/test/free-list.so', import.meta.url))
  const pointers = { alloc: 'void *', resize: 'void *', remap: 'void *', free: 'void *' }
  const vtable = koffi.struct({ abi_version: 'uint32_t', size: 'uint32_t', ...pointers })
  const table = koffi.decode(koffi.load(library).symbol('oh_free_list_vtable'), vtable)
  const block = ['void *', 'uintptr_t', 'size_t', 'size_t']
  const called = (name: string, result: string, args: string[]) =>
    koffi.decode(table[name], koffi.proto(result, args))
  return {
    version: table.abi_version as number,
    size: table.size as number,
    alloc: called('alloc', 'uintptr_t', ['void *', 'size_t', 'size_t']),
    resize: called('resize', 'bool', [...block, 'size_t']),
    remap: called('remap', 'uintptr_t', [...block, 'size_t']),
    free: called('free', 'void', block),
  }
}

const table = c && tableOf()

function throughTable(list: FreeListAllocator): Door {
  const words = wordsOf(list)
  const { address } = list.region
  const direct = throughFunctions(list)
  let turn = 0
  const ptrOf = (at: number): number => (at === NULL ? 0 : address + at)
  return {
    alloc: (size, align) => {
      const ptr = table!.alloc(words, size, align)
      return ptr === 0 ? false : ptr - address
    },
    free: (block) => {
      // Here 0 is not known, and so cannot be said.
      if (block.known && block.size === 0) return direct.free(block)
      const live = words[FreeListWord.LIVE]
      table!.free(words, ptrOf(block.at), block.known ? block.size : 0, block.align)
      return words[FreeListWord.LIVE] !== live
    },
    resize: (block, newSize) => {
      if (block.known && block.size === 0) return direct.resize(block, newSize)
      const ptr = ptrOf(block.at)
      const size = block.known ? block.size : 0
      turn += 1
      if (turn % 2 === 0) return table!.resize(words, ptr, size, block.align, newSize)
      const moved = table!.remap(words, ptr, size, block.align, newSize)
      assert(moved === 0 || moved === ptr, 'remap does not move')
      return moved !== 0
    },
    reset: () => direct.reset(),
  }
}

/** Sizes at which 32-bit arithmetic could go wrong. */
const TOO_MUCH = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 4096, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
const NO_ALIGN = [0, 3, 24, 2 ** 32 + 1]

/** How large a heap is, and what lives in it. */
interface Shape {
  readonly capacity: number
  readonly odd: number
  /** How many blocks live before frees prevail. */
  readonly blocks: number
  readonly maxSize: number
  /** log2 */
  readonly maxAlign: number
}

function shapeFrom(random: Chance): Shape {
  const capacity = 1 + random(random.of([64, 4000, 4000, 2 ** 16, 2 ** 16, 2 ** 19]))
  return {
    capacity,
    odd: random(40),
    blocks: 1 + random(random.of([10, 100, 400])),
    maxSize: random.of([16, 48, 200, 600, 3000, 20_000]),
    maxAlign: random.of([0, 4, 4, 6, 12, 16]),
  }
}

class Pair {
  /** Worked on through each door in turn. */
  readonly shared: FreeListAllocator
  readonly alone: FreeListAllocator
  private readonly doors: readonly Door[]
  private readonly reference: Door
  private readonly live: Named[] = []
  /** Where the block was that was freed last. */
  private freed = 0
  private done = 0

  constructor(
    memories: readonly [Uint8Array | Region, Uint8Array | Region],
    private readonly random: Chance,
    private readonly shape: Shape,
  ) {
    const [shared, alone] = memories.map((memory) => new FreeListAllocator(memory))
    this.shared = shared!
    this.alone = alone!
    this.doors = [throughTypeScript, throughFunctions, throughTable].map((door) => door(shared!))
    this.reference = throughTypeScript(alone!)
  }

  /** Does it through one of the doors, and in TypeScript alone. */
  both(what: string, operation: (door: Door) => Result | void): Result | void {
    const which = this.random(this.doors.length)
    const said = operation(this.doors[which]!)
    const expected = operation(this.reference)
    const where = `operation ${this.done++}, ${what}, through door ${which}`
    assert.equal(said, expected, where)
    this.compare(where)
    return said
  }

  /** The state of a large heap is a fifth of a gigabyte: only its first words are compared each time. */
  private compare(where: string): void {
    const [a, b] = [this.shared, this.alone].map((list) => wordsOf(list).subarray(0, 2 ** 15))
    try {
      compareStates(a!, b!, BASE)
    } catch (error) {
      throw new Error(where, { cause: error })
    }
  }

  /** Are all of the words the same? */
  checkAll(): void {
    const from = FreeListWord.LINES * 4
    const [a, b] = [this.shared, this.alone].map((list) => Buffer.from(wordsOf(list).buffer, from))
    assert(a!.equals(b!), 'the lines and the tree')
  }

  step(): void {
    const { random, live } = this
    if (random(500) === 0) return this.reset()
    if (random.is(2)) return this.checkFigures()
    if (random.is(10)) return this.callWrongly()
    if (live.length === 0 || random(this.shape.blocks * 2) > live.length / 2) return this.alloc()
    const block = { ...random.of(live), known: random.is(80) }
    // What is told of an alignment is any that the address has; without a size, none is checked.
    const named = block.known && random.is(50) ? block : { ...block, align: 1 }
    if (random.is(25)) this.resize(named, this.sizeNear(block.size))
    else this.free(named)
  }

  reset(): void {
    this.both('reset', (door) => door.reset())
    this.live.length = 0
  }

  /** Frees all blocks, in any order. */
  empty(): void {
    while (this.live.length > 0) this.free(this.random.of(this.live))
    assert.equal(this.shared.stats().used, 0)
    this.checkFigures()
  }

  checkFigures(): void {
    const { shared, alone } = this
    // The search for the largest hole corrects the tree.
    assert.equal(shared.largestFree, alone.largestFree)
    assert.deepEqual(shared.stats(), alone.stats())
    assert.deepEqual(
      [shared.totalAllocated, shared.remaining],
      [alone.totalAllocated, alone.remaining],
    )
    this.compare('figures')
  }

  alloc(size = this.size(), align = 2 ** this.random(this.shape.maxAlign + 1)): void {
    const at = this.both(`alloc(${size}, ${align})`, (door) => door.alloc(size, align))
    if (typeof at === 'number') this.live.push({ at, size, align, known: true })
  }

  free(block: Named): void {
    const said = this.both(`free(${JSON.stringify(block)})`, (door) => door.free(block))
    if (said !== true) return
    const i = this.indexOf(block.at)
    this.freed = block.at
    this.live[i] = this.live.at(-1)!
    this.live.pop()
  }

  resize(block: Named, newSize: number): void {
    const what = `resize(${JSON.stringify(block)}, ${newSize})`
    const said = this.both(what, (door) => door.resize(block, newSize))
    if (said !== true) return
    const i = this.indexOf(block.at)
    this.live[i] = { ...this.live[i]!, size: newSize }
  }

  /** Mostly wrong: some of these are right by accident. */
  private callWrongly(): void {
    const { random, live } = this
    if (random.is(20)) return this.alloc(random.of([1, 100, ...TOO_MUCH]), random.of(NO_ALIGN))
    if (random.is(20)) return this.alloc(random.of(TOO_MUCH), random.of([1, 16, 64, 2 ** 40]))
    const right = live.length === 0 ? { at: 0, size: 1, align: 1 } : random.of(live)
    const { at, size } = right
    const near = random.of([at + 1, at + 8, at + 16, at - 16, at + 2 ** 32, at - 2 ** 32])
    const far = random.of([random(this.shape.capacity + 200) - 100, this.freed, NULL])
    const block = {
      at: random.of([at, at, near, far].filter((place) => this.isAddress(place))),
      size: random.of([size, size + 1, Math.max(0, size - 1), 0, size + 2 ** 32, 2 ** 53 - 1]),
      align: random.of([1, 16, right.align, 64, 4096, 2 ** 40, ...NO_ALIGN]),
      known: true,
    }
    const i = this.indexOf(block.at)
    // TypeScript is told what C is to find out.
    const unknown = { at: block.at, size: live[i]?.size ?? 1, align: 1, known: false }
    const named = random.is(20) ? unknown : block
    if (random.is(50)) this.free(named)
    else this.resize(named, random.of([0, size, size + 20, ...TOO_MUCH]))
  }

  private isAddress(at: number): boolean {
    const lower = Math.min(this.shared.region.address, this.alone.region.address)
    return at === NULL || lower + at > 0
  }

  private indexOf(at: number): number {
    return this.live.findIndex((block) => block.at === at)
  }

  private size(): number {
    const { random, shape } = this
    if (random.is(10)) return random.of([0, 1, 15, 16, 17, 240, 241, 256, 257, shape.capacity])
    return random(1 + random(shape.maxSize + 1))
  }

  private sizeNear(size: number): number {
    const { random } = this
    return random.of([this.size(), size + random(40), Math.max(0, size - random(40)), 1])
  }
}

describe.skipIf(c === undefined)('a free list in C', { timeout: TIMEOUT }, () => {
  test(`is that of TypeScript in ${OPERATIONS} random operations, seed ${SEED}`, () => {
    const random = chance(SEED)
    for (let left = OPERATIONS; left > 0;) {
      const shape = shapeFrom(random)
      const steps = Math.min(left, 2000)
      left -= steps
      const pair = new Pair(twins(shape.capacity, shape.odd), random, shape)
      for (let i = 0; i < steps; i++) pair.step()
      pair.empty()
      pair.checkAll()
      pair.shared.dispose()
      pair.alone.dispose()
      pair.alloc(1, 16)
      pair.free({ at: 0, size: 1, align: 1, known: true })
    }
  })

  test(`is that of TypeScript in 4 GiB - 4 KiB, seed ${SEED}`, () => {
    const random = chance(SEED)
    const regions = [Region.pages(MAX_CAPACITY), Region.pages(MAX_CAPACITY)] as const
    const shape = { capacity: MAX_CAPACITY, odd: 0, blocks: 50, maxSize: 2 ** 28, maxAlign: 12 }
    const pair = new Pair(regions, random, shape)
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++) pair.step()
      pair.empty()
      pair.checkAll()
    }
    for (const region of regions) region.dispose()
  })

  test('begins with the state that TypeScript begins with', () => {
    const [memory] = twins(2 ** 22)
    const near = [11, 12, 15, 18, 20, 21].flatMap((log) => [2 ** log, 3 * 2 ** (log - 1)])
    const capacities = near.flatMap((bytes) => [-17, -16, -1, 0, 1, 15, 16].map((by) => bytes + by))
    for (const capacity of [1, 2, 15, 16, 17, 31, 32, 33, 500, ...capacities]) {
      for (const odd of [0, 1, 8, 15]) {
        using list = new FreeListAllocator(memory.subarray(odd, odd + capacity))
        const words = wordsOf(list)
        const size = c!['oh_free_list_state_size']!(capacity)
        expect(size).toBeGreaterThanOrEqual(words.byteLength)
        const fresh = new Int32Array(new ArrayBuffer(size))
        c!['oh_free_list_init']!(fresh, list.region.address, capacity)
        compareStates(fresh.subarray(0, words.length), words, [])
        expect(fresh.subarray(words.length).every((word) => word === 0)).toBe(true)
        if (list.region.address % 16 === 0) expect(size).toBe(words.byteLength)
      }
    }
  })

  test('has a table of this version', () => {
    expect([table!.version, table!.size]).toEqual([1, 48])
  })
})
