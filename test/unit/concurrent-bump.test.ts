/**
 * ConcurrentBumpAllocator in one thread: against BumpAllocator, its tokens, and words that are
 * broken.
 */
import { describe, expect, test } from 'vitest'
import { generator } from '../../lib/conformance/random.js'
import {
  BumpAllocator,
  type BumpToken,
  ConcurrentBumpAllocator,
  OutOfMemoryError,
  Region,
} from '../../lib/index.js'
import { ConcurrentWord } from '../../lib/allocators/concurrent-token.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const SIZE = 2 ** 16

test('does what BumpAllocator does, address for address and figure for figure', () => {
  const below = generator(7)
  const memory = Region.malloc(2 * SIZE, { align: 4096 })
  const { buffer, byteOffset } = memory
  const a = new ConcurrentBumpAllocator(new Uint8Array(buffer, byteOffset, SIZE))
  const b = new BumpAllocator(new Uint8Array(buffer, byteOffset + SIZE, SIZE))
  const blocks: { at: number; size: number; align: number }[] = []
  for (let step = 0; step < 20_000; step++) {
    const size = below(200)
    const align = 2 ** below(8)
    const one = blocks.at(-1 - below(3))
    if (one === undefined || below(10) < 5) {
      const at = a.rawAlloc(size, align)
      const expected = b.rawAlloc(size, align)
      expect(at === 0 ? 0 : at + SIZE).toBe(expected)
      if (at !== 0) blocks.push({ at, size, align })
    } else if (below(2) === 0) {
      a.rawFree(one.at, one.size, one.align)
      b.rawFree(one.at + SIZE, one.size, one.align)
      blocks.splice(blocks.indexOf(one), 1)
    } else {
      const resized = a.rawResize(one.at, one.size, one.align, size)
      expect(resized).toBe(b.rawResize(one.at + SIZE, one.size, one.align, size))
      if (resized) one.size = size
    }
    const { name: _a, ...figures } = a.stats()
    const { name: _b, ...expected } = b.stats()
    expect(figures).toEqual(expected)
    expect([a.remaining, a.totalAllocated]).toEqual([b.remaining, b.totalAllocated])
    if (a.remaining < 500) {
      a.reset()
      b.reset()
      blocks.length = 0
    }
  }
})

test('an alignment above a GiB is one too', () => {
  using bump = new ConcurrentBumpAllocator(SIZE)
  for (const align of [2 ** 31, 2 ** 40]) expect(bump.rawAlloc(1, align)).toBe(0)
  expectCode('INVALID_LAYOUT', () => bump.rawAlloc(1, 2 ** 31 + 1))
})

