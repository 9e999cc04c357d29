/** Regions over memory that C handed to us. */
import { OffheapError, unexpected } from '../core/errors.js'
import { type Pointer, toPointer } from '../core/pointer.js'
import { Region } from '../core/region.js'
import { Heap } from '../native/binding.js'
import { showBlock } from '../native/shown.js'
import { checkOptions, checkRegionSize } from './owned.js'

/** Options of `Region.borrow`. */
export interface BorrowOptions {
  /**
   * Whatever keeps the memory valid: it is not collected while the region or its buffer is in use. A
   * buffer that is moved elsewhere by transfer() no longer keeps it.
   */
  owner?: object
  /**
   * Called once with the address when the region is disposed, after the buffer was detached; never
   * when it was moved elsewhere by transfer(), because its new owner still looks at the memory.
   */
  free?: (address: Pointer) => void
}

/** What a borrowed buffer keeps alive. */
const owners = new WeakMap<object, object>()

/**
 * UNSAFE: shows `size` bytes at an address that C made up, as a number or a bigint. Nothing can check
 * that they exist or for how long: a wrong address crashes the process when it is read. Dispose
 * detaches the buffer and calls `free`; a region that is merely collected calls nothing.
 *
 * Throws ERR_OFFHEAP_INVALID_POINTER for what is no address and for NULL, ERR_OFFHEAP_INVALID_LAYOUT for the
 * size, ERR_OFFHEAP_UNSUPPORTED where the runtime refuses external buffers. About 1 microsecond.
 */
export function borrowRegion(
  address: Pointer | bigint,
  size: number,
  options: BorrowOptions = {},
): Region {
  const ptr = toPointer(address, 'Region.borrow')
  if (ptr === 0)
    throw unexpected('INVALID_POINTER', 'an address other than NULL', 'Region.borrow', address)
  checkRegionSize(size, 'Region.borrow')
  checkOptions(options, 'Region.borrow')
  const { owner, free } = options
  if (owner !== undefined && (typeof owner !== 'object' || owner === null)) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the owner of Region.borrow', owner)
  }
  if (free !== undefined && typeof free !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a function', 'free of Region.borrow', free)
  }
  const onRelease = free === undefined ? undefined : () => free(ptr)
  const shown = showBlock(Heap.BORROWED, ptr, size, { kind: 'borrowed', owned: false, onRelease })
  if (shown === null) {
    throw new OffheapError(
      'UNSUPPORTED',
      `Region.borrow cannot show ${size} bytes: this runtime makes no external buffers of that size`,
    )
  }
  if (owner !== undefined) owners.set(shown.buffer, owner)
  return new Region(shown.source, ptr, size, { buffer: shown.buffer, byteOffset: 0 })
}
