// Programs that leak in one way or another, and some that do not: the profile of each, as traceEverything
// makes it, is held to the line that is marked in the program, to the bytes and to the verdict.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Frame, LeakProfile, Site } from '../../lib/leaks/index.js'
import { buildHolder } from '../doors/holder.js'
import { describeLibrary } from '../interop/library.js'
import { lineOf } from './support/lines.js'

const FOLDER = new URL('fixtures/seeded/', import.meta.url)

/** What is expected of the sites of the marked line together. */
interface Expected {
  /** Name of the function that has the line. */
  function: string
  allocator?: string
  /** Live at the end, exactly. */
  blocks: number
  bytes: number
  allocs: number
  peak?: number
  temporary?: number
  /** Of the largest site. */
  why?: Site['why']
  growth?: Site['growth']
  scopes?: string[]
  /** The file of the line, if it is another one. */
  file?: string
  unknownFrees?: number
}

const cases: Readonly<Record<string, Expected>> = {
  // ---- Leaks
  'never-freed': {
    function: 'readHeader',
    blocks: 10,
    bytes: 1000,
    allocs: 10,
    why: 'never freed',
  },
  'one-path': { function: 'parse', blocks: 5, bytes: 1280, allocs: 20, why: 'handle lost' },
  'throws-between': { function: 'convert', blocks: 4, bytes: 2048, allocs: 8, why: 'handle lost' },
  closure: { function: 'subscribe', blocks: 30, bytes: 1920, allocs: 30, why: 'still held' },
  listener: { function: 'new Session', blocks: 12, bytes: 3996, allocs: 12, why: 'still held' },
  strings: { function: 'path', blocks: 3, bytes: 24, allocs: 3, why: 'handle lost' },
  'handle-lost': {
    ...{ function: 'thumbnail', allocator: 'SlabAllocator', why: 'handle lost' },
    ...{ blocks: 50, bytes: 100_000, allocs: 50 },
  },
  'growing-cache': {
    ...{ function: 'remember', growth: 'growing', why: 'still held' },
    ...{ blocks: 120, bytes: 120_000, allocs: 120 },
  },
  'realloc-growth': {
    ...{ function: 'openLog', growth: 'growing', why: 'still held' },
    ...{ blocks: 1, bytes: 49_152, allocs: 1 },
  },
  'arena-never-reset': {
    ...{ function: 'handle', allocator: 'ArenaAllocator', growth: 'growing' },
    ...{ blocks: 60, bytes: 18_000, allocs: 60 },
  },
  pool: {
    ...{ function: 'connect', allocator: 'PoolAllocator', why: 'never freed' },
    ...{ blocks: 10, bytes: 640, allocs: 25, peak: 1600 },
  },
  'slab-raw': {
    ...{ function: 'insert', allocator: 'SlabAllocator', why: 'never freed' },
    ...{ blocks: 100, bytes: 4800, allocs: 1000, peak: 48_000 },
  },
  region: {
    ...{ function: 'reserve', allocator: 'Region', why: 'still held' },
    ...{ blocks: 2, bytes: 131_072, allocs: 6 },
  },
  wrapped: {
    ...{ function: 'query', allocator: 'LimitAllocator(TrackingAllocator(cAllocator))' },
    ...{ blocks: 7, bytes: 840, allocs: 7, why: 'still held' },
  },
  rewind: {
    ...{ function: 'header', allocator: 'BumpAllocator' },
    ...{ blocks: 1, bytes: 500, allocs: 1 },
  },
  'async-scope': {
    ...{ function: 'serve', scopes: ['POST /upload'], why: 'still held' },
    ...{ blocks: 2, bytes: 1400, allocs: 3 },
  },
  worker: {
    ...{ function: 'work', file: 'worker-thread.mjs', why: 'still held' },
    ...{ blocks: 4, bytes: 1000, allocs: 4 },
  },

  // ---- No leaks
  'bounded-cache': {
    ...{ function: 'remember', growth: 'plateau', why: 'still held' },
    ...{ blocks: 25, bytes: 25_000, allocs: 120 },
  },
  'temporary-peaks': {
    ...{ function: 'resize', growth: 'plateau', peak: 2 ** 20, temporary: 30 },
    ...{ blocks: 0, bytes: 0, allocs: 30 },
  },
  startup: {
    ...{ function: 'load', growth: 'startup', why: 'still held' },
    ...{ blocks: 3, bytes: 300_000, allocs: 3 },
  },
  'arena-reset': {
    ...{ function: 'handle', allocator: 'ArenaAllocator', growth: 'plateau', peak: 1500 },
    ...{ blocks: 0, bytes: 0, allocs: 60 },
  },

  // ---- Misuse
  misuse: { function: 'take', blocks: 1, bytes: 90, allocs: 2, why: 'still held', unknownFrees: 1 },
}

interface Ran {
  profile: LeakProfile
  /** What the program printed behind it. */
  more: unknown
}

