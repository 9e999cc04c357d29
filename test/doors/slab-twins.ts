/**
 * Two slab allocators on which the same operations are done: the first by TypeScript and C in turn, the
 * second by TypeScript alone. After each the results are the same, and the states to the word.
 */
import assert from 'node:assert/strict'
import type { SlabAllocator } from '../../lib/index.js'
import { SlabWord } from '../../lib/core/state.js'
import {
  type Chance,
  compareStates,
  loadStrategy,
  type Result,
  resultOf,
  wordsOf,
} from './doors.js'

const SOURCES = ['slab.c', 'slab_cache.c', 'slab_magazines.c', 'slab_runs.c']
const BLOCK = 'void *state, uintptr_t ptr, size_t size, size_t align'
/** The functions of slab.h, and those of its table. */
export const c = loadStrategy(
  'slab',
  [...SOURCES, 'test/doors/slab_door.c'],
  [
    'size_t oh_slab_state_size(size_t capacity)',
    'uintptr_t oh_slab_init(void *state, uintptr_t base, size_t capacity)',
    'void oh_slab_reset(void *state)',
    'uintptr_t oh_slab_alloc(void *state, size_t size, size_t align)',
    `bool oh_slab_resize(${BLOCK}, size_t new_size)`,
    `bool oh_slab_free(${BLOCK})`,
    'size_t oh_slab_usable_size(void *state, uintptr_t ptr)',
    'uintptr_t door_alloc(void *state, size_t size, size_t align)',
    `bool door_resize(${BLOCK}, size_t new_size)`,
    `uintptr_t door_remap(${BLOCK}, size_t new_size)`,
    `void door_free(${BLOCK})`,
  ],
)!

/** Words that differ between two heaps. */
export const ORIGIN = [SlabWord.ORIGIN_LO, SlabWord.ORIGIN_HI]
/** So large a state is compared as a whole only now and then, else the words that all share. */
const LARGE_STATE = 2 ** 18

export interface Block {
  /** From the start of the region. */
  at: number
  size: number
  align: number
}

/** What differs between two memories, or nothing. */
class Comparison {
  private readonly parts: [Uint8Array, Uint8Array][]
  private operations = 0

  constructor(
    private readonly a: Int32Array,
    private readonly b: Int32Array,
  ) {
    assert.equal(a.length, b.length)
    const part = (from: number, to: number): [Uint8Array, Uint8Array] => [
      new Uint8Array(a.buffer, a.byteOffset + from * 4, (to - from) * 4),
      new Uint8Array(b.buffer, b.byteOffset + from * 4, (to - from) * 4),
    ]
    this.parts = [
      part(0, SlabWord.ORIGIN_LO),
      part(SlabWord.ORIGIN_HI + 1, SlabWord.STRETCH_MAP),
      part(SlabWord.STRETCH_MAP, a.length),
    ]
  }

  /** After an operation. */
  check(what: string, whole = this.a.length < LARGE_STATE || ++this.operations % 500 === 0): void {
    const parts = whole ? this.parts : this.parts.slice(0, 2)
    if (parts.every(([a, b]) => Buffer.compare(a, b) === 0)) return
    try {
      compareStates(this.a, this.b, ORIGIN)
    } catch (error) {
      assert.fail(`${what}: ${String(error)}`)
    }
  }
}

/** The whole state: what is behind the words that an allocator shows belongs to it too. */
export const stateOf = (slab: SlabAllocator): Int32Array => new Int32Array(wordsOf(slab).buffer)

/** The two allocators, and what lives in them. */
export class Twins {
  readonly live: Block[] = []
  freed: Block[] = []
  readonly counts = { done: 0, refused: 0, byC: 0 }
  private ballast: Block | undefined
  private readonly comparison: Comparison
  private readonly state: Int32Array
  private readonly base: number

  /** byC: how many percent of the operations on the first are C's. */
  constructor(
    readonly slab: SlabAllocator,
    readonly twin: SlabAllocator,
    private readonly any: Chance,
    private readonly byC = 50,
  ) {
    this.state = stateOf(slab)
    this.base = slab.region.address
    this.comparison = new Comparison(this.state, stateOf(twin))
    this.comparison.check('at first', true)
  }

