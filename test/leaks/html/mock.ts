/** Leak profiles that nobody traced: small ones by hand, a service's, and large ones. The same each time. */
import {
  type Frame,
  type Growth,
  type LeakProfile,
  type Site,
  type Why,
  compareSites,
} from '../../../lib/leaks/profile.js'

/** mulberry32: numbers in 0 .. 1. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** 'handle src/app.ts:12:3' */
export function frame(text: string, more: Partial<Frame> = {}): Frame {
  const [, name = '', file = '', line = '0', column = '0'] =
    /^(\S*)(?: (.*?)(?::(\d+))?(?::(\d+))?)?$/.exec(text)!
  return { function: name, file, line: Number(line), column: Number(column), ...more }
}

export const native = (name: string, file: string, offset: number): Frame =>
  frame(`${name} ${file}`, { native: true, offset, buildId: 'a3f1c09be77d' })

/** A site whose figures follow from few. */
export function site(stack: Frame[], more: Partial<Site> = {}): Site {
  const liveBytes = more.liveBytes ?? 1024
  const liveBlocks = more.liveBlocks ?? 1
  const frees = more.frees ?? 0
  return {
    stack,
    allocator: 'cAllocator',
    scopes: [],
    allocs: liveBlocks + frees,
    frees,
    totalBytes: liveBytes,
    liveBlocks,
    liveBytes,
    peakBytes: liveBytes,
    temporary: 0,
    lostBytes: 0,
    heldBytes: 0,
    growth: 'unknown',
    why: 'never freed',
    history: [liveBytes],
    ...more,
  }
}

const sum = (
  sites: readonly Site[],
  figure:
    | 'allocs'
    | 'frees'
    | 'totalBytes'
    | 'temporary'
    | 'liveBlocks'
    | 'liveBytes'
    | 'peakBytes',
): number => sites.reduce((total, one) => total + one[figure], 0)

/** A profile of these sites, its totals their sums. */
export function profileOf(sites: Site[], more: Partial<LeakProfile> = {}): LeakProfile {
  const snapshots = more.snapshots ?? [
    { at: 60_000, liveBytes: sum(sites, 'liveBytes'), liveBlocks: sum(sites, 'liveBlocks') },
  ]
  return {
    version: 1,
    mode: 'exact',
    sampleBytes: 0,
    takenAt: '2026-11-21T14:03:22.512Z',
    durationMs: 60_000,
    program: 'node app.js',
    pid: 4242,
    sites: sites.sort(compareSites),
    totals: {
      allocs: sum(sites, 'allocs'),
      frees: sum(sites, 'frees'),
      totalBytes: sum(sites, 'totalBytes'),
      liveBlocks: sum(sites, 'liveBlocks'),
      liveBytes: sum(sites, 'liveBytes'),
      peakBytes: sum(sites, 'peakBytes'),
      temporary: sum(sites, 'temporary'),
      sites: sites.length,
      unknownFrees: 0,
      unlisted: 0,
    },
    ...more,
    snapshots,
  }
}

/** Three sites below one main, one of them a C library's. The tests know its figures by heart. */
export function small(): LeakProfile {
  const main = frame('main /app/src/main.ts:10:3')
  const handle = frame('handle /app/src/routes/upload.ts:42:17')
  const sites = [
    site([frame('readBody /app/src/body.ts:7:5'), handle, main], {
      liveBytes: 6000,
      liveBlocks: 60,
      frees: 40,
      totalBytes: 10_000,
      peakBytes: 7000,
      heldBytes: 6000,
      why: 'still held',
      growth: 'growing',
      scopes: ['upload'],
      allocator: 'SlabAllocator',
      history: [1000, 3000, 6000],
    }),
    site([frame('thumbnail /app/src/image.ts:99:11'), handle, main], {
      liveBytes: 3000,
      liveBlocks: 3,
      frees: 500,
      totalBytes: 90_000,
      peakBytes: 9000,
      temporary: 480,
      lostBytes: 3000,
      why: 'handle lost',
      growth: 'plateau',
      scopes: ['upload', 'thumbnail'],
      history: [2900, 3000, 3000],
    }),
    site([native('deflateInit_', '/usr/lib/libz.so.1.2.13', 0x4f20), main], {
      liveBytes: 1000,
      liveBlocks: 4,
      totalBytes: 1000,
      history: [1000, 1000, 1000],
      growth: 'startup',
    }),
  ]
  const snapshots = [
    { at: 1000, liveBytes: 4900, liveBlocks: 20 },
    { at: 31_000, liveBytes: 7000, liveBlocks: 40 },
    { at: 60_000, liveBytes: 10_000, liveBlocks: 67 },
  ]
  return profileOf(sites, { snapshots })
}

