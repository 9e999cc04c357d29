/**
 * Reading what C points at. UNSAFE: an address that C made up is believed, and a wrong one ends the
 * process. What can be checked is: that it is an address at all, and how far the read may go.
 */
import { unexpected } from '../core/errors.js'
import { isSize, Layout, StructLayout } from '../core/layout.js'
import { type Pointer, toPointer } from '../core/pointer.js'
import { loadAddon } from '../native/binding.js'

/** What {@link readStruct} makes of a field. */
export type FieldValue = number | bigint | Uint8Array | StructValue

/** The fields of a struct by their names, in the order of the layout. */
export interface StructValue {
  [field: string]: FieldValue
}

/** How a scalar is read from a copy of the struct. */
type Reader = (view: DataView, offset: number) => number | bigint

/** The longest text that a string can be, and more than any struct. */
const MOST = 2 ** 29 - 24

const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Scalars are told apart by which layout they are: i32, u32 and f32 are of one size. */
const readers = new Map<Layout, Reader>([
  [Layout.i8, (view, offset) => view.getInt8(offset)],
  [Layout.u8, (view, offset) => view.getUint8(offset)],
  [Layout.i16, (view, offset) => view.getInt16(offset, little)],
  [Layout.u16, (view, offset) => view.getUint16(offset, little)],
  [Layout.i32, (view, offset) => view.getInt32(offset, little)],
  [Layout.u32, (view, offset) => view.getUint32(offset, little)],
  [Layout.i64, (view, offset) => view.getBigInt64(offset, little)],
  [Layout.u64, (view, offset) => view.getBigUint64(offset, little)],
  [Layout.f32, (view, offset) => view.getFloat32(offset, little)],
  [Layout.f64, (view, offset) => view.getFloat64(offset, little)],
  [Layout.ptr, (view, offset) => view.getBigUint64(offset, little)],
  [Layout.usize, (view, offset) => view.getBigUint64(offset, little)],
])

/** The address that a read starts at. Throws for what is none and for NULL. */
function readable(ptr: unknown, where: string): Pointer {
  const address = toPointer(ptr, where)
  if (address !== 0) return address
  throw unexpected('INVALID_POINTER', 'an address other than NULL', where, ptr)
}

function copyOf(address: Pointer, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  loadAddon().native.readMemory(address, bytes)
  return bytes
}

/**
 * UNSAFE: the text at an address that C made up, a number or a bigint, up to its NUL, decoded as
 * UTF-8; bytes that are none become U+FFFD. At most `limit` bytes are read: a text without a NUL
 * among them is cut there. An address of no memory ends the process.
 *
 * Throws ERR_OFFHEAP_INVALID_POINTER for NULL and what is no address, ERR_OFFHEAP_INVALID_ARGUMENT for a limit
 * that is no integer from 0 to 2^29 - 24. Any thread. O(length), about a microsecond.
 */
export function readCString(ptr: Pointer | bigint, limit = 65_536): string {
  const address = readable(ptr, 'readCString')
  if (!isSize(limit) || limit > MOST) {
    throw unexpected('INVALID_ARGUMENT', 'a limit from 0 to 2^29 - 24 bytes', 'readCString', limit)
  }
  const length = loadAddon().native.stringLength(address, limit)
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(copyOf(address, length))
}

/**
 * UNSAFE: the fields of the struct at an address that C made up, by their names. An address of no memory ends
 * the process, and nothing tells whether a struct is there.
 *
 * `layout` is made by `Layout.struct`. The scalars of `Layout` become what they are in C: integers up
 * to 32 bits and floats a number, 64-bit integers, `ptr` and `usize` a bigint. A struct inside is an
 * object of its own; anything else (`Layout.array`, a `new Layout(...)`) is a copy of its bytes. The
 * address need not be aligned, and the struct may have 2^29 - 24 bytes.
 *
 * Throws ERR_OFFHEAP_INVALID_LAYOUT for what `Layout.struct` did not make or is longer than that,
 * ERR_OFFHEAP_INVALID_POINTER for NULL and what is no address. Any thread. About a microsecond.
 */
export function readStruct(layout: StructLayout, ptr: Pointer | bigint): StructValue {
  if (!(layout instanceof StructLayout)) {
    throw unexpected('INVALID_LAYOUT', 'a layout made by Layout.struct', 'readStruct', layout)
  }
  if (layout.size > MOST) {
    throw unexpected(
      'INVALID_LAYOUT',
      'a struct of at most 2^29 - 24 bytes',
      'readStruct',
      layout.size,
    )
  }
  const bytes = copyOf(readable(ptr, 'readStruct'), layout.size)
  return valuesOf(layout, bytes)
}

function valuesOf(layout: StructLayout, bytes: Uint8Array): StructValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Object.fromEntries(
    Object.entries(layout.fields).map(([name, field]) => {
      const offset = layout.offsets[name]!
      const reader = readers.get(field)
      if (reader !== undefined) return [name, reader(view, offset)]
      const part = bytes.subarray(offset, offset + field.size)
      return [name, field instanceof StructLayout ? valuesOf(field, part) : part.slice()]
    }),
  )
}
