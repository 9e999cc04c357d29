/** Regions that every worker sees: SharedArrayBuffers. */
import { OutOfMemoryError } from '../core/errors.js'
import { Region, type RegionSource } from '../core/region.js'
import { loadAddon } from '../native/binding.js'
import { checkRegionSize } from './owned.js'

class SharedSource implements RegionSource {
  readonly kind = 'shared'

  show(): null {
    return null
  }

  release(): void {}
}

/**
 * `size` bytes as a SharedArrayBuffer, zero-filled. Post `region.buffer` to a worker and make a region
 * of it there with `Region.from`. No thread can take the memory from another: dispose lets go of this
 * thread's hold only, views of it stay readable, and the memory is freed when no thread refers to it.
 *
 * Throws ERR_OFFHEAP_INVALID_LAYOUT, OutOfMemoryError.
 */
export function sharedRegion(size: number): Region {
  checkRegionSize(size, 'Region.shared')
  let bytes: Uint8Array<SharedArrayBuffer>
  try {
    bytes = new Uint8Array(new SharedArrayBuffer(size))
  } catch {
    throw new OutOfMemoryError('Region.shared', size, 1)
  }
  const address = loadAddon().native.addressOf(bytes)
  return new Region(new SharedSource(), address, size, { buffer: bytes.buffer, byteOffset: 0 })
}
