/**
 * SlabAllocator and slab.c: one allocator on whose state TypeScript and C work in turn, and beside it
 * one of TypeScript's alone, which must be the same to the word after every operation.
 */
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { shuffled } from '../../lib/conformance/random.js'
import { Region, SlabAllocator } from '../../lib/index.js'
import { SlabWord } from '../../lib/core/state.js'
import { chance, type Chance, compareStates, OPERATIONS, TIMEOUT, twins, wordsOf } from './doors.js'
import { SEED } from '../support/runs.js'
import { type Block, c, ORIGIN, stateOf, Twins } from './slab-twins.js'

const ALIGNS = [1, 2, 4, 8, 8, 16, 16, 16, 16, 16, 16, 16, 32, 64, 256, 512, 1024, 4096, 65_536]

/** A random program: phases with few sizes of their own, which fill the heap and empty it. */
class Program {
  private sizes: number[] = [16]
  private share = 50

  constructor(
    private readonly heap: Twins,
    private readonly any: Chance,
    private readonly capacity: number,
  ) {}

  run(operations: number): void {
    const { heap, any } = this
    const end = heap.counts.done + operations
    while (heap.counts.done < end) {
      if (any(400) === 0) this.phase()
      const roll = any(1000)
      if (roll < 60) this.wrong()
      else if (roll < 160) this.resize()
      else if (roll < 180) heap.usableSize(this.anywhere())
      else if (roll === 180) heap.trim()
      else if (roll === 181 && any.is(30)) heap.reset()
      else if (roll < 200) this.burst()
      else if (any.is(this.share)) heap.alloc(this.size(), this.align())
      else this.free()
    }
  }

  private phase(): void {
    const { any } = this
    this.sizes = Array.from({ length: 1 + any(6) }, () => this.anySize())
    this.share = any.of([20, 40, 50, 55, 70, 90])
  }

  private anySize(): number {
    const { any, capacity } = this
    const border = any.of([
      () => any(129) * 16,
      () => any(200),
      () => any(2100),
      () => any(20) * 512,
      () => any(140) * 512,
      () => any(1 + (capacity >>> 12)) * 512,
    ])()
    return Math.max(0, border + any.of([-1, 0, 0, 1]))
  }

  private size(): number {
    return this.any.is(80) ? this.any.of(this.sizes) : this.anySize()
  }

  private align(): number {
    return this.any.is(80) ? 16 : this.any.of(ALIGNS)
  }

  private pick(): Block | undefined {
    const { live } = this.heap
    if (live.length === 0) return undefined
    // Often one of the newest.
    const among = this.any.is(50) ? Math.min(live.length, 8) : live.length
    return live[live.length - 1 - this.any(among)]
  }

  private forget(block: Block): void {
    const { live, freed } = this.heap
    live.splice(live.indexOf(block), 1)
    freed.push(block)
    if (freed.length > 50) freed.shift()
  }

  private free(): void {
    const block = this.pick()
    if (block === undefined) return
    const done = this.any.is(70) ? this.heap.free(block) : this.heap.freePtr(block.at)
    assert(done)
    this.forget(block)
  }

  private resize(): void {
    const { any, heap } = this
    const block = this.pick()
    if (block === undefined) return
    const near = Math.max(0, block.size + any.of([-600, -20, -3, -1, 0, 1, 2, 9, 500, 5000]))
    const newSize = any.is(60)
      ? near
      : any.is(90)
        ? this.size()
        : any.of([2 ** 40, 2 ** 32 + block.size])
    const known = any.is(80)
    const done = known ? heap.resize(block, newSize) : heap.resizeUnknown(block, newSize)
    if (done) block.size = newSize
  }

  private burst(): void {
    const size = this.size()
    const align = this.align()
    for (let i = this.any(60); i > 0; i--) this.heap.alloc(size, align)
  }

  /** An offset at which a block may live, or not. */
  private anywhere(): number {
    const { any, heap } = this
    const at = (any.is(70) ? this.pick() : any.of(heap.freed))?.at ?? 0
    const by = [0, 0, 0, 1, 8, 16, 32, 48, 512, 1024, -16, -512, 2 ** 31, 2 ** 32, -(2 ** 32)]
    return any.is(80) ? at + any.of(by) : any(this.capacity + 2 ** 16)
  }

