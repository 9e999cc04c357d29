/** Chance that is the same every time, so that a failure comes again. */

/** mulberry32: random integers below `limit`. */
export function generator(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

/** The same in another order (Fisher and Yates). */
export function shuffled<T>(all: Iterable<T>, random: (limit: number) => number): T[] {
  const list = [...all]
  for (let i = list.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const swapped = list[i]!
    list[i] = list[j]!
    list[j] = swapped
  }
  return list
}
