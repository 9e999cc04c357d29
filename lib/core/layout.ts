/**
 * Layout: the size and alignment of a block, and C's rules for composing them.
 */
import { OffheapError, unexpected } from './errors.js'

/** The alignment of malloc, and of every block for which none is named. Bytes. */
export const DEFAULT_ALIGN = 16

/** True for a size that any operation takes: an integer from 0 to 2^53 - 1. */
export function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** True for a power of two from 1 to 2^52. */
export function isAlign(value: unknown): value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) return false
  const align = value as number
  return align <= 0x40000000
    ? (align & (align - 1)) === 0
    : 2 ** Math.round(Math.log2(align)) === align
}

/** Throws ERR_OFFHEAP_INVALID_LAYOUT unless size and align are what {@link Layout} requires. */
export function checkLayout(size: unknown, align: unknown, where: string): void {
  checkSize(size, where)
  checkAlign(align, where)
}

export function checkSize(size: unknown, where: string): void {
  if (!isSize(size)) {
    throw unexpected(
      'INVALID_LAYOUT',
      'a size in bytes (an integer from 0 to 2^53 - 1)',
      where,
      size,
    )
  }
}

export function checkAlign(align: unknown, where: string): void {
  if (!isAlign(align)) {
    throw unexpected('INVALID_LAYOUT', 'an alignment (a power of two)', where, align)
  }
}

/** `value` rounded up to a multiple of `align`, a power of two. Exact for all safe integers. */
export function alignUp(value: number, align: number): number {
  const rest = value % align
  return rest === 0 ? value : value + (align - rest)
}

function checkedSum(size: number, where: string): number {
  if (size <= Number.MAX_SAFE_INTEGER) return size
  throw new OffheapError(
    'INVALID_LAYOUT',
    `Expected a size below 2^53 for ${where}, but the sum overflows it`,
  )
}

/**
 * Size and alignment of a block, in bytes. Immutable. `align` is a power of two, 16 by default. The
 * size need not be a multiple of the alignment; {@link padToAlign} makes it one, as C does for array
 * elements.
 */
export class Layout {
  /** Bytes. */
  readonly size: number
  /** Bytes, a power of two. */
  readonly align: number

  /** Throws ERR_OFFHEAP_INVALID_LAYOUT for a size or an alignment that is none. */
  constructor(size: number, align: number = DEFAULT_ALIGN) {
    checkLayout(size, align, 'Layout')
    this.size = size
    this.align = align
    if (new.target === Layout) Object.freeze(this)
  }

  /** The scalars of C, by their width in bits. */
  static readonly i8: Layout = new Layout(1, 1)
  static readonly u8: Layout = new Layout(1, 1)
  static readonly i16: Layout = new Layout(2, 2)
  static readonly u16: Layout = new Layout(2, 2)
  static readonly i32: Layout = new Layout(4, 4)
  static readonly u32: Layout = new Layout(4, 4)
  static readonly i64: Layout = new Layout(8, 8)
  static readonly u64: Layout = new Layout(8, 8)
  static readonly f32: Layout = new Layout(4, 4)
  static readonly f64: Layout = new Layout(8, 8)
  /** A pointer, and `size_t`: 64-bit systems are the only ones supported. */
  static readonly ptr: Layout = new Layout(8, 8)
  static readonly usize: Layout = new Layout(8, 8)

  /**
   * `count` elements, each padded to its alignment, as in C. Throws ERR_OFFHEAP_INVALID_LAYOUT when
   * the product passes 2^53 or `count` is no size.
   */
  static array(element: Layout, count: number): Layout {
    checkIsLayout(element, 'Layout.array')
    checkSize(count, 'the count of Layout.array')
    return new Layout(checkedSum(element.padToAlign().size * count, 'Layout.array'), element.align)
  }

  /**
   * A C struct: fields in the order of the object's own keys, each at the next multiple of its
   * alignment, the whole padded to the largest. Keys that look like array indices are refused,
   * because JavaScript would reorder them.
   */
  static struct(fields: Record<string, Layout>): StructLayout {
    return new StructLayout(fields)
  }

  /** This layout followed by `next`, with the padding that C puts between them (none behind). */
  extend(next: Layout): Layout {
    const end = checkedSum(this.offsetOf(next) + next.size, 'Layout.extend')
    return new Layout(end, Math.max(this.align, next.align))
  }

  /** Where `next` would start behind this layout: the size, rounded up to next's alignment. */
  offsetOf(next: Layout): number {
    checkIsLayout(next, 'Layout.offsetOf')
    return checkedSum(alignUp(this.size, next.align), 'Layout.offsetOf')
  }

  /** The same with the size rounded up to a multiple of the alignment. */
  padToAlign(): Layout {
    const size = checkedSum(alignUp(this.size, this.align), 'Layout.padToAlign')
    return size === this.size ? this : new Layout(size, this.align)
  }
}

function checkIsLayout(value: unknown, where: string): void {
  if (!(value instanceof Layout)) throw unexpected('INVALID_LAYOUT', 'a Layout', where, value)
}

/** The layout of a C struct, with the offset of each field. Made by {@link Layout.struct}. */
export class StructLayout extends Layout {
  /** Byte offset of each field from the start of the struct. */
  readonly offsets: Readonly<Record<string, number>>
  /** Layout of each field. */
  readonly fields: Readonly<Record<string, Layout>>

  /** @internal */
  constructor(fields: Record<string, Layout>) {
    if (typeof fields !== 'object' || fields === null) {
      throw unexpected('INVALID_LAYOUT', 'an object of named layouts', 'Layout.struct', fields)
    }
    // Without a prototype, so that a field may be called "constructor".
    const offsets: Record<string, number> = Object.create(null)
    let whole: Layout = new Layout(0, 1)
    for (const [name, field] of Object.entries(fields)) {
      if (/^(0|[1-9]\d*)$/.test(name)) {
        throw unexpected(
          'INVALID_LAYOUT',
          'a field name that is no array index',
          'Layout.struct',
          name,
        )
      }
      checkIsLayout(field, `field ${name} of Layout.struct`)
      offsets[name] = whole.offsetOf(field)
      whole = whole.extend(field)
    }
    const padded = whole.padToAlign()
    super(padded.size, padded.align)
    this.offsets = Object.freeze(offsets)
    this.fields = Object.freeze({ ...fields })
    Object.freeze(this)
  }
}
