/** Differences of profiles, and several profiles as one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LeakProfile, type Site, siteKey } from '../../lib/leaks/profile.js'
import { diffProfiles } from '../../lib/leaks/profile-diff.js'
import { parseProfile, renderJson } from '../../lib/leaks/profile-json.js'
import { mergeProfiles } from '../../lib/leaks/profile-merge.js'
import { SITE_COUNTS, sortSites, TOTAL_COUNTS, whyOf } from '../../lib/leaks/profile-sites.js'
import { expectCode } from '../support/errors.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { anyProfile, js, profileOf, site, uploads } from './render/mock.js'

/** Each compares some hundred figures. */
const TRIES = Math.min(RUNS, 2000)

const whole = anyProfile(fc.constant(false))
const keep = { stack: [js('keep src/a.ts:1:1')] }
const other = { stack: [js('other src/b.ts:2:2')] }
const later = '2026-11-21T10:01:00.000Z'

/** A profile whose snapshots are at these seconds, with as many bytes. */
function at(
  seconds: readonly number[],
  sites: Site[],
  given: Partial<LeakProfile> = {},
): LeakProfile {
  const last = seconds.at(-1)!
  return profileOf(sites, {
    takenAt: new Date(Date.parse('2026-11-21T10:00:00.000Z') + last * 1000).toISOString(),
    durationMs: last * 1000,
    snapshots: seconds.map((second) => ({
      at: second * 1000,
      liveBytes: second,
      liveBlocks: 1,
    })),
    ...given,
  })
}

describe('diffProfiles', () => {
  test('has what grew, what is new, and what vanished, but not what stayed', () => {
    const same = site({ stack: [js('same src/c.ts:3:3')], liveBlocks: 1, liveBytes: 5 })
    const change = diffProfiles(
      profileOf([site({ ...keep, liveBlocks: 3, liveBytes: 300 }), same], { takenAt: later }),
      profileOf([
        site({ ...keep, liveBlocks: 1, liveBytes: 100 }),
        site({ ...other, liveBlocks: 7, liveBytes: 70 }),
        same,
      ]),
    )
    expect(
      change.sites.map(({ stack, liveBytes, liveBlocks }) => [stack, liveBytes, liveBlocks]),
    ).toEqual([
      [keep.stack, 200, 2],
      [other.stack, -70, -7],
    ])
    expect(change).toMatchObject({ since: '2026-11-21T10:00:30.000Z', durationMs: 30_000 })
    expect(change.totals).toMatchObject({ liveBytes: 130, liveBlocks: -5, sites: 2 })
  })

  test('tells sites apart by allocator and scope too', () => {
    const one = { ...keep, liveBlocks: 1, liveBytes: 8 }
    const change = diffProfiles(
      profileOf([site({ ...one, scopes: ['a'] })]),
      profileOf([site({ ...one, scopes: ['b'] })]),
    )
    expect(change.sites.map(({ scopes, liveBytes }) => [scopes, liveBytes])).toEqual([
      [['a'], 8],
      [['b'], -8],
    ])
  })

  test('of one run has the snapshots since, less what was there', () => {
    const one = { ...keep, liveBlocks: 1 }
    const earlier = at([1, 2], [site({ ...one, liveBytes: 200, history: [100, 200] })])
    const change = diffProfiles(
      at([1, 2, 3, 4], [site({ ...one, liveBytes: 400, history: [100, 200, 300, 400] })]),
      earlier,
    )
    expect(change.snapshots.map((snapshot) => snapshot.at)).toEqual([3000, 4000])
    expect(change.sites[0]!.history).toEqual([100, 200])
    expect(change.snapshots[1]!.liveBytes).toBe(4 - earlier.totals.liveBytes)
  })

  test('of two runs has the last snapshot only', () => {
    const one = site({ ...keep, liveBytes: 400, history: [300, 400] })
    const change = diffProfiles(at([1, 4], [one], { pid: 1 }), at([1, 2], []))
    expect(change.snapshots.map((snapshot) => snapshot.at)).toEqual([4000])
    expect(change.sites[0]!.history).toEqual([400])
  })

  test('is an estimate if one of the two is', () => {
    const sampled = { ...uploads(), mode: 'sampled' as const, sampleBytes: 1024 }
    for (const change of [diffProfiles(uploads(), sampled), diffProfiles(sampled, uploads())])
      expect(change).toMatchObject({ mode: 'sampled', sampleBytes: 1024 })
  })

  test(
    'of any two adds up to the later one, and can be stored',
    () => {
      fc.assert(
        fc.property(whole, whole, (b, a) => {
          const change = diffProfiles(b, a)
          for (const name of TOTAL_COUNTS)
            expect(a.totals[name] + change.totals[name]).toBe(b.totals[name])
          const changes = sums(change)
          const before = sums(a)
          for (const [key, figures] of sums(b))
            for (const name of SITE_COUNTS)
              expect((before.get(key)?.[name] ?? 0) + (changes.get(key)?.[name] ?? 0)).toBe(
                figures[name],
              )
          expect(parseProfile(renderJson(change))).toEqual(change)
        }),
        { numRuns: TRIES },
      )
    },
    RUNS_TIMEOUT,
  )

  test('of a profile and itself is nothing', () => {
    fc.assert(
      fc.property(whole, (profile) => {
        const { sites, totals } = diffProfiles(profile, profile)
        expect(sites).toEqual([])
        expect(Object.values(totals).every((value) => value === 0)).toBe(true)
      }),
      { numRuns: TRIES },
    )
  })

  test('refuses what it cannot tell', () => {
    const change = diffProfiles(uploads(), uploads())
    const cut = { ...uploads(), sites: [] }
    const wrong = [null, undefined, 7, {}, { ...uploads(), version: 2 }, change, cut]
    for (const value of [...wrong, { ...uploads(), takenAt: 'never' }]) {
      expectCode('INVALID_ARGUMENT', () => diffProfiles(uploads(), value as LeakProfile))
      expectCode('INVALID_ARGUMENT', () => diffProfiles(value as LeakProfile, uploads()))
    }
  })
})

