/** Wrong raw calls that an allocator declares to find: each is an error, and changes nothing. */
import assert from 'node:assert/strict'
import type { Allocator } from '../core/allocator.js'
import { DoubleFreeError, type ErrorName } from '../core/errors.js'
import { freeNewestFirst } from './blocks.js'
import { expectAnyCode, expectCode, expectOneOf } from './expect.js'
import { type Block, Shadow } from './shadow.js'
import { isLifo, type Subject, upTo } from './subject.js'

const ALIGN = 8

/** Live blocks with a free one between them; some are looked at through a view and some never. */
interface Scene {
  readonly shadow: Shadow
  /** Live raw blocks, the oldest first. */
  readonly raw: readonly Block[]
  /** Live raw blocks that the shadow does not look at, allocated between those two. */
  readonly unseen: readonly Block[]
  /** Where a block was freed; 0 if none was. */
  readonly hole: number
}

function scene(allocator: Allocator, subject: Subject): Scene {
  const shadow = new Shadow(allocator)
  const length = (size: number): number => upTo(subject, size)
  const add = (size: number): Block =>
    shadow.add(allocator.rawAlloc(length(size), ALIGN), length(size), ALIGN)
  const first = add(100)
  const hole = isLifo(subject) ? null : allocator.alloc(length(100), ALIGN)
  const unseen = [40, 500].map((size, seed): Block => {
    const ptr = allocator.rawAlloc(length(size), ALIGN)
    return { ptr, size: length(size), align: ALIGN, seed, handle: null }
  })
  const second = add(1000)
  const holeAt = hole?.ptr ?? 0
  hole?.free()
  return { shadow, raw: [first, second], unseen, hole: holeAt }
}

function endScene(allocator: Allocator, { shadow, raw, unseen }: Scene): void {
  shadow.check()
  const [first, second] = raw
  for (const block of [second!, ...unseen.toReversed(), first!]) {
    if (shadow.blocks.has(block)) shadow.remove(block)
    allocator.rawFree(block.ptr, block.size, block.align)
  }
}

/** Each attempt throws, with the figures and all blocks as they were; then the allocator works on. */
function expectHarmless(
  allocator: Allocator,
  shadow: Shadow,
  attempts: readonly (() => unknown)[],
): void {
  const before = allocator.stats()
  for (const attempt of attempts) {
    attempt()
    assert.deepEqual(allocator.stats(), before, 'stats after a call that was refused')
    shadow.check()
  }
  const block = shadow.addHandle(allocator.alloc(8, ALIGN))
  freeNewestFirst(shadow, [block])
}

/** The raw operations on a block, each of which must be refused with one of these codes. */
const refusals = (
  allocator: Allocator,
  names: readonly ErrorName[],
  [ptr, size, align]: readonly [number, number, number],
  about: string,
): (() => unknown)[] => [
  () => expectOneOf(names, () => allocator.rawFree(ptr, size, align), `free ${about}`),
  () => expectOneOf(names, () => allocator.rawResize(ptr, size, align, 1), `resize ${about}`),
  () => expectOneOf(names, () => allocator.rawRemap(ptr, size, align, 200), `remap ${about}`),
]

export function doubleFrees(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const keep = shadow.addHandle(allocator.alloc(upTo(subject, 100), ALIGN))
  const blocks = [64, 64, 0, 300].map((asked) => {
    const size = upTo(subject, asked)
    return { size, ptr: allocator.rawAlloc(size, ALIGN) }
  })
  const order = isLifo(subject) ? [3, 2, 1, 0] : [1, 0, 3, 2]
  const freed: { size: number; ptr: number }[] = []
  for (const { size, ptr } of order.map((index) => blocks[index]!)) {
    allocator.rawFree(ptr, size, ALIGN)
    const again = (): void => allocator.rawFree(ptr, size, ALIGN)
    const attempts = [
      () => assert(expectCode('DOUBLE_FREE', again, 'free again') instanceof DoubleFreeError),
      ...afterFree(allocator, ptr, size),
      ...freed.map(
        (one) => () =>
          expectOneOf(
            ['DOUBLE_FREE', 'INVALID_POINTER'],
            () => allocator.rawFree(one.ptr, one.size, ALIGN),
            'free again, later',
          ),
      ),
    ]
    freed.push({ size, ptr })
    const before = allocator.stats()
    for (const attempt of attempts) {
      attempt()
      assert.deepEqual(allocator.stats(), before, 'stats after a call that was refused')
    }
    shadow.check()
  }
  expectHarmless(allocator, shadow, [])
  freeNewestFirst(shadow, [keep])
}

function afterFree(allocator: Allocator, ptr: number, size: number): (() => unknown)[] {
  const names: ErrorName[] = ['DOUBLE_FREE', 'INVALID_POINTER', 'USE_AFTER_FREE']
  return refusals(allocator, names, [ptr, size, ALIGN], 'after free').slice(1)
}