  /** One operation on both. What TypeScript throws for, C says no to. */
  private both(
    what: string,
    js: (slab: SlabAllocator) => Result | void,
    inC: () => Result,
  ): Result {
    const expected = resultOf(() => js(this.twin))
    const refused = expected === 'refused' || expected === false
    this.counts.done++
    if (refused) this.counts.refused++
    if (this.any.is(this.byC)) {
      this.counts.byC++
      assert.equal(inC(), refused ? false : expected, what)
    } else {
      assert.equal(
        resultOf(() => js(this.slab)),
        expected,
        what,
      )
    }
    this.comparison.check(what)
    return expected
  }

  /** Where in the region, or false for 0. */
  private offset(ptr: number): Result {
    return ptr === 0 ? false : ptr - this.base
  }

  alloc(size: number, align: number): Block | undefined {
    const named = this.any.is(50) ? c['oh_slab_alloc']! : c['door_alloc']!
    const at = this.both(
      `alloc ${size} at ${align}`,
      (slab) => {
        const ptr = slab.rawAlloc(size, align)
        return ptr !== 0 && ptr - slab.region.address
      },
      () => this.offset(named(this.state, size, align) as number),
    )
    if (typeof at !== 'number') return undefined
    const block = { at, size, align }
    this.live.push(block)
    return block
  }

  /** As the arguments say; is the block free now? */
  free({ at, size, align }: Block): boolean {
    const result = this.both(
      `free ${size} at ${at}, aligned to ${align}`,
      (slab) => slab.rawFree(slab.region.address + at, size, align),
      () => c['oh_slab_free']!(this.state, this.base + at, size, align) as boolean,
    )
    return result === true
  }

  /** The caller does not know the size. */
  freePtr(at: number): boolean {
    const before = this.twin.stats().used
    const result = this.both(
      `free at ${at}`,
      (slab) => slab.freePtr(slab.region.address + at),
      () => {
        c['door_free']!(this.state, this.base + at, 0, this.any.of([1, 8, 16]))
        // It has no result: the figures say it.
        return this.slab.stats().used !== before
      },
    )
    return result === true
  }

  resize({ at, size, align }: Block, newSize: number): boolean {
    const remaps = this.any.is(30)
    const result = this.both(
      `resize ${size} at ${at} to ${newSize}, aligned to ${align}`,
      (slab) => slab.rawResize(slab.region.address + at, size, align, newSize),
      () => {
        const ptr = this.base + at
        if (!remaps) return c['oh_slab_resize']!(this.state, ptr, size, align, newSize) as boolean
        if (size === 0) return c['oh_slab_resize']!(this.state, ptr, 0, align, newSize) as boolean
        const moved = c['door_remap']!(this.state, ptr, size, align, newSize) as number
        assert([0, ptr].includes(moved))
        return moved === ptr
      },
    )
    return result === true
  }

  /** The caller does not know the size. */
  resizeUnknown({ at, size, align }: Block, newSize: number): boolean {
    const result = this.both(
      `resize the block at ${at} to ${newSize}`,
      (slab) => slab.rawResize(slab.region.address + at, size, align, newSize),
      () => c['door_resize']!(this.state, this.base + at, 0, align, newSize) as boolean,
    )
    return result === true
  }

  usableSize(at: number): void {
    this.both(
      `usableSize at ${at}`,
      (slab) => slab.usableSize(slab.region.address + at),
      () => {
        const size = c['oh_slab_usable_size']!(this.state, this.base + at) as number
        return size !== 0 && size
      },
    )
  }

  reset(): void {
    this.both(
      'reset',
      (slab) => slab.reset(),
      () => {
        c['oh_slab_reset']!(this.state)
        return true
      },
    )
    this.freed = this.live.splice(0)
    if (this.ballast !== undefined) this.hold(this.ballast.size)
  }

  /** A block that lives until the end, and again after each reset. */
  hold(size: number): void {
    this.ballast = this.alloc(size, 16)!
    this.live.pop()
  }

  /** By TypeScript, of both: C has none. */
  trim(): void {
    assert.equal(this.slab.trim(), this.twin.trim())
    this.comparison.check('trim')
  }

  /** All that is live can be freed, the newest first or last. */
  end(): void {
    if (this.ballast !== undefined) this.live.push(this.ballast)
    if (this.any.is(50)) this.live.reverse()
    for (const block of this.live.splice(0)) assert(this.free(block))
    assert.equal(this.slab.stats().used, 0)
    this.comparison.check('in the end', true)
  }
}