/** Its change since an earlier one: one site grew, one shrank, one is as before. */
export function change(): LeakProfile {
  const { sites, ...rest } = small()
  const by: Partial<Site>[] = [
    { liveBytes: 2500, liveBlocks: 25, history: [0, 1000, 2500] },
    { liveBytes: -1500, liveBlocks: -2, totalBytes: 0, history: [0, -1500, -1500] },
    { liveBytes: 0, liveBlocks: 0, history: [0, 0, 0] },
  ]
  const changed = sites.map((one, i) => ({ ...one, ...by[i] }))
  const snapshots = [
    { at: 1000, liveBytes: 0, liveBlocks: 0 },
    { at: 31_000, liveBytes: -500, liveBlocks: -5 },
    { at: 60_000, liveBytes: 1000, liveBlocks: 23 },
  ]
  const { totals: _, ...about } = rest
  return profileOf(changed, { ...about, snapshots, since: '2026-11-21T13:00:00.000Z' })
}

/** The same text as a string of its own, as JSON.parse makes them. */
const unshared = (text: string): string => Buffer.from(text).toString('latin1')

/**
 * So many sites with stacks of so many frames. `branches`: how many callees a function has on average; the more,
 * the fewer frames do stacks have in common.
 */
export function large(count: number, depth: number, branches = 2.2, snapshots = 20): LeakProfile {
  const next = random(7)
  const files = Array.from({ length: 400 }, (_, i) => {
    const name = `module-${i}/part-${i % 17}.ts`
    return i % 3 === 0 ? `node_modules/package-${i % 40}/lib/${name}` : `src/${name}`
  })
  const sites = Array.from({ length: count }, (_none, i) => {
    const stack: Frame[] = []
    let path = 0
    for (let level = 0; level < depth; level++) {
      // Squared: some callees are far more common than others.
      path = Math.floor(path * branches + next() ** 2 * branches) % 60_000
      const place = (path * 31 + level * 977) % 60_000
      stack.push({
        function: unshared(`call${place % 9973}`),
        file: unshared(`/srv/app/${files[place % files.length]!}`),
        line: (place % 700) + 1,
        column: (place % 60) + 1,
      })
    }
    const liveBytes = Math.round(64 / (0.0005 + next() ** 3))
    const history = Array.from({ length: snapshots }, (_, k) =>
      Math.round((liveBytes * (k + 1)) / snapshots),
    )
    return site(stack.toReversed(), {
      liveBytes,
      liveBlocks: 1 + (i % 50),
      frees: i % 90,
      // No two alike: compareSites then looks at no names.
      totalBytes: liveBytes * 3 + i,
      peakBytes: liveBytes + (i % 1000),
      history,
    })
  })
  const at = Array.from({ length: snapshots }, (_, k) => ({
    at: (k + 1) * 3000,
    liveBytes: sites.reduce((total, { history }) => total + history[k]!, 0),
    liveBlocks: 1000 * (k + 1),
  }))
  return profileOf(sites, { snapshots: at, program: 'node large.js' })
}

export const GROWTHS: readonly Growth[] = ['growing', 'plateau', 'startup', 'unknown']
export const WHYS: readonly Why[] = ['never freed', 'handle lost', 'still held']