describe('tokens', () => {
  test('bring the same bump', () => {
    using first = new ConcurrentBumpAllocator(SIZE)
    const a = first.alloc(10)
    a.bytes.fill(7)
    using second = ConcurrentBumpAllocator.attach(structuredClone(first.share()))
    const b = second.alloc(100, 64)
    expect(b.ptr).toBe(Math.ceil((a.ptr + 10) / 64) * 64)
    expect(second.view(a.ptr, 10)[9]).toBe(7)
    expect(first.stats()).toEqual(second.stats())
    first.rawFree(b.ptr, 100, 64)
    expect(second.stats().used).toBe(10)
  })

  test('a part of a buffer stays that part', () => {
    const buffer = new SharedArrayBuffer(3 * SIZE)
    using first = new ConcurrentBumpAllocator(new Uint8Array(buffer, SIZE + 7, SIZE))
    using second = ConcurrentBumpAllocator.attach(first.share())
    expect(second.region.address).toBe(first.region.address)
    expect(second.region.byteLength).toBe(SIZE)
  })

  test('of what was disposed by all who had it are refused; until then it lives', () => {
    const first = new ConcurrentBumpAllocator(SIZE)
    const token = first.share()
    const second = ConcurrentBumpAllocator.attach(token)
    first.dispose()
    first.dispose()
    expectCode('DISPOSED', () => first.alloc(1))
    expectCode('DISPOSED', () => first.share())
    expectCode('DISPOSED', () => first.reset())
    second.alloc(1)
    ConcurrentBumpAllocator.attach(token).dispose()
    second.dispose()
    expectCode('DISPOSED', () => ConcurrentBumpAllocator.attach(token))
  })

  test('are not made where other threads cannot see the memory', () => {
    using bump = new ConcurrentBumpAllocator(Region.malloc(SIZE))
    bump.alloc(10)
    expectCode('UNSUPPORTED', () => bump.share())
  })

  test('that are none are refused', () => {
    using bump = new ConcurrentBumpAllocator(SIZE)
    const token = bump.share()
    using other = new ConcurrentBumpAllocator(SIZE)
    const broken: unknown[] = [
      ...[undefined, null, 5, 'bump', {}, [], token.memory, { ...token, offheap: 'heap' }],
      ...[undefined, {}, new ArrayBuffer(40), new Uint8Array(40)].flatMap((part) => [
        { ...token, memory: part },
        { ...token, state: part },
      ]),
      { ...token, state: new SharedArrayBuffer(40) },
      { ...token, state: token.memory },
      { ...token, memory: token.state },
      { ...token, memory: new SharedArrayBuffer(SIZE) },
      { ...token, memory: other.share().memory },
    ]
    for (const value of broken) {
      expectCode('INVALID_ARGUMENT', () => ConcurrentBumpAllocator.attach(wrong(value)))
    }
  })

  test('whose words hold anything at all name no memory but their own', () => {
    const below = generator(11)
    const word = (): number => [0, 1, -1, below(2 ** 31), 2 ** 31 - 1, -(2 ** 31)][below(6)]!
    let attached = 0
    for (let round = 0; round < 3000; round++) {
      using bump = new ConcurrentBumpAllocator(SIZE)
      bump.alloc(100)
      const token = bump.share()
      const words = new Int32Array(token.state)
      for (let i = below(3); i >= 0; i--) words[below(ConcurrentWord.COUNT)] = word()
      const forged: BumpToken = { ...token }
      let got: ConcurrentBumpAllocator | null = null
      try {
        got = ConcurrentBumpAllocator.attach(forged)
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^ERR_OFFHEAP_(INVALID_ARG|DISPOSED)/)
      }
      for (const one of [bump, got]) {
        if (one === null) continue
        attached++
        const ptr = one.rawAlloc(64, 16)
        if (ptr !== 0) expect(one.view(ptr, 64).length).toBe(64)
        one.stats()
        one.owns(ptr)
        try {
          one.rawFree(bump.region.address, 100, 16)
        } catch (error) {
          expect((error as { code: string }).code).toBe('ERR_OFFHEAP_INVALID_POINTER')
        }
      }
    }
    expect(attached).toBeGreaterThan(3000)
  })
})

test('capacities that are none, and regions of others', () => {
  for (const capacity of [0, 2 ** 32, 2 ** 40]) {
    expectCode('INVALID_ARGUMENT', () => new ConcurrentBumpAllocator(capacity))
  }
  for (const capacity of [-1, 0.5, NaN]) {
    expectCode('INVALID_LAYOUT', () => new ConcurrentBumpAllocator(capacity))
  }
  for (const memory of [undefined, null, 'a', {}]) {
    expectCode('INVALID_ARGUMENT', () => new ConcurrentBumpAllocator(wrong(memory)))
  }
  using region = Region.shared(SIZE)
  using bump = new ConcurrentBumpAllocator(region)
  expectCode('INVALID_ARGUMENT', () => new BumpAllocator(region))
  expect(() => bump.alloc(SIZE + 1)).toThrow(OutOfMemoryError)
  bump.dispose()
  expect(region.disposed).toBe(false)
})
