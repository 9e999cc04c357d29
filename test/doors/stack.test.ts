/**
 * StackAllocator and native/core/stack.c on one state: C and TypeScript take turns on a heap, beside
 * another on which TypeScript does the same alone.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Region, StackAllocator } from '../../lib/index.js'
import { StackHeader, StackWord } from '../../lib/core/state.js'
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

const STATE = 'void *stack'
const BLOCK = 'uintptr_t ptr, size_t size, size_t align'

const c = loadStrategy(
  'stack',
  ['stack.c'],
  [
    `uintptr_t oh_stack_alloc(${STATE}, size_t size, size_t align)`,
    `bool oh_stack_resize(${STATE}, ${BLOCK}, size_t new_size)`,
    `bool oh_stack_free(${STATE}, ${BLOCK})`,
    `bool oh_stack_pop(${STATE})`,
    `void oh_stack_reset(${STATE})`,
    `void oh_stack_init(${STATE}, uintptr_t base, size_t capacity)`,
  ],
)!

/** A heap, and the doors to it. Blocks are told by their offset in the region. */
interface Door {
  alloc(size: number, align: number): Result
  resize(offset: number, size: number, align: number, newSize: number): Result
  free(offset: number, size: number, align: number): Result
  pop(): Result
  reset(): Result
}

/** What finds no memory, and what asks for what cannot be, is the same for C. */
const placeOf = (stack: StackAllocator, ptr: Result): Result =>
  typeof ptr === 'number' && ptr !== 0 ? ptr - stack.region.address : 'refused'

const throughTypeScript = (stack: StackAllocator): Door => {
  const { address } = stack.region
  return {
    alloc: (size, align) =>
      placeOf(
        stack,
        resultOf(() => stack.rawAlloc(size, align)),
      ),
    resize: (offset, size, align, newSize) =>
      resultOf(() => stack.rawResize(address + offset, size, align, newSize)) === true,
    free: (offset, size, align) =>
      resultOf(() => stack.rawFree(address + offset, size, align)) === true,
    pop: () => resultOf(() => stack.pop()) === true,
    reset: () => resultOf(() => stack.reset()),
  }
}

const throughC = (stack: StackAllocator): Door => {
  const { address } = stack.region
  const words = wordsOf(stack)
  return {
    alloc: (size, align) => placeOf(stack, c['oh_stack_alloc']!(words, size, align)),
    resize: (offset, size, align, newSize) =>
      c['oh_stack_resize']!(words, address + offset, size, align, newSize),
    free: (offset, size, align) => c['oh_stack_free']!(words, address + offset, size, align),
    pop: () => c['oh_stack_pop']!(words),
    reset: () => c['oh_stack_reset']!(words) ?? true,
  }
}

const BASE = [StackWord.BASE_LO, StackWord.BASE_HI]
const HEADER = StackHeader.BYTES

interface Block {
  readonly offset: number
  size: number
  readonly align: number
}

/** What is not in memory of 3 GiB, and what is special to arithmetic on 32-bit words. */
const TOO_MUCH = [2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1, 2 ** 32, 2 ** 50, Number.MAX_SAFE_INTEGER]
const NO_ALIGN = [0, 3, 12, 2 ** 31 - 1]
/** Those of which no user-space memory is near a multiple, beside 0. */
const FAR_ALIGN = [2 ** 45, 2 ** 52]

/** A random program on two heaps; after each operation they must be the same. */
class Twins {
  private readonly doors: readonly Door[]
  private readonly blocks: Block[] = []
  private last = ''

