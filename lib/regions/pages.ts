/** Regions of whole pages from the operating system. */
import { OutOfMemoryError, unexpected } from '../core/errors.js'
import type { Region } from '../core/region.js'
import { Heap, loadAddon } from '../native/binding.js'
import { checkOptions, checkRegionSize, regionOver } from './owned.js'

/** Options of `Region.pages`. */
export interface PagesOptions {
  /** An inaccessible page before and one behind: C code that runs over the end crashes at once. */
  guard?: boolean
  /** Ask for huge pages (2 MiB alignment; a hint that the system may ignore). */
  hugePages?: boolean
  /** A name for /proc/self/maps, where the kernel has it: at most 79 printable ASCII characters. */
  name?: string
}

/**
 * `size` bytes in whole pages, zero-filled, committed when they are first touched: reserve much, pay
 * for what is used. Freed by dispose, or when the region and its buffer are collected.
 *
 * Throws ERR_OFFHEAP_INVALID_LAYOUT, ERR_OFFHEAP_INVALID_ARGUMENT for options, OutOfMemoryError when there
 * is no address space or the runtime cannot show that many bytes (Node 20: 4 GiB). Where the runtime
 * refuses external buffers the memory is V8's and the options have no effect. Some microseconds, and
 * a page fault for each page touched.
 */
export function pagesRegion(size: number, options: PagesOptions = {}): Region {
  checkRegionSize(size, 'Region.pages')
  checkOptions(options, 'Region.pages')
  const { guard = false, hugePages = false, name } = options
  for (const [option, value] of Object.entries({ guard, hugePages })) {
    if (typeof value !== 'boolean')
      throw unexpected('INVALID_ARGUMENT', 'a boolean', `${option} of Region.pages`, value)
  }
  // The kernel refuses brackets, dollars, backquotes and backslashes in a name.
  if (name !== undefined && !(typeof name === 'string' && /^[ -#%-Z^_a-~]{1,79}$/.test(name))) {
    throw unexpected(
      'INVALID_ARGUMENT',
      'a name of 1 to 79 printable ASCII characters',
      'Region.pages',
      name,
    )
  }
  const { native } = loadAddon()
  const ptr = native.allocPages(size, native.pageSize, guard, hugePages, name)
  if (ptr === 0) throw new OutOfMemoryError('Region.pages', size, native.pageSize)
  const { pageSize } = native
  return regionOver({ heap: Heap.PAGES, calls: native.pages, kind: 'pages' }, ptr, size, pageSize)
}
