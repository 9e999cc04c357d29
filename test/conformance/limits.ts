/** Where memory ends, and the figures on the way there. */
import assert from 'node:assert/strict'
import { type Allocation, type Allocator, OutOfMemoryError } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { Shadow } from '../support/shadow.js'
import { hasMemory, isBounded, type Subject } from './subject.js'

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
  if (isBounded(subject)) fillAndRecover(allocator)
  if (hasMemory(subject)) allocator.alloc(100, 1).free()
}

/** Twice: what is freed is as good as new. */
function fillAndRecover(allocator: Allocator): void {
  const counts = [0, 0].map(() => {
    const shadow = new Shadow(allocator)
    for (let a = allocator.tryAlloc(1000, 1); a !== null; a = allocator.tryAlloc(1000, 1)) {
      shadow.addHandle(a)
    }
    expectCode('OUT_OF_MEMORY', () => allocator.dupe(new Uint8Array(1000)))
    const { size } = shadow.blocks
    for (const block of [...shadow.blocks].toReversed()) {
      shadow.remove(block)
      block.handle!.free()
    }
    return size
  })
  assert(counts[0]! > 0)
  assert.equal(counts[1], counts[0], 'blocks that fit the second time')
}

export function failedRealloc(allocator: Allocator): void {
  const shadow = new Shadow(allocator)
  const a = allocator.alloc(200, 8)
  shadow.addHandle(a)
  const { ptr } = a
  const { used } = allocator.stats()
  for (const size of TOO_MUCH) {
    expectCode('OUT_OF_MEMORY', () => allocator.realloc(a, size))
    assert.equal(a.resize(size), false)
  }
  assert.deepEqual([a.ptr, a.size, a.align, a.freed], [ptr, 200, 8, false])
  assert.equal(allocator.stats().used, used)
  shadow.check()
  a.free()
}

export function exactCapacity(allocator: Allocator, { largest }: Subject): void {
  assert.equal(allocator.tryAlloc(largest + 1, 1), null)
  const all = allocator.alloc(largest, 1)
  all.bytes[0] = 1
  all.bytes[largest - 1] = 2
  assert.equal(allocator.tryAlloc(1, 1), null)
  assert.equal(allocator.tryAlloc(0, 1), null, 'an empty block takes a byte')
  all.free()
  const most = allocator.alloc(largest - 1, 1)
  const last = allocator.alloc(1, 1)
  last.free()
  most.free()
}

export function singleBytes(allocator: Allocator, { largest }: Subject): void {
  const count = Math.min(largest, 5000)
  const rest = allocator.alloc(largest - count + 1, 1)
  const ptrs = new Set<number>()
  for (let ptr = allocator.rawAlloc(1, 1); ptr !== 0; ptr = allocator.rawAlloc(1, 1)) ptrs.add(ptr)
  assert.equal(ptrs.size, count - 1)
  for (const ptr of [...ptrs].toReversed()) allocator.rawFree(ptr, 1, 1)
  rest.free()
}

export function stats(allocator: Allocator): void {
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
  for (const size of [10, 3000, 1, 77]) live.push(allocator.alloc(size, 8))
  expectUsed('alloc')
  allocator.tryAlloc(2 ** 50)
  expectUsed('alloc in vain')
  allocator.realloc(live[1]!, 9000)
  expectUsed('growing')
  allocator.realloc(live[1]!, 500)
  expectUsed('shrinking')
  live[3]!.resize(20)
  expectUsed('resize')
  for (const step of ['free', 'free of the last']) {
    for (const a of live.splice(0, step === 'free' ? 3 : 1)) a.free()
    expectUsed(step)
  }
  assert.equal(allocator.stats().name, allocator.name)
}

export function noStats(allocator: Allocator): void {
  const { name, ...figures } = allocator.stats()
  assert.equal(name, allocator.name)
  assert.deepEqual(figures, { capacity: 0, used: 0, peak: 0, footprint: 0, peakFootprint: 0 })
}
