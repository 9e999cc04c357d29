/**
 * ThreadSafeAllocator and C: threads that C started use the heap of JavaScript's, and one of them
 * dies.
 */
import { describe, expect, test } from 'vitest'
import {
  ConcurrentBumpAllocator,
  Region,
  SlabAllocator,
  ThreadSafeAllocator,
} from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { loadStrategy } from './doors.js'

const SIZE = 2 ** 24

const SOURCES = ['test/doors/shared_door.c', 'os_threads_posix.c']
const c = loadStrategy('shared_door', SOURCES, [
  'uint32_t churn_in_threads(uintptr_t v, uint32_t threads, uint32_t steps)',
  'uint32_t take_all(uintptr_t v, uint32_t size)',
  'bool die_with_the_lock(uintptr_t v)',
])

const sharedSlab = (): ThreadSafeAllocator =>
  new ThreadSafeAllocator(new SlabAllocator(Region.shared(SIZE)))

/** A call of C on another thread, while this one goes on. */
function whileRunning(call: (done: (error: Error | null, wrong: number) => void) => void) {
  return new Promise<number>((resolve, reject) => {
    call((error, wrong) => (error === null ? resolve(wrong) : reject(error)))
  })
}

describe.skipIf(c === undefined)('threads of C', () => {
  test('allocate and free in the heap in which JavaScript does', async () => {
    using heap = sharedSlab()
    const valloc = heap.valloc
    let isRunning = true
    const wrong = whileRunning((done) =>
      c!['churn_in_threads']!.async(valloc.address, 4, 1_000_000, done),
    ).finally(() => {
      isRunning = false
    })
    let rounds = 0
    while (isRunning) {
      for (let i = 0; i < 200; i++) {
        const a = heap.alloc(1 + i * 13)
        a.bytes.fill(i)
        expect(a.bytes[0]).toBe(i)
        a.free()
        rounds++
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await wrong).toBe(0)
    expect(rounds).toBeGreaterThan(200)
    expect(heap.stats().used).toBe(0)
    valloc.release()
  })

  test('allocate from a bump without a lock, as JavaScript does', async () => {
    const bump = new ConcurrentBumpAllocator(SIZE)
    const valloc = bump.valloc
    const taken = whileRunning((done) => c!['take_all']!.async(valloc.address, 16, done))
    let mine = 0
    for (; ; mine++) {
      const ptr = bump.rawAlloc(16, 1)
      if (ptr === 0) break
      bump.view(ptr, 16).fill(0x33)
    }
    expect((await taken) + mine).toBe(SIZE / 16)
    const bytes = bump.view(bump.region.address, SIZE)
    let count = 0
    for (let at = 0; at < SIZE; at += 16) if (bytes[at] === 0x33 && bytes[at + 15] === 0x33) count++
    expect(count).toBe(mine)
    expectCode('PINNED', () => bump.dispose())
    valloc.release()
    bump.dispose()
  })

  test('whatever the words of a bump hold, C gets nothing that lies outside', () => {
    const bump = new ConcurrentBumpAllocator(Region.shared(4096))
    using valloc = bump.valloc
    const words = new Int32Array(bump.share().state)
    for (const word of [0, -1, 2 ** 31 - 1, -(2 ** 31), 4095]) {
      words.fill(word)
      expect(c!['take_all']!(valloc.address, 64)).toBe(word === 0 ? 64 : 0)
    }
  })

  test('one that dies with the lock leaves a heap that says so, in every thread and for ever', () => {
    const heap = sharedSlab()
    const other = ThreadSafeAllocator.attach(heap.share())
    const a = heap.alloc(100)
    a.bytes.fill(5)
    const { ptr } = a
    const valloc = heap.valloc
    expect([heap.poisoned, other.poisoned]).toEqual([false, false])
    expect(c!['die_with_the_lock']!(valloc.address)).toBe(true)
    for (const one of [heap, other, heap]) {
      for (const use of [
        () => one.alloc(1),
        () => one.tryAlloc(1),
        () => one.rawAlloc(1, 1),
        () => one.rawFree(ptr, 100, 16),
        () => one.rawResize(ptr, 100, 16, 50),
        () => one.rawRemap(ptr, 100, 16, 50),
        () => one.adopt(ptr, 100),
        () => one.usableSize(ptr),
      ]) {
        expectCode('POISONED', use)
      }
      expect(one.poisoned).toBe(true)
      expect(one.stats().used).toBe(100)
    }
    expectCode('POISONED', () => a.free())
    expect(a.bytes[99]).toBe(5)
    expectCode('POISONED', () => ThreadSafeAllocator.attach(heap.share()).alloc(1))
    valloc.release()
    other.dispose()
    heap.dispose()
  })
})
