/** Profiles as tracers make them, and as nobody would. */
import fc from 'fast-check'
import type { Frame, LeakProfile, Site, Snapshot } from '../../../lib/leaks/profile.js'

/** A frame of JavaScript: 'keep src/upload.ts:41:18'. */
export function js(text: string, rest: Partial<Frame> = {}): Frame {
  const [, name, file, line, column] = /^(\S*) (\S+):(\d+):(\d+)$/.exec(text)!
  return { function: name!, file: file!, line: Number(line), column: Number(column), ...rest }
}

/** A frame of C: 'deflateInit2_ /usr/lib/libz.so.1 0x4f2'. */
export function c(text: string, buildId?: string): Frame {
  const [name, file, offset] = text.split(' ')
  const frame = { function: name!, file: file!, line: 0, column: 0, native: true }
  return { ...frame, offset: Number(offset), ...(buildId === undefined ? {} : { buildId }) }
}

/** A site with what is given, and nothing else allocated. */
export function site(given: Partial<Site>): Site {
  const { liveBlocks = 0, liveBytes = 0, frees = 0 } = given
  return {
    stack: [],
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
    history: [],
    ...given,
  }
}

/** A profile of these sites, largest first, with the totals that they come to. */
export function profileOf(sites: Site[], given: Partial<LeakProfile> = {}): LeakProfile {
  const sum = (figure: 'allocs' | 'frees' | 'totalBytes' | 'liveBlocks' | 'liveBytes'): number =>
    sites.reduce((total, each) => total + each[figure], 0)
  const totals = {
    allocs: sum('allocs'),
    frees: sum('frees'),
    totalBytes: sum('totalBytes'),
    liveBlocks: sum('liveBlocks'),
    liveBytes: sum('liveBytes'),
    peakBytes: sites.reduce((total, each) => total + each.peakBytes, 0),
    temporary: sites.reduce((total, each) => total + each.temporary, 0),
    sites: sites.length,
    unknownFrees: 0,
    unlisted: 0,
  }
  return {
    version: 1,
    mode: 'exact',
    sampleBytes: 0,
    takenAt: '2026-11-21T10:00:30.000Z',
    durationMs: 30_000,
    program: 'node app.js',
    pid: 4711,
    totals,
    snapshots: [{ at: 30_000, liveBytes: totals.liveBytes, liveBlocks: totals.liveBlocks }],
    sites: [...sites].sort((a, b) => b.liveBytes - a.liveBytes),
    ...given,
  }
}

const KiB = 1024
const MiB = 1024 * KiB
const BUILD_ID = 'c0ffee0123456789abcdef0123456789abcdef01'

const handle = js('handle src/server.ts:12:3')
const request = js('onRequest src/server.ts:30:9', { async: true })
const parser = js('parserOnIncoming node:_http_server:1149:12')

/** An upload service that leaks in JavaScript and in C, at four snapshots. */
export function uploads(): LeakProfile {
  const at = [0, 10_000, 20_000, 30_000]
  const sites = [
    site({
      stack: [js('keep src/upload.ts:41:18'), handle, request, parser],
      scopes: ['request', 'upload'],
      allocs: 1100,
      frees: 1004,
      totalBytes: 18 * MiB,
      liveBlocks: 96,
      liveBytes: 1.5 * MiB,
      peakBytes: 1.5 * MiB,
      temporary: 900,
      lostBytes: 1.25 * MiB,
      heldBytes: 0.25 * MiB,
      growth: 'growing',
      why: 'handle lost',
      history: [0, 0.5 * MiB, MiB, 1.5 * MiB],
    }),
    site({
      stack: [
        c('0x9e1 /usr/lib/libz.so.1 0x9e1', BUILD_ID),
        c('deflateInit2_ /usr/lib/libz.so.1 0x4f2', BUILD_ID),
        js('compress src/zip.ts:8:5'),
        handle,
        request,
        parser,
      ],
      allocator: 'SlabAllocator',
      allocs: 4,
      totalBytes: 264 * KiB,
      liveBlocks: 4,
      liveBytes: 264 * KiB,
      peakBytes: 264 * KiB,
      growth: 'plateau',
      history: [0, 264 * KiB, 264 * KiB],
    }),
    site({
      stack: [js('table src/start.ts:3:20')],
      liveBlocks: 1,
      liveBytes: 64 * KiB,
      heldBytes: 64 * KiB,
      growth: 'startup',
      why: 'still held',
      history: [64 * KiB, 64 * KiB, 64 * KiB, 64 * KiB],
    }),
    site({
      stack: [js(' src/hash.ts:5:1')],
      allocs: 103,
      frees: 103,
      totalBytes: 103 * KiB,
      peakBytes: 2 * KiB,
      temporary: 103,
      growth: 'plateau',
      history: [0, 0, 0, 0],
    }),
  ]
  const snapshots: Snapshot[] = at.map((when, i) => ({
    at: when,
    liveBytes: sites.reduce((sum, { history }) => sum + (history.at(i - 4) ?? 0), 0),
    liveBlocks: 1 + 33 * i,
  }))
  snapshots[3]!.liveBlocks = 101
  return profileOf(sites, { snapshots })
}

