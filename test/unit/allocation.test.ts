/** Handles while their block lives: what they show, and in which types. */
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  type Allocator,
  BumpAllocator,
  cAllocator,
  Layout,
  pageAllocator,
  rawCAllocator,
} from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { peek } from '../support/memory.js'

const allocators: readonly Allocator[] = [
  cAllocator,
  rawCAllocator,
  pageAllocator,
  new BumpAllocator(2 ** 20),
]

describe.each(allocators.map((a) => [a.name, a] as const))('a handle of %s', (_, allocator) => {
  test('shows its bytes, which are where it says', () => {
    using a = allocator.alloc(100, 8)
    a.bytes.set([1, 2, 3])
    expect(a.bytes.length).toBe(100)
    expect([...peek(a.ptr, 3)]).toEqual([1, 2, 3])
    expect(a.address).toBe(BigInt(a.ptr))
    expect(a.freed).toBe(false)
  })

  test('makes its view once', () => {
    using a = allocator.alloc(64)
    expect(a.bytes).toBe(a.bytes)
    using empty = allocator.alloc(0)
    expect(empty.bytes.length).toBe(0)
    expect(empty.buffer.length).toBe(0)
  })

  test('makes its view anew when the block changes its size', () => {
    using a = allocator.alloc(64)
    const before = a.bytes
    before.set([5, 6])
    expect(a.resize(32)).toBe(true)
    expect(a.bytes).not.toBe(before)
    expect(a.bytes.length).toBe(32)
    allocator.realloc(a, 5000)
    expect(a.bytes.length).toBe(5000)
    expect([...a.bytes.subarray(0, 2)]).toEqual([5, 6])
  })

  test('shows the same bytes as a Node Buffer', () => {
    using a = allocator.dupe('Grüße')
    expect(a.buffer).toBeInstanceOf(Buffer)
    expect(a.buffer.toString()).toBe('Grüße')
    a.buffer[0] = 0x67
    expect(a.bytes[0]).toBe(0x67)
  })

  test('shows the block as elements of any type, as many as fit', () => {
    using a = allocator.alloc(30)
    a.as(Float64Array).set([1.5, 2.5, 3.5])
    expect([...a.as(Float64Array)]).toEqual([1.5, 2.5, 3.5])
    expect(a.as(BigInt64Array).length).toBe(3)
    expect(a.as(Int32Array).length).toBe(7)
    expect(a.as(Uint16Array).length).toBe(15)
    expect(a.as(Uint8Array).length).toBe(30)
    expect(a.as(Uint8Array).byteOffset).toBe(a.bytes.byteOffset)
  })

  test('takes a Layout, whose alignment an argument overrides', () => {
    using a = allocator.alloc(Layout.struct({ x: Layout.f64, y: Layout.u8 }))
    expect([a.size, a.align]).toEqual([16, 8])
    using b = allocator.alloc(Layout.u8, 16)
    expect([b.size, b.align]).toEqual([1, 16])
    using c = allocator.alloc(24)
    expect([c.size, c.align]).toEqual([24, 16])
    expect(c.ptr % 16).toBe(0)
  })

  test('is refused by other allocators, and stays what it is', () => {
    using a = allocator.alloc(64)
    for (const other of [...allocators, new BumpAllocator(64)]) {
      if (other === allocator) continue
      expectCode('INVALID_POINTER', () => other.free(a))
      expectCode('INVALID_POINTER', () => other.realloc(a, 8))
    }
    expect(a.freed).toBe(false)
  })
})

describe('as', () => {
  const bump = new BumpAllocator(1024)
  const odd = (): Allocation => {
    bump.reset()
    bump.alloc(1, 1)
    return bump.alloc(64, 1)
  }

  test('refuses a block that is not aligned for the element', () => {
    const a = odd()
    for (const type of [Uint16Array, Float32Array, Float64Array, BigInt64Array]) {
      expectCode('INVALID_LAYOUT', () => a.as(type as typeof Float64Array))
    }
    expect(a.as(Uint8Array).length).toBe(64)
  })

  test('refuses what makes no typed arrays', () => {
    for (const type of [undefined, null, 5, 'Uint8Array', {}, Object, DataView, () => 0]) {
      expectCode('INVALID_ARGUMENT', () => bump.alloc(8).as(wrong(type)), shown(type))
    }
    for (const BYTES_PER_ELEMENT of [0, -1, NaN, '8']) {
      const type = Object.assign(() => 0, { BYTES_PER_ELEMENT })
      expectCode('INVALID_ARGUMENT', () => bump.alloc(8).as(wrong(type)), shown(BYTES_PER_ELEMENT))
    }
  })
})

describe('copies', () => {
  const bump = new BumpAllocator(4096)

  test.each(['', 'ascii', 'Grüße', '日本語', '🎉 and text', '\u0000'])(
    'dupe keeps %j as UTF-8',
    (text) => {
      const a = bump.dupe(text)
      expect(a.buffer.toString('utf8')).toBe(text)
      expect(a.size).toBe(Buffer.byteLength(text))
    },
  )

  test('dupe copies bytes, wherever they are', () => {
    const source = new Uint8Array(new SharedArrayBuffer(16), 4, 8).fill(7)
    const a = bump.dupe(source)
    source.fill(9)
    expect([...a.bytes]).toEqual(Array.from({ length: 8 }, () => 7))
    expect([...bump.dupe(a.bytes).bytes]).toEqual([...a.bytes])
  })

  test('dupe copies bytes of another realm, as test runners make them', () => {
    const source = runInNewContext('new Uint8Array([3, 1, 4])') as Uint8Array
    expect([...bump.dupe(source).bytes]).toEqual([3, 1, 4])
  })

  test.each(['', 'ascii', 'Grüße 🎉'])('dupeZ ends %j with a NUL', (text) => {
    bump.reset()
    new Uint8Array(bump.region.buffer).fill(0xff)
    const a = bump.dupeZ(text)
    expect(a.size).toBe(Buffer.byteLength(text) + 1)
    expect(a.bytes.at(-1)).toBe(0)
    expect(a.buffer.subarray(0, -1).toString()).toBe(text)
  })

  test('what cannot be copied is refused', () => {
    const before = bump.totalAllocated
    for (const value of [
      undefined,
      null,
      5,
      {},
      [1],
      new ArrayBuffer(8),
      new DataView(new ArrayBuffer(8)),
    ]) {
      expectCode('INVALID_ARGUMENT', () => bump.dupe(wrong(value)), shown(value))
    }
    for (const value of [undefined, null, 5, new Uint8Array(8), 'a\0b', '\0']) {
      expectCode('INVALID_ARGUMENT', () => bump.dupeZ(wrong(value)), shown(value))
    }
    expect(bump.totalAllocated).toBe(before)
  })
})
