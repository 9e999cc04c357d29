/**
 * ArrayBuffers that show one block each, so that a free can detach what JavaScript still has of it. The
 * memory is another allocator's, which must be held (Allocator._anchor) while a buffer is shown.
 */
import type { Pointer } from '../../core/pointer.js'
import { Region } from '../../core/region.js'
import { Heap } from '../../native/binding.js'
import { type NativeSource, showBlock } from '../../native/shown.js'

/** Typed arrays and Atomics want their buffers to start at a multiple of this. */
const START = 16

/** A buffer over a block. */
export class BlockBuffer {
  private readonly _region: Region

  constructor(
    private readonly _buffer: ArrayBuffer,
    private readonly _source: NativeSource,
    at: Pointer,
    /** Where in the buffer the block starts. */
    private readonly _start: number,
  ) {
    this._region = new Region(_source, at, _buffer.byteLength, { buffer: _buffer, byteOffset: 0 })
  }

  /** Bytes of the block that it shows. */
  get size(): number {
    return this._region.byteLength - this._start
  }

  /** Throws ERR_OFFHEAP_DISPOSED when the buffer was transferred elsewhere. */
  view(size: number): Uint8Array {
    return this._region._bytes(this._start, size)
  }

  /** While pinned, {@link release} throws. */
  pin(): Disposable {
    return this._region.pin()
  }

  /**
   * Detaches the buffer. false: somebody moved it elsewhere and looks at the block for as long as
   * {@link lent}. Throws ERR_OFFHEAP_PINNED where it cannot be detached; nothing has changed then.
   */
  release(): boolean {
    const moved = this._buffer.byteLength === 0
    this._region.dispose()
    return !moved
  }

  /** Of a buffer that was moved elsewhere: does anybody have it still? */
  get lent(): boolean {
    return !this._source.gone()
  }
}

/** Shows a block of at least 1 byte; null where the runtime makes no external buffers of its size. */
export function showBytes(ptr: Pointer, size: number): BlockBuffer | null {
  const start = ptr % START
  const at = ptr - start
  const shown = showBlock(Heap.BORROWED, at, start + size, { kind: 'block', owned: false })
  return shown === null ? null : new BlockBuffer(shown.buffer, shown.source, at, start)
}