/** Text of any characters, and what is known to break things. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    ...[
      '',
      '\x1b[31mred\x1b[0m',
      '\x9b2J',
      '<script>alert(1)</script>',
      'a|b`c\\|',
      'x;y\nz',
      '\r',
    ],
    ...['\u202Egnp.exe', '\ud800', '\udfff\0', '👩‍👩‍👧', '漢字', '__proto__', '[root]', '```', '&amp;'],
    ...['0x0', ' ', '(a) b:1:2', 'x'.repeat(300)],
  ),
)

const natural = fc.oneof(fc.nat(1000), fc.nat(), fc.maxSafeNat())

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record(
    { function: text, file: text, line: fc.nat(99), column: fc.nat(99), async: fc.boolean() },
    { requiredKeys: ['function', 'file', 'line', 'column'] },
  ),
  fc.record(
    {
      function: text,
      file: text,
      line: fc.constant(0),
      column: fc.constant(0),
      native: fc.constant(true),
      offset: natural,
      buildId: fc.constantFrom('', BUILD_ID),
    },
    { requiredKeys: ['function', 'file', 'line', 'column', 'native'] },
  ),
)

function anySite(figure: fc.Arbitrary<number>, frames: readonly Frame[]): fc.Arbitrary<Site> {
  return fc.record({
    stack: fc.array(fc.constantFrom(...frames), { maxLength: 6 }),
    allocator: fc.oneof(fc.constant('cAllocator'), text),
    scopes: fc.array(text, { maxLength: 2 }),
    allocs: figure,
    frees: figure,
    totalBytes: figure,
    liveBlocks: figure,
    liveBytes: figure,
    peakBytes: figure,
    temporary: figure,
    lostBytes: figure,
    heldBytes: figure,
    growth: fc.constantFrom('startup', 'plateau', 'growing', 'unknown'),
    why: fc.constantFrom('never freed', 'handle lost', 'still held'),
    history: fc.array(figure, { maxLength: 4 }),
  })
}

/** Any valid profile; `since` only where it says. Sums stay below 2^53. */
export function anyProfile(isDifference = fc.boolean()): fc.Arbitrary<LeakProfile> {
  const frames = fc.array(frame, { minLength: 1, maxLength: 6 })
  return fc.tuple(isDifference, frames).chain(([difference, known]) => {
    const most = 2 ** 44
    const least = difference ? -most : 0
    const figure = fc.oneof(
      fc.integer({ min: Math.max(least, -1000), max: 1000 }),
      fc.maxSafeInteger().map((n) => (difference ? n % most : Math.abs(n % most))),
    )
    return fc
      .record({
        sites: fc.array(anySite(figure, known), { maxLength: 12 }),
        snapshots: fc.array(fc.tuple(fc.nat(1e6), figure), { minLength: 4, maxLength: 8 }),
        program: text,
        pid: fc.nat(),
        sampleBytes: fc.constantFrom(0, 524_288),
      })
      .map(({ sites, snapshots, program, pid, sampleBytes }) =>
        profileOf(sites, {
          mode: sampleBytes === 0 ? 'exact' : 'sampled',
          ...{ sampleBytes, program, pid },
          ...(difference ? { since: '2026-11-21T09:00:00.000Z' } : {}),
          snapshots: snapshots
            .sort(([a], [b]) => a - b)
            .map(([at, live]) => ({ at, liveBytes: live, liveBlocks: live })),
        }),
      )
  })
}

const mixed = (n: number): number => Math.imul(n ^ (n >>> 7), 0x9e3779b1) >>> 8

/** `count` sites of `depth` frames each, from a few thousand different lines of code. */
export function manySites(count: number, depth: number): LeakProfile {
  const frames = Array.from({ length: 5000 }, (_, i) =>
    js(`function${i} /app/services/upload/src/module${i % 300}.ts:${i}:${(i % 80) + 1}`),
  )
  const sites = Array.from({ length: count }, (_, i) =>
    site({
      stack: Array.from({ length: depth }, (_unused, d) => frames[mixed(i * 64 + d) % 5000]!),
      scopes: i % 3 === 0 ? ['request', `route ${i % 50}`] : [],
      liveBlocks: (i % 100) + 1,
      liveBytes: ((i * 7919) % 1_000_003) + 64,
      frees: i % 1000,
      growth: 'growing',
      history: Array.from({ length: 10 }, (_unused, h) => h * i),
    }),
  )
  const snapshots = Array.from({ length: 10 }, (_, i) => ({
    at: i * 1000,
    liveBytes: i,
    liveBlocks: i,
  }))
  return profileOf(sites, { snapshots })
}
