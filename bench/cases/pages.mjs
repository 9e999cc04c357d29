// Whole pages, 64 KiB at a time. For information: there is no bar, the kernel sets the price.

import { pageAllocator, Region } from 'offheap'

const SIZE = 65536
const PAGE = 4096

function raw(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const ptr = pageAllocator.rawAlloc(SIZE, PAGE)
    sum += ptr
    pageAllocator.rawFree(ptr, SIZE, PAGE)
  }
  return sum
}

const regionOf = (make, touched) => (n) => {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const region = make(SIZE)
    const bytes = new Uint8Array(region.buffer)
    for (let at = 0; at < touched; at += PAGE) bytes[at] = 1
    sum += bytes.length
    region.dispose()
  }
  return sum
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'pages',
  title: 'Whole pages from the system, 64 KiB (for information)',
  about: 'one block of 16 pages, taken and given back; touched: a byte of each page is written',
  arms: {
    raw: { label: 'pageAllocator.rawAlloc + rawFree', batch: raw, ours: true },
    region: {
      label: 'Region.pages + dispose, untouched',
      batch: regionOf(Region.pages, 0),
      ours: true,
    },
    touched: {
      label: 'Region.pages + dispose, touched',
      batch: regionOf(Region.pages, SIZE),
      ours: true,
    },
    malloc: {
      label: 'Region.malloc + dispose, touched',
      batch: regionOf(Region.malloc, SIZE),
      ours: true,
    },
    c: { label: 'C, mmap + munmap, untouched', c: { program: 'mmap_pair', arm: 'untouched' } },
    cTouched: { label: 'C, mmap + munmap, touched', c: { program: 'mmap_pair', arm: 'touched' } },
  },
  bars: [],
}