  constructor(
    private readonly shared: StackAllocator,
    private readonly alone: StackAllocator,
    private readonly random: Chance,
    private readonly sizes: readonly number[],
  ) {
    this.doors = [throughTypeScript(shared), throughC(shared), throughTypeScript(alone)]
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

  /** Does it through either door of the shared heap and on the other, and compares. */
  private both(what: string, operation: (door: Door) => Result): Result {
    const side = this.random(2)
    this.last = `${what} through ${side === 0 ? 'TypeScript' : 'C'}`
    const result = operation(this.doors[side]!)
    assert.equal(result, operation(this.doors[2]!), 'the result')
    compareStates(wordsOf(this.shared), wordsOf(this.alone), BASE)
    return result
  }

  private step(): void {
    const kind = this.random(100)
    if (kind < 42) this.alloc()
    else if (kind < 60) this.free(this.blocks.at(-1))
    else if (kind < 64) this.free(this.random.of(this.blocks))
    else if (kind < 74) this.resize(this.blocks.at(-1))
    else if (kind < 82) this.resize(this.random.of(this.blocks))
    else if (kind < 90) this.pop()
    else if (kind < 95) this.wrong()
    else if (kind < 98) this.damage()
    else if (this.random.is(15)) this.reset()
  }

  private size(): number {
    const { random } = this
    if (random.is(3)) return random.of(TOO_MUCH)
    return random.is(60) ? random(20) : random(random.of(this.sizes))
  }

  private align(): number {
    const { random } = this
    if (random.is(3)) return random.of([...NO_ALIGN, ...FAR_ALIGN])
    return random.is(40) ? 16 : 2 ** random(random.is(90) ? 8 : 13)
  }

  private alloc(): void {
    const [size, align] = [this.size(), this.align()]
    const offset = this.both(`alloc(${size}, ${align})`, (door) => door.alloc(size, align))
    if (typeof offset === 'number') this.blocks.push({ offset, size, align })
  }

  private free(block: Block | undefined): void {
    if (block === undefined) return
    const { offset, size, align } = block
    const what = `free(${offset}, ${size}, ${align})`
    const freed = this.both(what, (door) => door.free(offset, size, align))
    if (freed === true) this.blocks.pop()
    if (this.random.is(20)) this.both(`again ${what}`, (door) => door.free(offset, size, align))
  }

  private resize(block: Block | undefined, newSize = this.newSize(block)): void {
    if (block === undefined) return
    const { offset, size, align } = block
    const what = `resize(${offset}, ${size}, ${align}, ${newSize})`
    const resized = this.both(what, (door) => door.resize(offset, size, align, newSize))
    if (resized === true) block.size = newSize
  }

  private newSize(block: Block | undefined): number {
    return this.random.is(30) ? (block?.size ?? 0) : this.size()
  }

  private pop(): void {
    if (this.both('pop()', (door) => door.pop()) === true) this.blocks.pop()
  }

  private reset(): void {
    this.both('reset()', (door) => door.reset())
    this.blocks.length = 0
  }

  /** Another address, size or alignment than that of a block. */
  private wrong(): void {
    const { random } = this
    const { offset, size, align } = random.is(70)
      ? (this.blocks.at(-1) ?? { offset: 8, size: 1, align: 1 })
      : (random.of(this.blocks) ?? { offset: 0, size: 0, align: 1 })
    const past = random.of([0, 0, 0, 1, -1, 8, -8, 16, 2 ** 32, 2 ** 33, random(400)])
    const sizes = [size, size + 1, Math.max(size - 1, 0), 0, 1, size + 2 ** 32, random(300)]
    const other = random.of(sizes)
    const aligned = random.of([align, align, 1, 16, align * 2, 64, ...FAR_ALIGN, ...NO_ALIGN])
    const at = offset + past
    const newSize = random.is(50) ? other : random(100)
    if (random.is(50)) {
      const what = `free(${at}, ${other}, ${aligned})`
      if (this.both(what, (door) => door.free(at, other, aligned)) === true) this.blocks.pop()
    } else {
      const what = `resize(${at}, ${other}, ${aligned}, ${newSize})`
      const resized = this.both(what, (door) => door.resize(at, other, aligned, newSize))
      const block = this.blocks.find((one) => one.offset === at)
      if (resized === true && block !== undefined) block.size = newSize
    }
  }

  /** Overwrites a header in part, and mends it a little later if its block is still there. */
  private damage(): void {
    const { random } = this
    const block = random.is(60) ? this.blocks.at(-1) : random.of(this.blocks)
    if (block === undefined) return
    const headers = [this.shared, this.alone].map((stack) =>
      stack.view(stack.region.address + block.offset - HEADER, HEADER),
    )
    const whole = headers[0]!.slice()
    const [at, bits, kind] = [random(HEADER), 1 + random(255), random(10)]
    const planted = this.planted(block)
    for (const header of headers) {
      if (kind === 0) header.fill(0)
      else if (kind === 1) header.fill(bits)
      else if (kind < 6) setWord(header, (at >> 2) * 4, planted)
      else header[at]! ^= bits
    }
    const seen = this.blocks.indexOf(block)
    for (let i = random(6); i >= 0; i--) {
      const what = random(5)
      if (what === 0) this.pop()
      else if (what === 1) this.free(this.blocks.at(-1))
      else if (what === 2) this.resize(this.blocks.at(-1))
      else if (what === 3) this.resize(random.of(this.blocks))
      else this.alloc()
    }
    if (this.blocks[seen] !== block) return
    for (const header of headers) header.set(whole)
    // It may have been resized meanwhile, where only what lies below was overwritten.
    for (const header of headers) setWord(header, 0, block.size)
  }

  /** A size or an offset that could be in the header of a block, but for what is known otherwise. */
  private planted({ offset, size }: Block): number {
    const { random } = this
    const other = random.of(this.blocks)!
    const near = [size - 1, size + 1, size + random(40), other.offset, offset, offset - 8]
    return random.of([0, 1, offset - 9 - random(16), ...near, random(offset)])
  }

  /** Every byte of the payload: what is in the headers is the same too. */
  compareMemory(): void {
    const [a, b] = [this.shared, this.alone].map((stack) => {
      const { address, byteLength } = stack.region
      return Buffer.from(stack.view(address, byteLength))
    })
    assert.equal(Buffer.compare(a!, b!), 0, 'the payloads')
  }

  /** Nothing is allocated or freed any more; the words say so to both. */
  end(): void {
    this.shared.dispose()
    this.alone.dispose()
    this.blocks.length = 0
    compareStates(wordsOf(this.shared), wordsOf(this.alone), BASE)
    for (let i = 0; i < 5; i++) this.alloc()
    this.both('free(8, 1, 1)', (door) => door.free(8, 1, 1))
    this.both('resize(8, 1, 1, 1)', (door) => door.resize(8, 1, 1, 1))
  }
}

const PROGRAM = 500

describe.skipIf(c === undefined)('stack.c and StackAllocator', { timeout: TIMEOUT }, () => {
  test(`are one heap through two doors (seed ${SEED})`, () => {
    for (let done = 0; done < OPERATIONS; done += PROGRAM) {
      const random = chance(SEED + done)
      const length = random.is(20) ? 1 + random(200) : 200 + random(random.of([1000, 30_000]))
      const [first, second] = twins(length, random(20))
      const [shared, alone] = [new StackAllocator(first), new StackAllocator(second)]
      const both = new Twins(shared, alone, random, [100, 1000, length])
      both.run(PROGRAM)
      both.compareMemory()
      both.end()
    }
  })

  test(`also where offsets and sizes pass 2^31 (seed ${SEED})`, () => {
    const bytes = 3 * 2 ** 30
    using first = Region.pages(bytes)
    using second = Region.pages(bytes)
    const random = chance(SEED)
    for (let done = 0; done < OPERATIONS / 20; done += PROGRAM) {
      const [shared, alone] = [new StackAllocator(first), new StackAllocator(second)]
      const both = new Twins(shared, alone, random, [2 ** 20, 2 ** 30, 2 ** 31, bytes])
      both.run(PROGRAM)
      shared.dispose()
      alone.dispose()
    }
  })

  /** These depend on the address, so it is the same heap: it is put back in between. */
  test.each([1, 16, 2 ** 20, 2 ** 29, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 40])(
    'put a block at a multiple of %d where TypeScript does',
    (align) => {
      using region = Region.pages(3 * 2 ** 30)
      using stack = new StackAllocator(region)
      const words = wordsOf(stack)
      const [typescript, native] = [throughTypeScript(stack), throughC(stack)]
      stack.rawAlloc(100, 16)
      for (const size of [0, 1, 100, 2 ** 29, 2 ** 31 - 1, 2 ** 31]) {
        const before = words.slice()
        const expected = typescript.alloc(size, align)
        const [after, header] = [words.slice(), headerAt(stack, expected)]
        words.set(before)
        clearHeader(stack, expected)
        assert.equal(native.alloc(size, align), expected)
        compareStates(words, after, [])
        assert.deepEqual(headerAt(stack, expected), header)
        words.set(before)
      }
    },
  )

  test('begin with the same words', () => {
    using stack = new StackAllocator(12_345)
    const words = new Int32Array(StackWord.COUNT).fill(-1)
    c['oh_stack_init']!(words, stack.region.address, 12_345)
    compareStates(words, wordsOf(stack), [])
  })
})

/** Writes a size or an offset as a header holds it. */
function setWord(header: Uint8Array, at: number, value: number): void {
  const word = Math.imul(value + 1, StackHeader.FACTOR)
  new DataView(header.buffer, header.byteOffset, HEADER).setInt32(at, word, true)
}

function headerAt(stack: StackAllocator, offset: Result): Uint8Array | null {
  if (typeof offset !== 'number') return null
  return stack.view(stack.region.address + offset - HEADER, HEADER).slice()
}

function clearHeader(stack: StackAllocator, offset: Result): void {
  if (typeof offset !== 'number') return
  stack.view(stack.region.address + offset - HEADER, HEADER).fill(0)
}
