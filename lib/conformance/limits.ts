/** Where memory ends, and the figures on the way there. */
import assert from 'node:assert/strict'
import type { Allocation } from '../core/allocation.js'
import type { Allocator } from '../core/allocator.js'
import { OutOfMemoryError } from '../core/errors.js'
import { freeNewestFirst } from './blocks.js'
import { expectCode } from './expect.js'
import { Shadow } from './shadow.js'
import { hasMemory, isBounded, isExact, isLifo, type Subject, upTo } from './subject.js'

/** More than any system has, and the largest size that there is. */
const TOO_MUCH = [2 ** 50, Number.MAX_SAFE_INTEGER]

export function outOfMemory(allocator: Allocator, subject: Subject): void {
  const sizes = subject.largest < Infinity ? [subject.largest + 1, ...TOO_MUCH] : TOO_MUCH
  for (const size of sizes) {
    assert.equal(allocator.rawAlloc(size, 1), 0)
    assert.equal(allocator.tryAlloc(size, 1), null)
    const error = expectCode('OUT_OF_MEMORY', () => allocator.alloc(size, 1))
    expectCode('OUT_OF_MEMORY', () => allocator.allocZeroed(size, 1))
    assert(error instanceof OutOfMemoryError)
    assert.deepEqual([error.size, error.align], [size, 1])
    assert(error.message.includes(allocator.name), error.message)
  }
  if (isBounded(subject)) fillAndRecover(allocator, subject)
  if (hasMemory(subject)) allocator.alloc(upTo(subject, 100), 1).free()
}

/** Twice: what is freed is as good as new. */
function fillAndRecover(allocator: Allocator, subject: Subject): void {
  const size = upTo(subject, 1000)
  const counts = [0, 0].map(() => {
    const shadow = new Shadow(allocator)
    for (let a = allocator.tryAlloc(size, 1); a !== null; a = allocator.tryAlloc(size, 1)) {
      shadow.addHandle(a)
    }
    expectCode('OUT_OF_MEMORY', () => allocator.dupe(new Uint8Array(size)))
    const count = shadow.blocks.size
    freeNewestFirst(shadow, shadow.blocks)
    subject.reset?.(allocator)
    return count
  })
  assert(counts[0]! > 0)
  assert.equal(counts[1], counts[0], 'blocks that fit the second time')
}

export function failedRealloc(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const size = upTo(subject, 200)
  const a = allocator.alloc(size, 8)
  const block = shadow.addHandle(a)
  const { ptr } = a
  const { used } = allocator.stats()
  const tooMuch = isBounded(subject) ? [subject.largest + 1, ...TOO_MUCH] : TOO_MUCH
  for (const newSize of tooMuch) {
    expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, newSize))
    assert.equal(a.resize(newSize), false)
    assert.equal(allocator.rawResize(ptr, size, 8, newSize), false)
    assert.equal(allocator.rawRemap(ptr, size, 8, newSize), 0)
  }
  assert.deepEqual([a.ptr, a.size, a.align, a.freed], [ptr, size, 8, false])
  assert.equal(allocator.stats().used, used)
  shadow.check()
  freeNewestFirst(shadow, [block])
}

/** Twice, as a block of all there is must be given back like any other. */
export function largestBlock(allocator: Allocator, subject: Subject): void {
  const { largest } = subject
  for (let round = 0; round < 2; round++) {
    assert.equal(allocator.tryAlloc(largest + 1, 1), null, 'more than the largest')
    const shadow = new Shadow(allocator)
    shadow.addHandle(allocator.alloc(largest, 1))
    if (isExact(subject)) {
      assert.equal(allocator.tryAlloc(1, 1), null, 'nothing is left')
      assert.equal(allocator.tryAlloc(0, 1), null, 'an empty block takes a byte')
    }
    freeNewestFirst(shadow, shadow.blocks)
    subject.reset?.(allocator)
  }
}

export function exactCapacity(allocator: Allocator, { largest }: Subject): void {
  const most = allocator.alloc(largest - 1, 1)
  const last = allocator.alloc(1, 1)
  assert.equal(allocator.tryAlloc(1, 1), null)
  last.free()
  most.free()
  const count = Math.min(largest, 5000)
  const rest = allocator.alloc(largest - count + 1, 1)
  const ptrs = new Set<number>()
  for (let ptr = allocator.rawAlloc(1, 1); ptr !== 0; ptr = allocator.rawAlloc(1, 1)) ptrs.add(ptr)
  assert.equal(ptrs.size, count - 1, 'blocks of one byte')
  for (const ptr of [...ptrs].toReversed()) allocator.rawFree(ptr, 1, 1)
  rest.free()
}

export function stats(allocator: Allocator, subject: Subject): void {
  const start = allocator.stats()
  const live: Allocation[] = []
  let most = 0
  const expectUsed = (step: string): void => {
    const used = live.reduce((sum, { size }) => sum + size, 0)
    most = Math.max(most, used)
    const now = allocator.stats()
    assert.equal(now.used - start.used, used, `used after ${step}`)
    assert(now.peak >= start.used + most, `peak after ${step}`)
    assert(now.footprint >= now.used, `footprint after ${step}`)
    assert(
      now.peakFootprint >= now.footprint && now.peakFootprint >= now.peak,
      `peaks after ${step}`,
    )
    assert(now.capacity >= now.peak, `capacity after ${step}`)
  }
  for (const size of [10, 3000, 1, 77]) live.push(allocator.alloc(upTo(subject, size), 8))
  expectUsed('alloc')
  allocator.tryAlloc(2 ** 50)
  expectUsed('alloc in vain')
  const changing = live[isLifo(subject) ? 3 : 1]!
  allocator.realloc(changing, upTo(subject, 9000))
  expectUsed('growing')
  allocator.realloc(changing, upTo(subject, 500))
  expectUsed('shrinking')
  live[3]!.resize(upTo(subject, 20))
  expectUsed('resize')
  while (live.length > 0) {
    const a = isLifo(subject) ? live.pop()! : live.shift()!
    a.free()
    expectUsed('free')
  }
  assert.equal(allocator.stats().name, allocator.name)
}

export function noStats(allocator: Allocator): void {
  const { name, ...figures } = allocator.stats()
  assert.equal(name, allocator.name)
  assert.deepEqual(figures, { capacity: 0, used: 0, peak: 0, footprint: 0, peakFootprint: 0 })
}
