// A report of 100,000 sites, in each format that people open.

import { FORMATS } from 'offheap/leaks'

const SITES = 100_000
const FRAMES = 16

/** Numbers from a seed, the same each time. */
function random(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Stacks that share their outer frames, as those of a program do: three callees to a function. */
function profile() {
  const next = random(1)
  const sites = Array.from({ length: SITES }, (_, i) => {
    let path = 0
    const stack = Array.from({ length: FRAMES }, (__, depth) => {
      path = depth < 12 ? (path * 3 + next(3)) % 1_000_003 : path + i * FRAMES + depth
      const file = `/srv/app/src/module-${path % 400}.ts`
      return {
        function: `call${path % 9000}`,
        file,
        line: 1 + (path % 700),
        column: 1 + (path % 40),
      }
    }).toReversed()
    const [allocs, size] = [1 + next(1000), 16 << next(10)]
    const frees = next(allocs)
    const liveBlocks = allocs - frees
    return {
      ...{ stack, allocator: 'cAllocator', scopes: [], allocs, frees, totalBytes: allocs * size },
      ...{ liveBlocks, liveBytes: liveBlocks * size, peakBytes: allocs * size, temporary: 0 },
      ...{ lostBytes: 0, heldBytes: 0, growth: 'unknown', why: 'never freed' },
      history: [liveBlocks * size],
    }
  }).toSorted((a, b) => b.liveBytes - a.liveBytes || b.totalBytes - a.totalBytes)
  const sum = (field) => sites.reduce((total, site) => total + site[field], 0)
  const [liveBytes, liveBlocks] = [sum('liveBytes'), sum('liveBlocks')]
  const totals = {
    ...{ allocs: sum('allocs'), frees: sum('frees'), totalBytes: sum('totalBytes') },
    ...{ liveBlocks, liveBytes, peakBytes: liveBytes, temporary: 0 },
    ...{ sites: SITES, unknownFrees: 0, unlisted: 0 },
  }
  return {
    ...{ version: 1, mode: 'exact', sampleBytes: 0, takenAt: '2026-01-01T00:00:00.000Z' },
    ...{ durationMs: 60_000, program: 'node app.js', pid: 1, sites, totals },
    snapshots: [{ at: 60_000, liveBytes, liveBlocks }],
  }
}

/** @param {keyof FORMATS} name */
const arm = (name) => ({
  label: `as ${name}`,
  ours: true,
  setup() {
    // As it comes out of a file: texts that are in one piece.
    const made = JSON.parse(JSON.stringify(profile()))
    return { batch: (n) => Array.from({ length: n }, () => FORMATS[name].render(made).length)[0] }
  },
})

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'report',
  title: 'A report of 100,000 sites of 16 frames',
  about: 'one report, the first of its process',
  once: 1,
  arms: {
    html: arm('html'),
    text: arm('text'),
    json: arm('json'),
    pprof: arm('pprof'),
    speedscope: arm('speedscope'),
  },
  bars: [{ arm: 'html', nsAtMost: 5e9 }],
}
