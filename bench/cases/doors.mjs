// What it costs C to reach a strategy through a table, against calling its functions.

const strategies = { slab: 'slab', pool: 'pool', stack: 'stack', 'free-list': 'free list' }

const c = (label, arm) => ({ label, c: { program: 'doors', arm }, ours: true })

const arms = Object.entries(strategies).flatMap(([arm, name]) => [
  [arm, c(`${name}, its functions`, arm)],
  [`${arm}-table`, c(`${name}, through its valloc`, `${arm}-table`)],
  [`${arm}-plain`, c(`${name}, by oh_malloc and oh_free, told no size`, `${arm}-plain`)],
])

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'doors',
  title: 'A strategy from C: by its functions and through allocator.valloc',
  about: 'a block of 64 bytes allocated and freed at once, in C',
  arms: Object.fromEntries(arms),
  // Of a pair: two calls.
  bars: Object.keys(strategies).map((arm) => ({ arm: `${arm}-table`, peer: arm, moreAtMostNs: 4 })),
}
