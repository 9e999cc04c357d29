/** The cells of a ledger, which say of an address that it is certainly not written down. */
import type { Pointer } from '../core/pointer.js'

/** As oh_ledger_cell of native/core/ledger.h: from the 32 bits above the lowest four. */
export function cellOf(ptr: Pointer): number {
  const granule = (ptr / 16) | 0
  return ((granule << 16) ^ granule) >>> 16
}
