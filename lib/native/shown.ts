/**
 * Native blocks shown as ArrayBuffers: making the buffer, detaching it, and giving the block back.
 *
 * Where the runtime has `ArrayBuffer.prototype.transfer`, the buffer that Node-API made is moved once
 * and the moved one is used. Node keeps hold of the buffers that it made and detaches them when the
 * thread ends, and that aborts the process for one that was passed to `markAsUntransferable`; of a
 * moved buffer it knows nothing. For the same reason a buffer is detached by `transfer(0)`, which
 * throws where Node-API's own function aborts.
 */
import { invalidPointer } from '../core/allocator.js'
import { OffheapError } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import type { RegionKind, RegionSource } from '../core/region.js'
import { Box, loadAddon, Status } from './binding.js'

/** Set by tests to see what an environment sees that refuses external buffers, such as Electron. */
const refuseExternal = process.env['OFFHEAP_NO_EXTERNAL_BUFFERS'] === '1'

/** A block that is shown: its buffer, and the source that gives it back. */
export interface ShownBlock {
  buffer: ArrayBuffer
  source: NativeSource
}

/** The source of a region over a native block. */
export class NativeSource implements RegionSource {
  private moved = false

  constructor(
    readonly kind: RegionKind,
    private readonly id: number,
    private readonly onRelease: (() => void) | undefined,
  ) {}

  /** A detached buffer cannot be had back: somebody else owns the memory. */
  show(): null {
    return null
  }

  release(buffer: ArrayBufferLike): void {
    const { native } = loadAddon()
    if (buffer.byteLength === 0) {
      this.moved = true
      native.abandon(this.id)
    } else {
      detach(buffer as ArrayBuffer, this.kind)
      native.release(this.id)
    }
  }

  /** The buffer was moved away and has been collected since: the block is somebody else's. */
  gone(): boolean {
    return !loadAddon().native.isShown(this.id)
  }

  /** Not for a buffer that was moved away: its new owner still looks at the memory. */
  released(): void {
    if (!this.moved || this.kind === 'block') this.onRelease?.()
  }

  decommit(address: Pointer, offset: number, size: number): number {
    if (this.kind !== 'pages') return 0
    const { native, box } = loadAddon()
    const status = native.decommitPages(address, offset, size)
    return status === Status.OK ? box[Box.RESULT]! : 0
  }

  pinned(pins: number): void {
    loadAddon().native.setPins(this.id, pins)
  }
}

/**
 * Shows `size` bytes of a block, or 0 for all of it. `owned`: it is freed when its buffer is collected. null: this runtime makes no
 * external buffer of this size, or none at all. Throws ERR_OFFHEAP_INVALID_POINTER for a pointer that
 * is no live block or that another thread shows. About 1 microsecond.
 */
export function showBlock(
  heap: number,
  ptr: Pointer,
  size: number,
  options: { kind: RegionKind; owned: boolean; onRelease?: (() => void) | undefined },
): ShownBlock | null {
  if (refuseExternal) return null
  const { native, box, transfer } = loadAddon()
  const made = native.show(heap, ptr, size, options.owned)
  if (made === undefined) return null
  if (made === null)
    throw invalidPointer('the heap', 'view', ptr, 'is no live block, or another thread shows it')
  const id = box[Box.RESULT]!
  const buffer = transfer === null ? made : transfer.call(made)
  native.setBuffer(id, buffer)
  return { buffer, source: new NativeSource(options.kind, id, options.onRelease) }
}

/** Detaches a buffer. Throws ERR_OFFHEAP_PINNED where the runtime does not allow it. */
export function detach(buffer: ArrayBuffer, kind: RegionKind): void {
  const { native, transfer } = loadAddon()
  try {
    if (transfer !== null) {
      transfer.call(buffer, 0)
      return
    }
    if (native.detach(buffer)) return
  } catch (cause) {
    throw undetachable(kind, cause)
  }
  throw undetachable(kind)
}

function undetachable(kind: RegionKind, cause?: unknown): OffheapError {
  return new OffheapError(
    'PINNED',
    `Region (${kind}) cannot be disposed: its ArrayBuffer cannot be detached, probably because of ` +
      `markAsUntransferable(). Its memory is freed when the buffer is collected`,
    { cause },
  )
}