type Sums = Record<(typeof SITE_COUNTS)[number], number>

/** The counts of a profile's sites by their keys. */
function sums({ sites }: LeakProfile): Map<string, Sums> {
  const found = new Map<string, Sums>()
  for (const each of sites) {
    const known = found.get(siteKey(each))
    const sum = SITE_COUNTS.map((name) => [name, each[name] + (known?.[name] ?? 0)])
    found.set(siteKey(each), Object.fromEntries(sum) as Sums)
  }
  return found
}

describe('mergeProfiles', () => {
  test('adds up sites that are the same, and keeps the others', () => {
    const merged = mergeProfiles([
      profileOf([site({ ...keep, liveBlocks: 1, liveBytes: 10 })], { program: 'a' }),
      profileOf(
        [
          site({ ...keep, liveBlocks: 2, liveBytes: 30 }),
          site({ ...other, liveBlocks: 1, liveBytes: 5 }),
        ],
        { program: 'b', pid: 2, takenAt: later },
      ),
    ])
    expect(merged.sites.map(({ liveBytes, liveBlocks }) => [liveBytes, liveBlocks])).toEqual([
      [40, 3],
      [5, 1],
    ])
    expect(merged).toMatchObject({ program: 'a, b', pid: 4711, takenAt: later, durationMs: 60_000 })
    expect(merged.totals).toMatchObject({ liveBytes: 45, liveBlocks: 4, sites: 2 })
  })

  test('takes histories to the moments of the profile that has most', () => {
    const many = at([0, 10, 20, 30], [site({ ...keep, liveBytes: 30, history: [0, 10, 20, 30] })])
    const few = at([15, 30], [site({ ...keep, liveBytes: 200, history: [100, 200] })])
    const merged = mergeProfiles([few, many])
    expect(merged.snapshots.map((snapshot) => snapshot.at)).toEqual([0, 10_000, 20_000, 30_000])
    expect(merged.sites[0]!.history).toEqual([0, 10, 120, 230])
    expect(merged.sites[0]!.growth).toBe('growing')
    expect(merged.snapshots.at(-1)!.liveBytes).toBe(60)
  })

  test('works out again why blocks are there', () => {
    const lost = site({ ...keep, liveBytes: 10, lostBytes: 10, why: 'handle lost' })
    const held = site({ ...keep, liveBytes: 90, heldBytes: 90, why: 'still held' })
    const merged = mergeProfiles([profileOf([lost]), profileOf([held], { pid: 2 })])
    expect(merged.sites[0]!.why).toBe('still held')
  })

  test('of one profile is that profile', () => {
    expect(mergeProfiles([uploads()])).toEqual(uploads())
  })

  test(
    'of any profiles has their sums, is valid, and its order does not matter',
    () => {
      const profiles = fc.array(whole, { minLength: 1, maxLength: 4 })
      fc.assert(
        fc.property(profiles, (all) => {
          const merged = mergeProfiles(all)
          for (const name of TOTAL_COUNTS)
            expect(merged.totals[name]).toBe(all.reduce((sum, p) => sum + p.totals[name], 0))
          expect(parseProfile(renderJson(merged))).toEqual(merged)
          const turned = mergeProfiles(all.toReversed())
          expect(sums(turned)).toEqual(sums(merged))
        }),
        { numRuns: TRIES },
      )
    },
    RUNS_TIMEOUT,
  )

  test('of differences is a difference, of the earliest', () => {
    const [a, b] = [diffProfiles(uploads(), profileOf([])), diffProfiles(uploads(), profileOf([]))]
    const merged = mergeProfiles([a, { ...b, since: '2026-11-21T09:00:00.000Z' }])
    expect(merged.since).toBe('2026-11-21T09:00:00.000Z')
    expectCode('INVALID_ARGUMENT', () => mergeProfiles([a, uploads()]))
  })

  test('refuses what is no list of profiles', () => {
    for (const value of [undefined, null, [], {}, uploads(), [7], [uploads(), null]])
      expectCode('INVALID_ARGUMENT', () => mergeProfiles(value as LeakProfile[]))
  })
})

test('whyOf goes by most of the bytes', () => {
  const of = (lostBytes: number, heldBytes: number): string =>
    whyOf(site({ liveBytes: 100, lostBytes, heldBytes }))
  expect([of(51, 49), of(50, 50), of(20, 60), of(0, 0)]).toEqual([
    ...['handle lost', 'never freed', 'still held', 'never freed'],
  ])
})

test('sortSites has the largest first, and always the same order', () => {
  fc.assert(
    fc.property(whole, fc.infiniteStream(fc.nat()), ({ sites }, random) => {
      const sorted = sortSites(sites)
      const ranks = new Map(sites.map((each) => [each, random.next().value as number]))
      const shuffled = sites.toSorted((a, b) => ranks.get(a)! - ranks.get(b)!)
      expect(sortSites(shuffled).map(siteKey)).toEqual(sorted.map(siteKey))
      for (const [i, each] of sorted.entries())
        if (i > 0) expect(sorted[i - 1]!.liveBytes).toBeGreaterThanOrEqual(each.liveBytes)
    }),
    { numRuns: TRIES },
  )
})