function runSeeded(name: string): Promise<Ran> {
  const node = process.env['OFFHEAP_TEST_NODE'] ?? process.execPath
  const args = ['--expose-gc', fileURLToPath(new URL('run.mjs', FOLDER)), `./${name}.mjs`]
  return new Promise((resolve, reject) => {
    execFile(node, args, { timeout: 100_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const [profile = '', more = ''] = stdout.split('\n')
      if (error !== null) reject(new Error(`${name}: ${error.message}\n${stderr}`))
      else resolve({ profile: JSON.parse(profile), more: more && JSON.parse(more) })
    })
  })
}

const sourceOf = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8')

/** The innermost frame of JavaScript. */
const lineAt = ({ stack }: Site): Frame | undefined => stack.find(({ native }) => native !== true)

const sum = (sites: readonly Site[], field: 'allocs' | 'frees' | 'liveBlocks' | 'liveBytes') =>
  sites.reduce((all, site) => all + site[field], 0)

/** The sites of the marked line, which have all that lives. */
function marked({ sites, totals }: LeakProfile, expected: Expected, name: string): Site[] {
  const { file = `${name}.mjs`, blocks, bytes } = expected
  const line = lineOf(sourceOf(file), '(LEAK|FINE)')
  const there = sites.filter((site) => {
    const frame = lineAt(site)
    return frame?.line === line && frame.file === fileURLToPath(new URL(file, FOLDER))
  })
  expect(there.map((site) => lineAt(site)!.function)).toEqual(there.map(() => expected.function))
  expect({ live: totals.liveBlocks, bytes: totals.liveBytes }).toEqual({ live: blocks, bytes })
  return there
}

describe('the report of a program', () => {
  test.each(Object.entries(cases))('%s', async (name, expected) => {
    const { profile } = await runSeeded(name)
    const there = marked(profile, expected, name)
    const { allocator = 'cAllocator', blocks, bytes, allocs, unknownFrees = 0 } = expected
    expect(there.map((site) => site.allocator)).toEqual(there.map(() => allocator))
    expect({
      blocks: sum(there, 'liveBlocks'),
      bytes: sum(there, 'liveBytes'),
      allocs: sum(there, 'allocs'),
      frees: sum(there, 'frees'),
      unknownFrees: profile.totals.unknownFrees,
    }).toEqual({ blocks, bytes, allocs, frees: allocs - blocks, unknownFrees })
    const [largest] = there
    if (blocks > 0) expect(profile.sites[0]).toBe(largest)
    expect(largest).toMatchObject({
      ...(expected.why === undefined ? {} : { why: expected.why }),
      ...(expected.growth === undefined ? {} : { growth: expected.growth }),
      ...(expected.scopes === undefined ? {} : { scopes: expected.scopes }),
      ...(expected.peak === undefined ? {} : { peakBytes: expected.peak }),
    })
    const temporary = there.reduce((all, site) => all + site.temporary, 0)
    if (expected.temporary !== undefined) expect(temporary).toBe(expected.temporary)
  })

  test('misuse: wrong calls are errors, and change nothing in it', async () => {
    const { more } = await runSeeded('misuse')
    expect(more).toEqual([
      ...['ERR_OFFHEAP_DOUBLE_FREE', 'ERR_OFFHEAP_INVALID_POINTER', 'ERR_OFFHEAP_INVALID_POINTER'],
      ...['ERR_OFFHEAP_INVALID_LAYOUT', 'ERR_OFFHEAP_OUT_OF_MEMORY'],
    ])
  })

  test('async-scope: the request that frees is told from those that do not', async () => {
    const { profile } = await runSeeded('async-scope')
    const byScope = (scope: string) => profile.sites.filter(({ scopes }) => scopes[0] === scope)
    expect(sum(byScope('GET /'), 'liveBytes')).toBe(0)
    expect(sum(byScope('POST /upload'), 'liveBytes')).toBe(1400)
  })

  test('threads-of-c: blocks that either side frees, and one of a thread without JavaScript', async () => {
    buildHolder()
    const { profile } = await runSeeded('threads-of-c')
    expect(profile.totals).toMatchObject({ allocs: 3, frees: 2, liveBytes: 99, unknownFrees: 0 })
    const [leak] = profile.sites
    expect(leak).toMatchObject({ liveBlocks: 1, why: 'never freed', allocator: 'cAllocator' })
    expect(leak!.stack.every(({ native }) => native === true)).toBe(true)
    expect(leak!.stack.some(({ file }) => file.endsWith('holder.node'))).toBe(true)
  })
})

describeLibrary('libz.so.1', 'zlib1g', () => {
  test('a stream of zlib that is never ended is of the line that called it', async () => {
    const { profile, more } = await runSeeded('zlib-stream')
    const { held } = more as { held: number }
    expect(held).toBeGreaterThan(1000)
    const expected = { function: 'startStream', blocks: 1, bytes: held, allocs: 2 }
    const there = marked(profile, expected, 'zlib-stream')
    expect(there.map(({ liveBytes }) => liveBytes)).toEqual([held, 0])
    const [inner] = there[0]!.stack
    expect(inner).toMatchObject({ function: 'inflateInit2_', native: true })
    expect(inner!.file).toContain('libz.so')
  })
})
