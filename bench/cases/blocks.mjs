// What the two cases about alloc().bytes share: the sizes, the peers and the bars.

export const KiB = 1024
export const SIZES = [24, 64, 256, KiB, 4 * KiB, 16 * KiB, 64 * KiB]

/** Bytes of arena that a block takes: alloc(size) aligns to 16. */
export const strideOf = (size) => Math.ceil(size / 16) * 16

/** The peers, without their loops: those are written out for each, so that none shares a call site. */
export const PEERS = {
  allocUnsafe: { label: 'Buffer.allocUnsafe', dropped: true },
  alloc: { label: 'Buffer.alloc', dropped: true },
  uint8array: { label: 'new Uint8Array', dropped: true },
}

/** Faster than allocUnsafe at every size, and much faster where `much` says so. */
export const fasterThanAllocUnsafe = (arm, much = {}) =>
  SIZES.map((input) => ({ arm, peer: 'allocUnsafe', input, atLeast: much[input] ?? 1 }))
