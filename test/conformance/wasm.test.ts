/** The strategies over WebAssembly memory: as long as it will ever be, and growing up to its end. */
import { Region } from '../../lib/index.js'
import { Memory, PAGE, STRATEGIES } from '../support/wasm.js'
import { CAPACITY } from './bump.js'
import { conformance } from './run.js'

/** Odd, so that nothing is aligned by chance, and behind what the suite takes for no address at all. */
const START = 12_289
const PAGES = Math.ceil((START + CAPACITY) / PAGE)

const memories: Record<string, () => Region> = {
  'a part of a memory': () =>
    Region.wasm(new Memory({ initial: PAGES }), { start: START, end: START + CAPACITY }),
  'a memory that grows up to an end': () =>
    Region.wasm(new Memory({ initial: 1 }), { start: START, end: START + CAPACITY }),
  'a memory that grows up to its maximum': () =>
    Region.wasm(new Memory({ initial: 1, maximum: PAGES }), { start: PAGES * PAGE - CAPACITY }),
  'a shared memory that grows': () =>
    Region.wasm(new Memory({ initial: 1, maximum: PAGES, shared: true }), {
      start: START,
      end: START + CAPACITY,
    }),
}

for (const { name, over, largest, traits } of STRATEGIES) {
  for (const [memory, make] of Object.entries(memories)) {
    const { address } = make()
    conformance({
      name: `${name} over ${memory}`,
      make: () => over(make()),
      largest: largest(CAPACITY, address),
      maxAlign: 2 ** 14,
      ...traits,
    })
  }
}
