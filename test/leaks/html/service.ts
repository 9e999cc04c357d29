/** What a profile of an upload service looks like: for pictures, and for tests that want real shapes. */
import type { Frame, Growth, LeakProfile, Site, Why } from '../../../lib/leaks/profile.js'
import { frame, native, profileOf, random, site } from './mock.js'

const SNAPSHOTS = 48
const EVERY = 30_000

const HTTP = [
  frame('emit node:events:519:28'),
  frame('parserOnIncoming node:_http_server:1143:12'),
  frame('parserOnHeadersComplete node:_http_common:119:17'),
]
const MAIN = [
  frame('handleRequest /srv/upload/src/server.ts:64:21'),
  frame('dispatch /srv/upload/node_modules/find-my-way/index.js:412:18'),
  frame(' /srv/upload/src/server.ts:31:7'),
]
const later = (text: string): Frame => frame(text, { async: true })

interface Shape {
  /** Innermost first, without the server's own frames. */
  stack: Frame[]
  /** Live KiB at the end, and how much one block has. */
  live: number
  block: number
  growth: Growth
  why: Why
  allocator: string
  scopes: string[]
  /** How many blocks were freed for each that lives. */
  freed: number
  temporary?: number
}

const upload = [
  frame('receive /srv/upload/src/routes/upload.ts:88:30'),
  later('uploadRoute /srv/upload/src/routes/upload.ts:41:9'),
]
const thumbs = [
  frame('decode /srv/upload/src/images/decode.ts:57:24'),
  frame('thumbnail /srv/upload/src/images/thumbnail.ts:23:16'),
  later('thumbnailRoute /srv/upload/src/routes/thumbnail.ts:35:5'),
]
const cache = [
  frame('put /srv/upload/src/cache/lru.ts:112:25'),
  frame('remember /srv/upload/src/cache/responses.ts:44:11'),
]
const gzip = [
  native('deflateInit2_', '/usr/lib/x86_64-linux-gnu/libz.so.1.2.13', 0x5b10),
  frame('compress /srv/upload/node_modules/fast-gzip/lib/stream.js:77:15'),
  frame('send /srv/upload/src/reply.ts:52:14'),
]
const sqlite = [
  native('pcache1Alloc', '/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6', 0x1e3a0),
  native('sqlite3_step', '/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6', 0x7c410),
  frame('all /srv/upload/node_modules/sqlite-door/lib/statement.js:203:10'),
  frame('findUpload /srv/upload/src/store/uploads.ts:29:18'),
]

const SHAPES: readonly Shape[] = [
  {
    stack: [frame('copyBody /srv/upload/src/routes/upload.ts:97:26'), ...upload, ...MAIN, ...HTTP],
    live: 19_870,
    block: 64,
    growth: 'growing',
    why: 'never freed',
    allocator: 'SlabAllocator',
    scopes: ['upload'],
    freed: 1.4,
  },
  {
    stack: [frame('allocRows /srv/upload/src/images/decode.ts:71:31'), ...thumbs, ...MAIN, ...HTTP],
    live: 9_216,
    block: 96,
    growth: 'growing',
    why: 'handle lost',
    allocator: 'SlabAllocator',
    scopes: ['thumbnail'],
    freed: 0.9,
  },
  {
    stack: [...cache, ...upload.slice(1), ...MAIN, ...HTTP],
    live: 6_650,
    block: 16,
    growth: 'plateau',
    why: 'still held',
    allocator: 'cAllocator',
    scopes: ['upload', 'cache'],
    freed: 5,
  },
  {
    stack: [...cache, ...thumbs.slice(2), ...MAIN, ...HTTP],
    live: 3_420,
    block: 16,
    growth: 'plateau',
    why: 'still held',
    allocator: 'cAllocator',
    scopes: ['thumbnail', 'cache'],
    freed: 4,
  },
  {
    stack: [...gzip, ...upload.slice(1), ...MAIN, ...HTTP],
    live: 2_310,
    block: 256,
    growth: 'plateau',
    why: 'never freed',
    allocator: 'zlib',
    scopes: ['upload'],
    freed: 160,
  },
  {
    stack: [...sqlite, later('listRoute /srv/upload/src/routes/list.ts:18:22'), ...MAIN, ...HTTP],
    live: 1_980,
    block: 4.2,
    growth: 'plateau',
    why: 'never freed',
    allocator: 'sqlite',
    scopes: ['list'],
    freed: 12,
  },
  {
    stack: [...sqlite, ...upload.slice(1), ...MAIN, ...HTTP],
    live: 1_120,
    block: 4.2,
    growth: 'plateau',
    why: 'never freed',
    allocator: 'sqlite',
    scopes: ['upload'],
    freed: 7,
  },
  {
    stack: [
      frame('makePool /srv/upload/src/buffers.ts:14:20'),
      frame('start /srv/upload/src/main.ts:22:3'),
    ],
    live: 4_096,
    block: 4096,
    growth: 'startup',
    why: 'still held',
    allocator: 'pageAllocator',
    scopes: [],
    freed: 0,
  },
  {
    stack: [
      frame('loadIcc /srv/upload/src/images/profiles.ts:40:12'),
      frame('start /srv/upload/src/main.ts:25:9'),
    ],
    live: 812,
    block: 116,
    growth: 'startup',
    why: 'still held',
    allocator: 'cAllocator',
    scopes: [],
    freed: 0,
  },
  {
    stack: [frame('hash /srv/upload/src/digest.ts:33:19'), ...upload, ...MAIN, ...HTTP],
    live: 128,
    block: 64,
    growth: 'plateau',
    why: 'still held',
    allocator: 'ArenaAllocator',
    scopes: ['upload', 'digest'],
    freed: 900,
    temporary: 0.97,
  },
]

