/** StackAllocator when headers in its payload were overwritten: an error, and nothing damaged. */
import { describe, expect, test } from 'vitest'
import { Region, StackAllocator } from '../../lib/index.js'
import { expectCode, expectOneOf } from '../support/errors.js'

const HEADER = 8
/** As in native/include/offheap.h: an offset goes into a header as (offset + 1) times this. */
const OH_STACK_FACTOR = 0x7ca6e3ab
const SIZES = [30, 0, 1, 50, 7, 64]

interface Scene {
  readonly stack: StackAllocator
  readonly ptrs: number[]
  /** The whole payload. */
  readonly bytes: Uint8Array
}

/** A stack with a block of each size. */
function scene(align: number, odd = 0): Scene {
  const view = new Uint8Array(new ArrayBuffer(1000 + odd), odd)
  const stack = new StackAllocator(Region.from(view))
  const ptrs = SIZES.map((size, i) => {
    const ptr = stack.rawAlloc(size, align)
    stack.view(ptr, size).fill(i + 1)
    return ptr
  })
  return { stack, ptrs, bytes: view }
}

const headerOf = ({ stack }: Scene, ptr: number): Uint8Array => stack.view(ptr - HEADER, HEADER)

/** Makes the block `at` the newest; `known`: so that what is below it is not read from headers. */
function popTo({ stack, ptrs }: Scene, at: number, align: number, known: boolean): void {
  for (let i = SIZES.length - 1; i > at; i--) stack.pop()
  if (!known) return
  stack.pop()
  expect(stack.rawAlloc(SIZES[at]!, align)).toBe(ptrs[at])
}

/** Neither the figures nor a byte may change. */
function changesNothing({ stack, bytes }: Scene, run: () => void): void {
  const before = [stack.stats(), stack.remaining]
  const content = bytes.slice()
  run()
  expect([stack.stats(), stack.remaining]).toEqual(before)
  expect(Buffer.compare(bytes, content)).toBe(0)
}

/** What an overrun or a stray write leaves in a header: by place and by what it writes. */
const DAMAGES: readonly (readonly [string, (header: Uint8Array) => void])[] = [
  ...Array.from({ length: HEADER }, (_, at) =>
    [1, 2, 4, 0x10, 0x7f, 0x80, 0xff].map(
      (bits) => [`byte ${at} ^ ${bits}`, (header: Uint8Array) => (header[at]! ^= bits)] as const,
    ),
  ).flat(),
  ...[0, 1, 8, 0x41, 0x7f, 0xff].map(
    (byte) => [`all ${byte}`, (header: Uint8Array) => header.fill(byte)] as const,
  ),
  ...Array.from(
    { length: HEADER - 1 },
    (_, at) =>
      [
        `${at + 1} bytes of an overrun`,
        (header: Uint8Array) => header.fill(0x6b, 0, at + 1),
      ] as const,
  ),
] as const

describe.each([
  [1, 0],
  [16, 0],
  [4, 7],
])('a header, at alignment %i and an offset of %i,', (align, odd) => {
  test.each([true, false])(
    'of the newest block is not believed, what is below known: %s',
    (known) => {
      for (const [what, damage] of DAMAGES) {
        for (const [at, size] of SIZES.entries()) {
          const its = scene(align, odd)
          popTo(its, at, align, known)
          const { stack, ptrs } = its
          const ptr = ptrs[at]!
          const header = headerOf(its, ptr)
          const whole = header.slice()
          damage(header)
          if (Buffer.compare(header, whole) === 0) continue
          changesNothing(its, () => {
            expectCode('POISONED', () => stack.pop(), `${what} of block ${at}`)
            // Blocks of 0 and of 1 byte are told apart by the header alone.
            const names =
              size < 2 ? (['POISONED', 'INVALID_POINTER'] as const) : (['POISONED'] as const)
            expectOneOf(names, () => stack.rawFree(ptr, size, 1), `${what} of block ${at}`)
          })
          header.set(whole)
          for (let i = at; i >= 0; i--) stack.rawFree(ptrs[i]!, SIZES[i]!, 1)
          expect(stack.stats()).toMatchObject({ used: 0, footprint: 0 })
        }
      }
    },
  )

  test('of an older block is not believed by whoever comes to it', () => {
    for (const [what, damage] of DAMAGES) {
      for (const [at, size] of SIZES.slice(0, -1).entries()) {
        const its = scene(align, odd)
        const { stack, ptrs } = its
        damage(headerOf(its, ptrs[at]!))
        const about = `${what} of block ${at}`
        changesNothing(its, () => {
          if (at > 0) expectCode('POISONED', () => stack.rawFree(ptrs[0]!, SIZES[0]!, 1), about)
          // Its own size may be whole, where what it says of the block below is not.
          const names = ['POISONED', 'OUT_OF_ORDER'] as const
          const { message } = expectOneOf(names, () => stack.rawFree(ptrs[at]!, size, 1), about)
          expect(message).toContain(StackAllocator.name)
        })
        let popped = 0
        expectCode('POISONED', () => {
          while (stack.pop()) popped++
        })
        expect(popped).toBeLessThan(SIZES.length)
        for (const [i, ptr] of ptrs.entries()) {
          expect(stack.view(ptr, SIZES[i]!).every((byte) => byte === i + 1)).toBe(true)
        }
      }
    }
  })
})