export function wrongSizes(allocator: Allocator, subject: Subject): void {
  const the = scene(allocator, subject)
  const exact = subject.findsWrongSizes === true
  const attempts = [...the.raw, ...the.unseen].flatMap((block) => {
    const { ptr, size, align } = block
    const near = exact ? [size - 1, size + 1, size * 2, size >> 1, 0] : []
    return [...near, size * 4, size * 100, 2 ** 31, 2 ** 32 + size, 2 ** 50].flatMap((other) => {
      const names = refusedWith(subject, block === the.raw[1])
      return refusals(allocator, names, [ptr, other, align], `${size} bytes as ${other}`)
    })
  })
  expectHarmless(allocator, the.shadow, attempts)
  endScene(allocator, the)
}

/** What is wrong with a pointer that a 'lifo' allocator has under its newest block may be its order. */
const refusedWith = (subject: Subject, newest: boolean): readonly ErrorName[] =>
  isLifo(subject) && !newest ? ['INVALID_POINTER', 'OUT_OF_ORDER'] : ['INVALID_POINTER']

export function invalidFrees(allocator: Allocator, subject: Subject): void {
  const the = scene(allocator, subject)
  const blocks = [...the.raw, ...the.unseen]
  const starts = new Set([the.hole, ...blocks.map(({ ptr }) => ptr)])
  const names = refusedWith(subject, false)
  const near = blocks.flatMap(({ ptr, size }) =>
    [-16, -8, -1, 1, 8, 16, 24, size >> 1, size - 1, size, size + 8]
      .filter((distance) => !starts.has(ptr + distance))
      .flatMap((distance) => {
        const about = `${distance} bytes from a block of ${size}`
        // Where a block could start, one that never was looks like one that was freed.
        const outside = subject.findsInvalidFrees === 'history' || distance < 0 || distance >= size
        const right: readonly ErrorName[] = outside ? [...names, 'DOUBLE_FREE'] : names
        return refusals(allocator, right, [ptr + distance, size, 1], about)
      }),
  )
  expectHarmless(allocator, the.shadow, near)
  expectHarmless(allocator, the.shadow, wrongAligns(allocator, blocks))
  foreignBlocks(allocator, subject, the.shadow)
  endScene(allocator, the)
}

/** A block said to have an alignment that its address does not have. */
const wrongAligns = (allocator: Allocator, blocks: readonly Block[]): (() => unknown)[] =>
  blocks.flatMap(({ ptr, size }) => {
    let align = 2 * ALIGN
    while (ptr % align === 0) align *= 2
    const about = `align ${align} at 0x${ptr.toString(16)}`
    return [
      () => expectAnyCode(() => allocator.rawFree(ptr, size, align), `free ${about}`),
      () => expectAnyCode(() => allocator.rawResize(ptr, size, align, 1), `resize ${about}`),
      () => expectAnyCode(() => allocator.rawRemap(ptr, size, align, 200), `remap ${about}`),
    ]
  })

/** Blocks of another allocator of the kind, unless the two share their memory. */
function foreignBlocks(allocator: Allocator, subject: Subject, shadow: Shadow): void {
  const other = subject.make()
  if (other === allocator) return
  try {
    const size = upTo(subject, 100)
    const a = other.alloc(size, ALIGN)
    const { ptr } = a
    const attempts = allocator.owns(ptr)
      ? []
      : refusals(allocator, ['INVALID_POINTER'], [ptr, size, ALIGN], 'of another allocator')
    attempts.push(() => expectCode('INVALID_POINTER', () => allocator.free(a), 'its handle'))
    expectHarmless(allocator, shadow, attempts)
    assert.equal(other.stats().used, size, 'the other allocator')
    a.free()
  } finally {
    other.dispose()
  }
}

/** Only for 'lifo': what lies below the newest block stays. */
export function outOfOrder(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const blocks = [100, 0, 64, 300].map((size) =>
    shadow.addHandle(allocator.alloc(upTo(subject, size), ALIGN)),
  )
  const newest = blocks.at(-1)!
  const buried = blocks.slice(0, -1)
  const attempts = buried.flatMap(({ ptr, size, handle }) => [
    () => expectCode('OUT_OF_ORDER', () => handle!.free(), 'free of a handle'),
    () => expectCode('OUT_OF_ORDER', () => allocator.rawFree(ptr, size, ALIGN), 'raw free'),
    () => assert.equal(handle!.freed, false, 'a handle whose free was refused'),
    () => cannotGrow(() => allocator.rawResize(ptr, size, ALIGN, size + 1000)),
    () => cannotGrow(() => allocator.rawRemap(ptr, size, ALIGN, size + 1000)),
  ])
  const before = allocator.stats()
  for (const attempt of attempts) {
    attempt()
    assert.deepEqual(allocator.stats(), before, 'stats after a call that was refused')
    shadow.check()
  }
  assert(newest.handle!.resize(upTo(subject, 50)), 'the newest block is resized')
  shadow.change(newest, newest.handle!.ptr, upTo(subject, 50))
  freeNewestFirst(shadow, blocks)
}

/** A block below the newest cannot grow: that is said by a value or by an error. */
function cannotGrow(run: () => unknown): void {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    expectCode('OUT_OF_ORDER', () => {
      throw error
    })
    return
  }
  assert(result === false || result === 0, 'a block below the newest does not grow')
}
