/** Reading what C points at: values of every kind, and addresses that are none. */
import { describe, expect, it } from 'vitest'
import { cAllocator, Layout } from '../../lib/index.js'
import { readCString, readStruct } from '../../lib/interop/index.js'
import { notValues } from '../support/not-values.js'

const coded = (code: string) => expect.objectContaining({ code: `ERR_OFFHEAP_${code}` })
const notAddresses = [...notValues, 0, 0n, -1, -1n, 1.5, 2 ** 53, 2n ** 64n, {}, []]

describe('readCString', () => {
  it('reads up to the NUL, from a number or a bigint', () => {
    using text = cAllocator.dupeZ('naïve 文字')
    expect(readCString(text.ptr)).toBe('naïve 文字')
    expect(readCString(text.address)).toBe('naïve 文字')
    expect(readCString(text.ptr + text.size - 1)).toBe('')
  })

  it('reads no more than the limit', () => {
    using text = cAllocator.dupe('no NUL here')
    expect(readCString(text.ptr, text.size)).toBe('no NUL here')
    expect(readCString(text.ptr, 2)).toBe('no')
    expect(readCString(text.ptr, 0)).toBe('')
    using cut = cAllocator.dupeZ('é')
    expect(readCString(cut.ptr, 1)).toBe('\uFFFD')
  })

  it('makes something of bytes that are no text', () => {
    using bytes = cAllocator.dupe(Uint8Array.of(0xff, 0x41, 0xc3, 0))
    expect(readCString(bytes.ptr)).toBe('\uFFFDA\uFFFD')
    using mark = cAllocator.dupeZ('\uFEFFx')
    expect(readCString(mark.ptr)).toBe('\uFEFFx')
  })

  it('refuses what is no address, and wrong limits', () => {
    for (const value of notAddresses) {
      expect(() => readCString(value as never)).toThrow(coded('INVALID_POINTER'))
    }
    using text = cAllocator.dupeZ('text')
    for (const limit of [-1, 1.5, NaN, Infinity, 2 ** 29 + 1, '4', null, 4n]) {
      expect(() => readCString(text.ptr, limit as never)).toThrow(coded('INVALID_ARGUMENT'))
    }
  })
})

describe('readStruct', () => {
  const inner = Layout.struct({ x: Layout.f32, y: Layout.f64 })
  const layout = Layout.struct({
    a: Layout.i8,
    b: Layout.u8,
    c: Layout.i16,
    d: Layout.u16,
    e: Layout.i32,
    f: Layout.u32,
    g: Layout.i64,
    h: Layout.u64,
    pointer: Layout.ptr,
    size: Layout.usize,
    inner,
    tag: Layout.array(Layout.u8, 3),
    __proto: new Layout(5, 1),
    constructor: Layout.u8,
  })

  it('reads every kind of field', () => {
    using block = cAllocator.allocZeroed(layout)
    const view = new DataView(block.bytes.buffer, block.bytes.byteOffset, block.size)
    const { offsets } = layout
    view.setInt8(offsets['a']!, -1)
    view.setUint8(offsets['b']!, 255)
    view.setInt16(offsets['c']!, -2, true)
    view.setUint16(offsets['d']!, 65_534, true)
    view.setInt32(offsets['e']!, -3, true)
    view.setUint32(offsets['f']!, 2 ** 32 - 3, true)
    view.setBigInt64(offsets['g']!, -4n, true)
    view.setBigUint64(offsets['h']!, 2n ** 64n - 4n, true)
    view.setBigUint64(offsets['pointer']!, block.address, true)
    view.setBigUint64(offsets['size']!, 77n, true)
    view.setFloat32(offsets['inner']! + inner.offsets['x']!, 1.5, true)
    view.setFloat64(offsets['inner']! + inner.offsets['y']!, Math.PI, true)
    block.bytes.set([1, 2, 3], offsets['tag'])
    block.bytes.set([4, 5, 6, 7, 8], offsets['__proto'])
    view.setUint8(offsets['constructor']!, 9)

    const expected = {
      a: -1,
      b: 255,
      c: -2,
      d: 65_534,
      e: -3,
      f: 2 ** 32 - 3,
      g: -4n,
      h: 2n ** 64n - 4n,
      pointer: block.address,
      size: 77n,
      inner: { x: 1.5, y: Math.PI },
      tag: Uint8Array.of(1, 2, 3),
      __proto: Uint8Array.of(4, 5, 6, 7, 8),
      constructor: 9,
    }
    expect(readStruct(layout, block.ptr)).toEqual(expected)
    expect(readStruct(layout, block.address)).toEqual(expected)
    expect(Object.keys(readStruct(layout, block.ptr))).toEqual(Object.keys(expected))
  })

  it('copies: what C changes later does not show', () => {
    using block = cAllocator.allocZeroed(8)
    const struct = Layout.struct({ tag: Layout.array(Layout.u8, 8) })
    const value = readStruct(struct, block.ptr)
    block.bytes.fill(1)
    expect(value['tag']).toEqual(new Uint8Array(8))
  })

  it('reads at any address, and a struct of nothing', () => {
    using block = cAllocator.allocZeroed(16)
    block.bytes.set([1, 2, 3, 4, 5], 3)
    expect(readStruct(Layout.struct({ n: Layout.u32 }), block.ptr + 3)).toEqual({ n: 0x04030201 })
    expect(readStruct(Layout.struct({}), block.ptr)).toEqual({})
  })

  it('refuses what is no struct and no address', () => {
    using block = cAllocator.alloc(64)
    for (const value of [...notValues, {}, Layout.u32, new Layout(8), { fields: {}, size: 8 }]) {
      expect(() => readStruct(value as never, block.ptr)).toThrow(coded('INVALID_LAYOUT'))
    }
    for (const value of notAddresses) {
      expect(() => readStruct(layout, value as never)).toThrow(coded('INVALID_POINTER'))
    }
    const huge = Layout.struct({ all: new Layout(2 ** 52, 1) })
    expect(() => readStruct(huge, block.ptr)).toThrow(coded('INVALID_LAYOUT'))
  })
})
