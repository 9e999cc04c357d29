/** Regions over the caller's own buffers. */
import { unexpected } from '../core/errors.js'
import { isAnyBuffer } from '../core/brand.js'
import { FIRST_MADE_UP } from '../core/pointer.js'
import { Region, type RegionSource } from '../core/region.js'

/** Tells the address of a view, or null where no addon is there to ask. */
export type AddressOf = (view: Uint8Array) => number | null

class ViewSource implements RegionSource {
  readonly kind = 'view'

  show(): null {
    return null
  }

  /** The memory is the caller's: it is let go of, not detached. */
  release(): void {}
}

/** Made-up addresses are congruent to the offset in the buffer modulo 64 KiB. */
let nextMadeUp = FIRST_MADE_UP
const UNIT = 2 ** 16

function madeUpAddress(byteOffset: number, byteLength: number): number {
  const address = nextMadeUp + (byteOffset % UNIT)
  nextMadeUp += Math.ceil((byteLength + UNIT) / UNIT) * UNIT
  return address
}

/**
 * The caller's memory as a region: an ArrayBuffer, a SharedArrayBuffer or a view of one. Not owned:
 * dispose lets go of it. The caller keeps it alive through the region. Works without the addon.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT for anything else, and for an empty or detached one, or one whose
 * buffer is resizable: it could shrink under the region.
 */
export function viewRegion(
  memory: ArrayBufferLike | ArrayBufferView,
  addressOf: AddressOf,
): Region {
  if (!ArrayBuffer.isView(memory) && !isAnyBuffer(memory)) {
    throw unexpected('INVALID_ARGUMENT', 'an ArrayBuffer or a view', 'Region.from', memory)
  }
  const view = bytesOf(memory)
  if (view === null || view.byteLength === 0) {
    throw unexpected('INVALID_ARGUMENT', 'at least one byte, not detached', 'Region.from', memory)
  }
  const { buffer, byteOffset, byteLength } = view
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean }
  if (resizable === true || growable === true) {
    throw unexpected('INVALID_ARGUMENT', 'a buffer of fixed length', 'Region.from', memory)
  }
  const address = addressOf(view) ?? madeUpAddress(byteOffset, byteLength)
  return new Region(new ViewSource(), address, byteLength, { buffer, byteOffset })
}

/** null: the buffer is detached, or has become too short for the view. */
function bytesOf(memory: ArrayBufferLike | ArrayBufferView): Uint8Array | null {
  try {
    return ArrayBuffer.isView(memory)
      ? new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength)
      : new Uint8Array(memory)
  } catch {
    return null
  }
}
