/** zlib: `zalloc`, `zfree` and `opaque` of a z_stream. */
import { Allocation } from '../core/allocation.js'
import type { Allocator } from '../core/allocator.js'
import { isUint8Array } from '../core/brand.js'
import { unexpected } from '../core/errors.js'
import { Layout, type StructLayout } from '../core/layout.js'
import { Library, loadAddon } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

const ZLIB = contract(Library.ZLIB, 'zlib', 'zalloc', 'zfree', 'opaque')

/** A z_stream; `unsigned long` has 8 bytes except on Windows. */
function zStream(): StructLayout {
  const long = loadAddon().native.longSize === 8 ? Layout.u64 : Layout.u32
  return Layout.struct({
    next_in: Layout.ptr,
    avail_in: Layout.u32,
    total_in: long,
    next_out: Layout.ptr,
    avail_out: Layout.u32,
    total_out: long,
    msg: Layout.ptr,
    state: Layout.ptr,
    zalloc: Layout.ptr,
    zfree: Layout.ptr,
    opaque: Layout.ptr,
    data_type: Layout.i32,
    adler: long,
    reserved: long,
  })
}

/** An {@link Adapter} for zlib, which knows what a z_stream looks like. */
export class ZlibAdapter extends Adapter<'zalloc' | 'zfree' | 'opaque'> {
  /** A z_stream here: its size, and where its fields are. */
  readonly stream: StructLayout
  /** The fields as they lie in a z_stream. */
  private readonly _words: Uint8Array

  /** @internal */
  constructor(allocator: Allocator) {
    super(allocator, ZLIB)
    this.stream = zStream()
    this._words = new Uint8Array(BigUint64Array.of(...Object.values(this.fields)).buffer)
  }

  /**
   * Writes `zalloc`, `zfree` and `opaque` into a z_stream, before deflateInit or inflateInit. The others
   * are left as they are. A stream may not move while it is in use: take an Allocation, or an array
   * that is longer than 64 bytes. Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is shorter than a
   * z_stream; for a block that was freed as its `bytes` does.
   */
  install(stream: Uint8Array | Allocation): void {
    const bytes = stream instanceof Allocation ? stream.bytes : stream
    const { size, offsets } = this.stream
    if (!isUint8Array(bytes) || bytes.length < size) {
      const what = `a Uint8Array or an Allocation of at least ${size} bytes`
      throw unexpected('INVALID_ARGUMENT', what, 'the z_stream of install', stream)
    }
    bytes.set(this._words, offsets['zalloc'])
  }
}

/**
 * What zlib wants, over an allocator: an address of the three words, the same as `fields`, and
 * `install(stream)` to write them into a z_stream. deflateEnd and inflateEnd free what was taken.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory. A microsecond or two.
 */
export function zlibAdapter(allocator: Allocator): ZlibAdapter {
  return new ZlibAdapter(allocator)
}
