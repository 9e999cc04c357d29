// A view of bytes that are there already.

import { BumpAllocator } from 'offheap'
import { useEveryClass } from '../harness/every-class.mjs'

const SIZE = 64
const SLOTS = 1024
const CAPACITY = SIZE * SLOTS

/** A bump whose whole region is handed out. */
function fullBump() {
  const bump = new BumpAllocator(CAPACITY)
  return { bump, base: bump.rawAlloc(CAPACITY, 16) }
}

function view() {
  const { bump, base } = fullBump()
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = bump.view(base + (i % SLOTS) * SIZE, SIZE)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

function bare() {
  const { buffer } = fullBump().bump.region
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = new Uint8Array(buffer, (i % SLOTS) * SIZE, SIZE)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

function subarray() {
  const all = new Uint8Array(fullBump().bump.region.buffer)
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const at = (i % SLOTS) * SIZE
      const bytes = all.subarray(at, at + SIZE)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

function bufferFrom() {
  const { buffer } = fullBump().bump.region
  function batch(n) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const bytes = Buffer.from(buffer, (i % SLOTS) * SIZE, SIZE)
      bytes[0] = i
      sum += bytes.length
    }
    return sum
  }
  return { batch }
}

const afterEveryClass = (setup) => () => {
  useEveryClass()
  return setup()
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'view',
  title: 'A view of 64 bytes',
  about: 'one view into a malloc region of 64 KiB, its first byte written',
  arms: {
    view: { label: 'allocator.view(ptr, 64)', setup: view, ours: true },
    'view-mixed': {
      label: 'allocator.view(ptr, 64), every class used before',
      setup: afterEveryClass(view),
      ours: true,
    },
    bare: { label: 'new Uint8Array(buffer, offset, 64)', setup: bare },
    'bare-mixed': {
      label: 'new Uint8Array(...), every class used before',
      setup: afterEveryClass(bare),
    },
    subarray: { label: 'u8.subarray(offset, offset + 64)', setup: subarray },
    bufferFrom: { label: 'Buffer.from(buffer, offset, 64)', setup: bufferFrom },
  },
  bars: [{ arm: 'view', peer: 'bare', atMost: 1.15 }],
}