  /** A call that is refused, unless chance makes it right. */
  private wrong(): void {
    const { any, heap } = this
    const block = (any.is(70) ? this.pick() : any.of(heap.freed)) ?? { at: 0, size: 1, align: 1 }
    const wrong = { ...block }
    const how = any(5)
    if (how === 0) wrong.at = this.anywhere()
    else if (how === 1)
      wrong.size = any.of([0, 1, block.size + 1, block.size ^ 16, 2 ** 32 + block.size])
    else if (how === 2) wrong.align = any.of([0, 3, 24, 2, 4, 32, 4096, 2 ** 30, 2 ** 40])
    else if (how === 3) {
      heap.alloc(
        any.of([2 ** 31, 2 ** 32, 2 ** 32 + 16, 2 ** 53 - 1]),
        any.of([1, 16, 512, 2 ** 20]),
      )
      heap.alloc(any.of([0, 1, 16, 600, 5000]), any.of([0, 3, 17, 2 ** 32 + 16, 2 ** 32, 2 ** 40]))
      return
    }
    if (any.is(30)) this.resized(wrong, any.of([0, block.size, block.size + 1]))
    else if (heap.free(wrong)) this.forget(this.liveAt(wrong.at))
  }

  private resized(wrong: Block, newSize: number): void {
    if (this.heap.resize(wrong, newSize)) this.liveAt(wrong.at).size = newSize
  }

  private liveAt(at: number): Block {
    const block = this.heap.live.findLast((one) => one.at === at)
    assert(block !== undefined, `no block was handed out at ${at}`)
    return block
  }
}

/** Two regions of the C heap whose addresses are the same as far as alignments go. */
const regions = (size: number): [Region, Region] => [
  Region.malloc(size, { align: 2 ** 20 }),
  Region.malloc(size, { align: 2 ** 20 }),
]

function withTwins(
  memories: [Region, Region],
  seed: number,
  body: (heap: Twins, any: Chance) => void,
) {
  const any = chance(seed)
  const slabs = memories.map((memory) => new SlabAllocator(memory)) as [
    SlabAllocator,
    SlabAllocator,
  ]
  try {
    body(new Twins(...slabs, any), any)
  } finally {
    for (const slab of slabs) slab.dispose()
    for (const memory of memories) memory.dispose()
  }
}

const KIB = 1024
const MIB = 2 ** 20

