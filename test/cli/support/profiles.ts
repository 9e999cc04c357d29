/** Profiles for the tests of commands: two of the same program, the second ten seconds later. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LeakProfile, Site } from '../../../lib/leaks/profile.js'
import { work } from './command.js'

function site(name: string, line: number, liveBytes: number, history: number[]): Site {
  const liveBlocks = liveBytes / 1024
  return {
    stack: [
      { function: name, file: '/app/src/upload.ts', line, column: 9 },
      { function: 'handle', file: '/app/src/server.ts', line: 7, column: 3 },
    ],
    allocator: 'cAllocator',
    scopes: [],
    allocs: liveBlocks + 2,
    frees: 2,
    totalBytes: liveBytes + 2048,
    liveBlocks,
    liveBytes,
    peakBytes: liveBytes + 1024,
    temporary: 1,
    lostBytes: 0,
    heldBytes: 0,
    growth: history.length > 2 ? 'growing' : 'unknown',
    why: 'never freed',
    history,
  }
}

/** A profile of these sites, largest first. */
export function profileOf(sites: Site[], more: Partial<LeakProfile> = {}): LeakProfile {
  const sum = (key: 'allocs' | 'frees' | 'totalBytes' | 'liveBlocks' | 'liveBytes') =>
    sites.reduce((total, one) => total + one[key], 0)
  const liveBytes = sum('liveBytes')
  const liveBlocks = sum('liveBlocks')
  return {
    version: 1,
    mode: 'exact',
    sampleBytes: 0,
    takenAt: '2026-11-20T10:00:00.000Z',
    durationMs: 10_000,
    program: 'node server.js',
    pid: 4242,
    totals: {
      allocs: sum('allocs'),
      frees: sum('frees'),
      totalBytes: sum('totalBytes'),
      liveBlocks,
      liveBytes,
      peakBytes: liveBytes,
      temporary: 0,
      sites: sites.length,
      unknownFrees: 0,
      unlisted: 0,
    },
    snapshots: [{ at: 10_000, liveBytes, liveBlocks }],
    sites,
    ...more,
  }
}

export const earlier = profileOf([
  site('keep', 41, 20 * 1024, [20 * 1024]),
  site('parse', 80, 4 * 1024, [4 * 1024]),
])

export const later = profileOf(
  [
    site('keep', 41, 50 * 1024, [20 * 1024, 30 * 1024, 50 * 1024]),
    site('parse', 80, 4 * 1024, [4 * 1024, 4 * 1024, 4 * 1024]),
  ],
  {
    takenAt: '2026-11-20T10:00:10.000Z',
    durationMs: 20_000,
    snapshots: [
      { at: 1000, liveBytes: 24 * 1024, liveBlocks: 24 },
      { at: 10_000, liveBytes: 34 * 1024, liveBlocks: 34 },
      { at: 20_000, liveBytes: 54 * 1024, liveBlocks: 54 },
    ],
  },
)

/** Writes a text or a profile to a file of this test's, and returns its path. */
export function fileWith(name: string, content: string | LeakProfile): string {
  const file = join(work, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}
