/** Layout: sizes and alignments, and the arithmetic that C does with them. */
import { describe, expect, test } from 'vitest'
import { Layout, StructLayout } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const MAX = Number.MAX_SAFE_INTEGER

describe('a layout', () => {
  test('has the size it was given, and 16 for an alignment', () => {
    expect(new Layout(24)).toMatchObject({ size: 24, align: 16 })
    expect(new Layout(24, 4)).toMatchObject({ size: 24, align: 4 })
    expect(new Layout(0, 1)).toMatchObject({ size: 0, align: 1 })
    expect(new Layout(MAX, 1).size).toBe(MAX)
  })

  test('takes every power of two as an alignment, and none of their neighbours', () => {
    for (let bits = 0; bits <= 52; bits++) {
      const align = 2 ** bits
      expect(new Layout(1, align).align).toBe(align)
      if (bits > 1) expectCode('INVALID_LAYOUT', () => new Layout(1, align - 1))
      if (bits > 0) expectCode('INVALID_LAYOUT', () => new Layout(1, align + 1))
    }
  })

  test.each(BAD_SIZES.map((size) => [shown(size), size]))('refuses the size %s', (_, size) => {
    expectCode('INVALID_LAYOUT', () => new Layout(wrong(size)))
    expectCode('INVALID_LAYOUT', () => Layout.array(Layout.u8, wrong(size)))
  })

  test.each(BAD_ALIGNS.map((align) => [shown(align), align]))(
    'refuses the alignment %s',
    (_, align) => {
      expectCode('INVALID_LAYOUT', () => new Layout(8, wrong(align)))
    },
  )

  test('cannot be changed', () => {
    for (const layout of [new Layout(8), Layout.u8, Layout.struct({ a: Layout.u8 })]) {
      expect(() => Object.assign(layout, { size: 9 })).toThrow(TypeError)
      expect(() => Object.assign(layout, { extra: 9 })).toThrow(TypeError)
    }
  })

  test('the primitives are as large and as aligned as in C', () => {
    const { i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, ptr, usize } = Layout
    const groups = [
      [i8, u8],
      [i16, u16],
      [i32, u32, f32],
      [i64, u64, f64, ptr, usize],
    ]
    for (const [bits, group] of groups.entries()) {
      for (const one of group) expect(one).toMatchObject({ size: 2 ** bits, align: 2 ** bits })
    }
  })
})

describe('arrays', () => {
  test('pad each element to its alignment', () => {
    expect(Layout.array(new Layout(3, 4), 5)).toMatchObject({ size: 20, align: 4 })
    expect(Layout.array(Layout.f64, 0)).toMatchObject({ size: 0, align: 8 })
    const struct = Layout.struct({ a: Layout.u32, b: Layout.u8 })
    expect(Layout.array(struct, 3)).toMatchObject({ size: 24, align: 4 })
  })

  test('an overflow is an error and not a small number', () => {
    expect(Layout.array(Layout.u8, MAX).size).toBe(MAX)
    expectCode('INVALID_LAYOUT', () => Layout.array(Layout.u16, 2 ** 52))
    expectCode('INVALID_LAYOUT', () => Layout.array(new Layout(2 ** 40), 2 ** 40))
    expectCode('INVALID_LAYOUT', () => Layout.array(new Layout(MAX, 2), 1))
  })

  test('of what is no layout are refused', () => {
    for (const element of [undefined, null, 8, 'u8', { size: 8, align: 8 }]) {
      expectCode('INVALID_LAYOUT', () => Layout.array(wrong(element), 2))
    }
  })
})

describe('composition', () => {
  test('extend puts the next layout where C would, with no padding behind it', () => {
    const both = Layout.u8.extend(Layout.u32)
    expect(both).toMatchObject({ size: 8, align: 4 })
    expect(both.extend(Layout.u8)).toMatchObject({ size: 9, align: 4 })
    expect(Layout.u8.offsetOf(Layout.f64)).toBe(8)
    expect(new Layout(0, 1).offsetOf(Layout.f64)).toBe(0)
  })

  test('padToAlign rounds the size up, once', () => {
    const padded = new Layout(9, 4).padToAlign()
    expect(padded).toMatchObject({ size: 12, align: 4 })
    expect(padded.padToAlign()).toBe(padded)
  })

  test('sums that pass 2^53 are errors, up to the last byte', () => {
    expect(new Layout(MAX - 1, 1).extend(Layout.u8).size).toBe(MAX)
    expectCode('INVALID_LAYOUT', () => new Layout(MAX, 1).extend(Layout.u8))
    expectCode('INVALID_LAYOUT', () => new Layout(MAX, 1).offsetOf(Layout.u16))
    expectCode('INVALID_LAYOUT', () => new Layout(MAX, 2).padToAlign())
    expectCode('INVALID_LAYOUT', () => new Layout(1, 1).extend(new Layout(MAX, 2 ** 52)))
  })

  test('with what is no layout is refused', () => {
    for (const next of [undefined, null, 8, { size: 8, align: 8 }]) {
      expectCode('INVALID_LAYOUT', () => Layout.u8.extend(wrong(next)))
      expectCode('INVALID_LAYOUT', () => Layout.u8.offsetOf(wrong(next)))
    }
  })
})

describe('structs', () => {
  test('have an offset for each field, whatever it is called', () => {
    const names = ['constructor', '__proto__', 'toString', '-1', '01', '']
    const fields = Object.fromEntries(names.map((name) => [name, Layout.u16]))
    const struct = Layout.struct(fields)
    expect(Object.keys(struct.offsets)).toEqual(names)
    expect(names.map((name) => struct.offsets[name])).toEqual([0, 2, 4, 6, 8, 10])
    expect(struct).toBeInstanceOf(StructLayout)
    expect(struct).toBeInstanceOf(Layout)
  })

  test('without a field take no bytes', () => {
    expect(Layout.struct({})).toMatchObject({ size: 0, align: 1, offsets: {} })
  })

  test('do not change with the object that they were made from', () => {
    const fields: Record<string, Layout> = { a: Layout.u8 }
    const struct = Layout.struct(fields)
    fields['b'] = Layout.u64
    expect(struct.size).toBe(1)
    expect(Object.keys(struct.fields)).toEqual(['a'])
    expect(() => Object.assign(struct.offsets, { a: 5 })).toThrow(TypeError)
    expect(() => Object.assign(struct.fields, { a: Layout.u64 })).toThrow(TypeError)
  })

  test('refuse names that JavaScript would reorder', () => {
    const error = expectCode('INVALID_LAYOUT', () => Layout.struct({ b: Layout.u8, 7: Layout.u8 }))
    expect(error.message).toContain('"7"')
    expectCode('INVALID_LAYOUT', () => Layout.struct(wrong([Layout.u8])))
  })

  test('refuse what is no object and fields that are no layouts, by name', () => {
    for (const fields of [undefined, null, 5, 'abc']) {
      expectCode('INVALID_LAYOUT', () => Layout.struct(wrong(fields)))
    }
    const error = expectCode('INVALID_LAYOUT', () =>
      Layout.struct({ a: Layout.u8, count: wrong(4) }),
    )
    expect(error.message).toContain('count')
  })

  test('that pass 2^53 are refused', () => {
    const huge = new Layout(2 ** 52, 1)
    expect(Layout.struct({ a: huge }).size).toBe(2 ** 52)
    expectCode('INVALID_LAYOUT', () => Layout.struct({ a: huge, b: huge }))
  })
})