describe('a stack with a broken header', () => {
  test('serves above it, and from the start after a reset', () => {
    const its = scene(16)
    const { stack, ptrs } = its
    const a = stack.alloc(16)
    headerOf(its, a.ptr).fill(0x6b)
    expectCode('POISONED', () => a.free())
    expect(a.freed).toBe(false)
    a.bytes.fill(9)
    for (let i = 0; i < 3; i++) {
      using b = stack.alloc(32)
      b.bytes.fill(i)
      expect(a.bytes.every((byte) => byte === 9)).toBe(true)
    }
    expectCode('POISONED', () => stack.pop())
    stack.reset()
    expect([a.freed, stack.remaining, stack.rawAlloc(30, 16)]).toEqual([true, 1000, ptrs[0]])
    stack.rawAlloc(5, 1)
    expect([stack.pop(), stack.pop(), stack.pop()]).toEqual([true, true, false])
  })

  test('believes no place of the block below but where that can be', () => {
    const places = [...Array.from({ length: 120 }, (_, i) => i), 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2]
    for (const [first, second] of [
      [0, 10],
      [1, 0],
      [20, 30],
    ] as const) {
      for (const place of places) {
        const stack = new StackAllocator(new ArrayBuffer(100))
        const ptrs = [stack.rawAlloc(first, 1), stack.rawAlloc(second, 1)]
        // So that the headers must be asked.
        stack.rawAlloc(5, 1)
        stack.pop()
        for (const [at, size] of [second, first].entries()) {
          const ptr = ptrs[1 - at]!
          const data = new DataView(stack.region.buffer, ptr - stack.region.address - HEADER)
          const whole = data.getInt32(4, true)
          data.setInt32(4, Math.imul(place + 1, OH_STACK_FACTOR), true)
          if (data.getInt32(4, true) !== whole) {
            const before = stack.stats()
            expectCode('POISONED', () => stack.rawFree(ptr, size, 1), `${place} below ${at}`)
            expect(stack.stats()).toEqual(before)
          }
          data.setInt32(4, whole, true)
          stack.rawFree(ptr, size, 1)
        }
        expect(stack.remaining).toBe(100)
      }
    }
  })

  test('is found out by random bytes over all headers at once', () => {
    let seed = 1
    const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24
    for (let run = 0; run < 500; run++) {
      const its = scene([1, 4, 16][run % 3]!, run % 2)
      const { stack, ptrs } = its
      for (const ptr of ptrs) headerOf(its, ptr).forEach((_, i, all) => (all[i] = random()))
      changesNothing(its, () => {
        expectCode('POISONED', () => stack.pop())
        for (const [i, ptr] of ptrs.entries()) {
          expectCode('POISONED', () => stack.rawFree(ptr, SIZES[i]!, 1))
          const newest = ptr === ptrs.at(-1)
          for (const size of [0, 1, SIZES[i]!]) {
            const names = newest
              ? (['POISONED', 'INVALID_POINTER'] as const)
              : (['POISONED'] as const)
            expectOneOf(names, () => stack.rawResize(ptr, size, 1, 5))
          }
        }
        expectOneOf(['POISONED', 'INVALID_POINTER'], () => stack.rawFree(ptrs[2]! + 1, 8, 1))
      })
    }
  })
})
