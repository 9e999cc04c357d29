// What `offheap leaks` finds in apps that allocate: the lines, the bytes, in all threads and processes, and
// nothing that was freed in the end.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LeakProfile, Site } from '../../lib/leaks/profile.js'
import { expectCode, fixture, offheap, type Outcome } from './support/command.js'

const app = fixture('allocating.mjs')
const source = readFileSync(app, 'utf8').split('\n')

/** The line that a function of the fixture allocates at. */
const lineOf = (code: string): number => source.findIndex((line) => line.includes(code)) + 1
const KEEP = lineOf('kept.push(cAllocator.alloc(bytes))')
const LOSE = lineOf('return cAllocator.rawAlloc(bytes, 16)')

const leaks = (args: string[]): Promise<Outcome> => offheap(['leaks', '--format', 'json', ...args])

async function profileOf(...args: string[]): Promise<LeakProfile> {
  return JSON.parse((await leaks(args)).stdout) as LeakProfile
}

const live = ({ sites }: LeakProfile): Site[] => sites.filter(({ liveBytes }) => liveBytes > 0)

const places = (profile: LeakProfile) =>
  live(profile).map(({ stack: [frame], liveBytes, liveBlocks, allocator }) => ({
    function: frame?.function,
    line: frame?.line,
    liveBytes,
    liveBlocks,
    allocator,
  }))

describe('a leak', () => {
  test('is named by line, largest first, and what was freed is none', async () => {
    const profile = await profileOf(app, 'leak')
    const allocator = 'cAllocator'
    expect(places(profile)).toEqual([
      { function: 'keep', line: KEEP, liveBytes: 10_000, liveBlocks: 10, allocator },
      { function: 'lose', line: LOSE, liveBytes: 500, liveBlocks: 1, allocator },
    ])
    expect(profile.sites[0]!.stack[0]!.file).toContain('allocating.mjs')
    expect(profile.totals).toMatchObject({ liveBytes: 10_500, allocs: 12, frees: 1 })
  })

  test('fails the command when that is asked for', async () => {
    expectCode(await leaks(['--fail-on-leak', app, 'leak']), 1)
    expectCode(await leaks(['--fail-on-leak', '--min-bytes', '20kB', app, 'leak']), 0)
    expectCode(await leaks(['--fail-on-leak', app, 'clean']), 0)
  })

  test('is found in the allocators that the app makes', async () => {
    const found = places(await profileOf(app, 'own'))
    expect(found.map(({ liveBytes }) => liveBytes)).toEqual([200, 100])
    expect(found.map(({ allocator }) => allocator)).toEqual(['SlabAllocator', 'BumpAllocator'])
  })

  test('is found in workers and forked processes', async () => {
    const [site, ...others] = live(await profileOf(app, 'everywhere'))
    // One line allocates in all three.
    expect(others.filter(({ stack: [frame] }) => frame?.line !== KEEP)).toEqual([])
    const sum = [site!, ...others].reduce((total, { liveBytes }) => total + liveBytes, 0)
    expect(sum).toBe(321)
  })

  test('stays in the report of an app that throws, and of one that is killed', async () => {
    for (const [way, code] of [
      ['throws', 1],
      ['killed', 137],
    ] as const) {
      const outcome = await leaks(['--every', '50ms', app, way])
      expectCode(outcome, code)
      expect(places(JSON.parse(outcome.stdout) as LeakProfile)).toMatchObject([{ line: KEEP }])
    }
  })
})

test('an app that recurses deeply, runs out of stack and replaces what it finds', async () => {
  const outcome = await leaks(['--out', '-', app, 'hostile'])
  expectCode(outcome, 0)
  const found = places(JSON.parse(outcome.stdout) as LeakProfile)
  const keep = found.filter(({ line }) => line === KEEP).map(({ liveBytes }) => liveBytes)
  expect(keep.toSorted((a, b) => b - a)).toEqual([6000, 5000, 4000])
  // Where there was no room left on the stack to ask for it, it is not known.
  const lines = new Set(found.map(({ line }) => line ?? 'unknown'))
  lines.delete('unknown')
  expect(lines).toEqual(new Set([KEEP, LOSE]))
})

describe('no leak', () => {
  test.each(['clean', 'freedAtExit', 'freedOnSignal'])('%s', async (way) => {
    const profile = await profileOf(app, way)
    expect(live(profile)).toEqual([])
    expect(profile.totals.allocs).toBeGreaterThan(0)
  })
})

test('sampled, the figures are estimates of a part of the blocks', async () => {
  const profile = await profileOf('--sample', '64KiB', app, 'leak')
  expect(profile).toMatchObject({ mode: 'sampled', sampleBytes: 2 ** 16 })
})
