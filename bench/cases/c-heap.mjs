// malloc and free through the library, against what a call into C costs at least, and koffi.

import { createRequire } from 'node:module'
import { cAllocator, rawCAllocator } from 'offheap'
import { emptyCallAddon } from '../harness/build.mjs'
import { koffiFunctions } from '../harness/koffi.mjs'

function raw(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const ptr = cAllocator.rawAlloc(64, 16)
    sum += ptr
    cAllocator.rawFree(ptr, 64, 16)
  }
  return sum
}

function rawOfRaw(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const ptr = rawCAllocator.rawAlloc(64, 16)
    sum += ptr
    rawCAllocator.rawFree(ptr, 64, 16)
  }
  return sum
}

function handle(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const a = cAllocator.alloc(64)
    sum += a.ptr
    a.free()
  }
  return sum
}

/** Looking at a C block makes an ArrayBuffer for it, which free detaches. */
function handleAndBytes(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const a = cAllocator.alloc(64)
    a.bytes[0] = i
    sum += a.ptr
    a.free()
  }
  return sum
}

function emptyCall() {
  const { empty } = createRequire(import.meta.url)(emptyCallAddon())
  function batch(n) {
    let last
    for (let i = 0; i < n; i++) last = empty()
    return last
  }
  return { batch }
}

async function koffiAlloc() {
  const { default: koffi } = await import('koffi')
  const { alloc, free } = koffi
  function batch(n) {
    let last
    for (let i = 0; i < n; i++) {
      last = alloc('uint8_t', 64)
      free(last)
    }
    return last
  }
  return { batch }
}

/** A malloc for each, as above, but nobody frees it: the garbage collector does at some time. */
function allocUnsafeSlow(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.allocUnsafeSlow(64)
    bytes[0] = i
    sum += bytes.length
  }
  return sum
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'c-heap',
  title: 'malloc + free, 64 bytes',
  about: 'one block, allocated and freed at once',
  arms: {
    raw: { label: 'cAllocator.rawAlloc + rawFree', batch: raw, ours: true },
    rawOfRaw: { label: 'rawCAllocator.rawAlloc + rawFree', batch: rawOfRaw, ours: true },
    handle: { label: 'cAllocator.alloc + free (a handle)', batch: handle, ours: true },
    bytes: { label: 'cAllocator.alloc + bytes + free', batch: handleAndBytes, ours: true },
    empty: { label: 'one empty Node-API call', setup: emptyCall },
    koffi: { label: 'koffi.alloc + koffi.free', setup: koffiAlloc },
    koffiFunctions: { label: 'malloc + free as koffi functions', setup: koffiFunctions },
    slow: { label: 'Buffer.allocUnsafeSlow(64)', batch: allocUnsafeSlow, dropped: true },
    library: {
      label: 'C, native/core/libc.c (wrong frees refused)',
      c: { program: 'malloc_pair', arm: 'library' },
    },
    libc: { label: 'C, malloc + free', c: { program: 'malloc_pair', arm: 'libc' } },
  },
  bars: [
    { arm: 'raw', peer: 'empty', atMost: 5 },
    { arm: 'raw', peer: 'koffi', atMost: 0.5 },
  ],
}
