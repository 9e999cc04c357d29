// BumpAllocator.rawAlloc against bump allocators in C.

import { BumpAllocator } from 'offheap'
import { useEveryClass } from '../harness/every-class.mjs'

const CAPACITY = 1 << 20
const KEPT = 1024

/**
 * The last addresses are kept in a table: something that a program does with them. The arena is
 * started again when it is full, as in the C arms. Size and alignment are literals, as in a user's
 * code.
 */
function rawAlloc8() {
  const bump = new BumpAllocator(CAPACITY)
  const kept = new Float64Array(KEPT)
  function batch(n) {
    for (let i = 0; i < n;) {
      const ptr = bump.rawAlloc(24, 8)
      if (ptr === 0) bump.reset()
      else kept[i++ & (KEPT - 1)] = ptr
    }
    return kept[0]
  }
  return { batch }
}

function rawAlloc16() {
  const bump = new BumpAllocator(CAPACITY)
  const kept = new Float64Array(KEPT)
  function batch(n) {
    for (let i = 0; i < n;) {
      const ptr = bump.rawAlloc(24, 16)
      if (ptr === 0) bump.reset()
      else kept[i++ & (KEPT - 1)] = ptr
    }
    return kept[0]
  }
  return { batch }
}

/**
 * The addresses are only added up. The slow path of rawAlloc is a call, across which V8 keeps no
 * register, so the sum goes through memory and that is what this arm measures.
 */
function sum() {
  const bump = new BumpAllocator(CAPACITY)
  function batch(n) {
    let total = 0
    for (let i = 0; i < n;) {
      const ptr = bump.rawAlloc(24, 8)
      if (ptr === 0) {
        bump.reset()
      } else {
        total += ptr
        i++
      }
    }
    return total
  }
  return { batch }
}

function afterEveryClass() {
  useEveryClass()
  return rawAlloc8()
}

const c = (label, arm) => ({ label, c: { program: 'bump', arm } })

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'bump-raw',
  title: 'BumpAllocator.rawAlloc, 24 bytes',
  about: 'one allocation from 1 MiB, which is started again when it is full; its address is kept',
  arms: {
    js: { label: 'rawAlloc(24, 8)', setup: rawAlloc8, ours: true },
    mixed: {
      label: 'rawAlloc(24, 8), every class used before',
      setup: afterEveryClass,
      ours: true,
    },
    js16: { label: 'rawAlloc(24, 16), padding each time', setup: rawAlloc16, ours: true },
    sum: { label: 'rawAlloc(24, 8), addresses added up', setup: sum, ours: true },
    library: c('C, native/core/bump.c, the same checks', 'library-8'),
    library16: c('C, the same, align 16', 'library-16'),
    librarySum: c('C, the same, align 8, addresses added up', 'library-sum'),
    door: c('C, the same, align 8, through oh_malloc', 'door'),
    textbook: c('C, textbook bump, no checks', 'textbook'),
  },
  bars: [{ arm: 'js', peer: 'library', atMost: 1.3 }],
}