function historyOf(growth: Growth, live: number, next: () => number): number[] {
  const shape = (t: number): number => {
    if (growth === 'startup') return 1
    if (growth === 'plateau') return 1 - Math.exp(-7 * t) * 0.9
    return 0.06 + 0.94 * t
  }
  const points = Array.from({ length: SNAPSHOTS }, (_, k) => {
    const noise = growth === 'startup' ? 0 : (next() - 0.5) * 0.07
    return Math.max(0, Math.round(live * (shape(k / (SNAPSHOTS - 1)) + noise)))
  })
  points[SNAPSHOTS - 1] = live
  return points
}

function siteOf(shape: Shape, next: () => number): Site {
  const liveBlocks = Math.max(1, Math.round(shape.live / shape.block))
  const blockBytes = Math.round(shape.block * 1024)
  const liveBytes = liveBlocks * blockBytes
  const frees = Math.round(liveBlocks * shape.freed)
  const history = historyOf(shape.growth, liveBytes, next)
  return site(shape.stack, {
    allocator: shape.allocator,
    scopes: shape.scopes,
    liveBlocks,
    liveBytes,
    frees,
    totalBytes: (liveBlocks + frees) * blockBytes,
    peakBytes: Math.max(...history),
    temporary: Math.round(frees * (shape.temporary ?? 0.02)),
    lostBytes: shape.why === 'handle lost' ? Math.round(liveBytes * 0.96) : 0,
    heldBytes: shape.why === 'still held' ? liveBytes : 0,
    growth: shape.growth,
    why: shape.why,
    history,
  })
}

/** Many small sites around the large ones, as a real service has. */
function smallOnes(next: () => number): Shape[] {
  const bodies = [upload, thumbs, cache, gzip.slice(1), sqlite.slice(2)]
  const names = ['parseHeader', 'slice', 'grow', 'encode', 'join', 'readChunk', 'field', 'boundary']
  const files = ['multipart.ts', 'body.ts', 'headers.ts', 'json.ts', 'range.ts', 'etag.ts']
  return Array.from({ length: 330 }, () => {
    const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!
    const inner = Array.from({ length: 1 + Math.floor(next() * 4) }, () =>
      frame(`${pick(names)} /srv/upload/src/http/${pick(files)}:${1 + Math.floor(next() * 240)}:9`),
    )
    return {
      stack: [...inner, ...pick(bodies), ...MAIN, ...HTTP],
      live: 0.5 + 70 * next() ** 4,
      block: 0.25 + next() * 2,
      growth: pick<Growth>(['plateau', 'plateau', 'startup', 'unknown', 'growing']),
      why: pick<Why>(['still held', 'still held', 'never freed', 'handle lost']),
      allocator: pick(['SlabAllocator', 'SlabAllocator', 'cAllocator', 'ArenaAllocator']),
      scopes: [pick(['upload', 'thumbnail', 'list'])],
      freed: next() * 400,
      temporary: next(),
    }
  })
}

/** Every snapshot's sums are those of the sites. */
export function service(): LeakProfile {
  const next = random(2026)
  const sites = [...SHAPES, ...smallOnes(next)].map((shape) => siteOf(shape, next))
  const snapshots = Array.from({ length: SNAPSHOTS }, (_, k) => {
    const liveBytes = sites.reduce((total, { history }) => total + history[k]!, 0)
    return { at: (k + 1) * EVERY, liveBytes, liveBlocks: Math.round(liveBytes / 9000) }
  })
  const profile = profileOf(sites, {
    program: 'node --import offheap/register src/main.ts --port 8080',
    durationMs: SNAPSHOTS * EVERY,
    snapshots,
  })
  const { liveBlocks } = profile.totals
  snapshots[SNAPSHOTS - 1] = { ...snapshots[SNAPSHOTS - 1]!, liveBlocks }
  profile.totals.peakBytes = Math.max(...snapshots.map(({ liveBytes }) => liveBytes))
  profile.totals.unknownFrees = 3
  return profile
}

/** What changed in it since half time: most grew, the caches shrank. */
export function serviceChange(): LeakProfile {
  const after = service()
  const half = SNAPSHOTS / 2
  const sites = after.sites.map((one): Site => {
    const before =
      one.history[half]! * (one.why === 'still held' && one.growth === 'plateau' ? 1.4 : 1)
    const blocks = one.liveBytes / one.liveBlocks
    const liveBytes = Math.round(one.liveBytes - before)
    return {
      ...one,
      liveBytes,
      liveBlocks: Math.round(liveBytes / blocks),
      allocs: Math.round(one.allocs / 2),
      frees: Math.round(one.frees / 2),
      totalBytes: Math.round(one.totalBytes / 2),
      peakBytes: Math.round(one.peakBytes / 8),
      history: one.history.slice(half).map((bytes) => Math.round(bytes - before)),
    }
  })
  const snapshots = after.snapshots.slice(half).map(({ at }, k) => ({
    at,
    liveBytes: sites.reduce((total, { history }) => total + history[k]!, 0),
    liveBlocks: k * 26 - 40,
  }))
  const since = new Date(Date.parse(after.takenAt) - half * EVERY).toISOString()
  const { program, durationMs } = after
  return profileOf(sites, { program, durationMs, snapshots, since })
}
