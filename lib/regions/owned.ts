/**
 * Regions that own native memory: the block shown as an external ArrayBuffer or, where the runtime
 * refuses those, memory of V8's instead (a V8-allocated ArrayBuffer has a stable address while it is
 * referenced). Also the argument checks that regions share.
 */
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import { checkSize } from '../core/layout.js'
import { Region, type RegionKind, type RegionSource } from '../core/region.js'
import type { Pointer } from '../core/pointer.js'
import { Box, type Heap, loadAddon, type NativeHeap } from '../native/binding.js'
import { detach, showBlock } from '../native/shown.js'

/** Where a region's block came from. */
interface Origin {
  heap: Heap
  calls: NativeHeap
  kind: RegionKind
}

/** A region over a fresh block, which it owns; the block is freed if it cannot be shown. */
export function regionOver(from: Origin, ptr: Pointer, size: number, align: number): Region {
  const { heap, calls, kind } = from
  const shown = showBlock(heap, ptr, size, { kind, owned: true })
  if (shown !== null) {
    return new Region(shown.source, ptr, size, { buffer: shown.buffer, byteOffset: 0 })
  }
  const { box } = loadAddon()
  box[Box.PTR] = ptr
  box[Box.SIZE] = 0
  box[Box.ALIGN] = 0
  calls.free()
  return bufferRegion(size, align, kind)
}

class BufferSource implements RegionSource {
  constructor(readonly kind: RegionKind) {}

  show(): null {
    return null
  }

  release(buffer: ArrayBufferLike): void {
    if (buffer.byteLength !== 0) detach(buffer as ArrayBuffer, this.kind)
  }
}

/** A region of V8's memory at a multiple of `align`, zero-filled. Throws OutOfMemoryError. */
function bufferRegion(size: number, align: number, kind: RegionKind): Region {
  let bytes: Uint8Array<ArrayBuffer>
  try {
    // Node 20 makes buffers that it then refuses to make a view of.
    bytes = new Uint8Array(new ArrayBuffer(size + align))
  } catch {
    throw new OutOfMemoryError(`Region.${kind}`, size, align)
  }
  const { buffer } = bytes
  const address = loadAddon().native.addressOf(bytes)
  const byteOffset = (align - (address % align)) % align
  return new Region(new BufferSource(kind), address + byteOffset, size, { buffer, byteOffset })
}

/** Throws ERR_OFFHEAP_INVALID_LAYOUT unless `size` is an integer of at least 1. */
export function checkRegionSize(size: unknown, where: string): void {
  checkSize(size, where)
  if (size === 0) throw unexpected('INVALID_LAYOUT', 'a size of at least 1 byte', where, size)
}

/** Throws ERR_OFFHEAP_INVALID_ARGUMENT unless `options` is an object. */
export function checkOptions(options: unknown, where: string): void {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an options object', where, options)
  }
}