describe.skipIf(c === undefined)(`slab.c and SlabAllocator in turn (seed ${SEED})`, () => {
  /** Bytes of the heap, and how many percent of all operations. */
  const heaps = [
    [3 * KIB, 5],
    [64 * KIB, 25],
    [300 * KIB, 30],
    [2 * MIB, 25],
    [24 * MIB, 20],
  ] as const

  test.each(heaps)(
    'are the same in a heap of %i bytes',
    (size, percent) => {
      const operations = Math.ceil((OPERATIONS * percent) / 100)
      withTwins(regions(size), SEED + size, (heap, any) => {
        new Program(heap, any, size).run(operations)
        heap.end()
        expect(heap.counts.byC).toBeGreaterThan(operations / 3)
        expect(heap.counts.refused).toBeGreaterThan(operations / 100)
      })
    },
    TIMEOUT,
  )

  test(
    'are the same in a heap that starts at an odd address',
    () => {
      const size = 200 * KIB
      const memories = twins(size, 7).map((bytes) => Region.from(bytes)) as [Region, Region]
      withTwins(memories, SEED, (heap, any) => {
        new Program(heap, any, size).run(OPERATIONS / 20)
        heap.end()
      })
    },
    TIMEOUT,
  )

  // Magazines and slabs are larger in a large heap.
  test(
    'are the same in a heap that is large',
    () => {
      const size = 80 * MIB
      withTwins(regions(size), SEED, (heap, any) => {
        heap.hold(60 * MIB)
        new Program(heap, any, 300 * KIB).run(OPERATIONS / 10)
        heap.end()
      })
    },
    TIMEOUT,
  )

  // Of so many runs in one bin not all are looked at.
  test(
    'are the same among many free runs of almost one length',
    () => {
      withTwins(regions(16 * MIB), SEED, (heap, any) => {
        for (let round = 0; round < 6; round++) {
          const gaps = Array.from({ length: 100 }, () => {
            const gap = heap.alloc((72 + any(8)) * 512, 16)!
            heap.alloc(3000, 16)
            return gap
          })
          for (const gap of shuffled(gaps, any)) {
            expect(heap.free(gap)).toBe(true)
            heap.live.splice(heap.live.indexOf(gap), 1)
          }
          for (let i = 0; i < 60; i++) heap.alloc((72 + any(9)) * 512, any.of([16, 16, 1024]))
          heap.reset()
        }
      })
    },
    TIMEOUT,
  )

  test(
    'are the same beyond 2 GiB',
    () => {
      const size = 2 ** 31 + 16 * MIB
      withTwins(regions(size), SEED, (heap, any) => {
        heap.hold(2 ** 31 - 4 * MIB)
        for (let i = 0; i < 2000; i++) heap.alloc(1000 + any(9000), 16)
        expect(heap.live.filter(({ at }) => at > 2 ** 31).length).toBeGreaterThan(500)
        for (let i = 0; i < 2000; i++) {
          const block = heap.live[any(heap.live.length)]!
          heap.usableSize(block.at)
          heap.resize(block, block.size)
          expect(heap.free(block)).toBe(true)
          heap.live.splice(heap.live.indexOf(block), 1)
          heap.free(block)
          heap.alloc(1 + any(3000), 16)
        }
        heap.end()
      })
    },
    TIMEOUT,
  )

  test('a heap that C made is one for TypeScript', () => {
    const any = chance(SEED)
    for (const size of [0, 100, 511, 512, 1000, 5000, 100_000, 100_001]) {
      const [a, b] = regions(Math.max(size, 1))
      const slab = new SlabAllocator(a)
      const words = new Int32Array((c['oh_slab_state_size']!(size) as number) / 4)
      const before = words.length
      c['oh_slab_init']!(words, b.address, size)
      if (size > 0) {
        expect(before).toBe(stateOf(slab).length)
        compareStates(words, stateOf(slab), ORIGIN)
      }
      // Of the same length, so that the same fit.
      for (let i = 0; i < 50 && size > 0; i++) {
        const asked = any(3000)
        const ptr = c['oh_slab_alloc']!(words, asked, 16) as number
        const expected = slab.rawAlloc(asked, 16)
        expect(ptr === 0 ? 0 : ptr - b.address).toBe(expected === 0 ? 0 : expected - a.address)
      }
      if (size === 0) expect(c['oh_slab_alloc']!(words, 1, 1)).toBe(0)
      for (const one of [slab, a, b]) one.dispose()
    }
  })

  test('C finds nothing in a heap whose region is gone', () => {
    const slab = new SlabAllocator(Region.malloc(MIB))
    const ptrs = [10, 100, 5000].map((size) => slab.rawAlloc(size, 16))
    slab.region.dispose()
    const words = wordsOf(slab)
    for (const [i, size] of [10, 100, 5000].entries()) {
      expect(c['oh_slab_alloc']!(words, size, 16)).toBe(0)
      expect(c['oh_slab_free']!(words, ptrs[i], size, 16)).toBe(false)
      expect(c['oh_slab_resize']!(words, ptrs[i], size, 16, size)).toBe(false)
      expect(c['oh_slab_usable_size']!(words, ptrs[i])).toBe(0)
    }
    expect(slab.stats()).toMatchObject({ capacity: 0, used: 0 })
  })

  // A run that was given back to the system counts as such until C takes it.
  test('C keeps account of what TypeScript purged', () => {
    const slab = new SlabAllocator({ reserve: 16 * MIB })
    const state = stateOf(slab)
    const blocks = Array.from({ length: 8 }, () => slab.rawAlloc(MIB, 16))
    for (const ptr of [1, 2, 3, 5].map((i) => blocks[i]!)) slab.rawFree(ptr, MIB, 16)
    const given = slab.trim()
    expect(given).toBe(4 * MIB)
    const { footprint } = slab.stats()
    expect(c['oh_slab_alloc']!(state, MIB / 2, 16)).toBe(blocks[5])
    expect(slab.stats().footprint - footprint).toBeGreaterThanOrEqual(MIB / 2)
    for (const ptr of [4, 6, 7].map((i) => blocks[i]!)) {
      expect(c['oh_slab_free']!(state, ptr, MIB, 16)).toBe(true)
    }
    expect(c['oh_slab_free']!(state, blocks[5], MIB / 2, 16)).toBe(true)
    expect(c['oh_slab_free']!(state, blocks[0], MIB, 16)).toBe(true)
    expect([state[SlabWord.PURGED], state[SlabWord.TOP]]).toEqual([0, 0])
    slab.dispose()
  })
})
