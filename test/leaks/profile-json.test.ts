/** Profiles as JSON: what was written is read, and nothing else is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OffheapError } from '../../lib/core/errors.js'
import type { LeakProfile } from '../../lib/leaks/profile.js'
import { parseProfile, renderJson } from '../../lib/leaks/profile-json.js'
import { FORMATS } from '../../lib/leaks/render/index.js'
import { expectCode } from '../support/errors.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'
import { anyProfile, js, profileOf, site, uploads } from './render/mock.js'

/** The profile of an upload service, with one value changed: `at(['sites', 0, 'growth'], 7)`. */
function at(path: readonly (string | number)[], value: unknown): string {
  const profile = JSON.parse(renderJson(uploads())) as Record<string | number, unknown>
  let target = profile
  for (const key of path.slice(0, -1)) target = target[key] as Record<string | number, unknown>
  target[path.at(-1)!] = value
  return JSON.stringify(profile)
}

const messageOf = (text: string): string =>
  expectCode('INVALID_ARGUMENT', () => parseProfile(text)).message

describe('parseProfile', () => {
  test('reads what renderJson writes', () => {
    fc.assert(
      fc.property(anyProfile(), fc.boolean(), (profile, pretty) => {
        expect(parseProfile(renderJson(profile, { pretty }))).toEqual(profile)
      }),
      { numRuns: Math.min(RUNS, 2000) },
    )
  })

  test('makes equal frames one object', () => {
    const { sites } = parseProfile(renderJson(uploads()))
    expect(sites[0]!.stack[1]).toBe(sites[1]!.stack[3])
  })

  test('leaves out what the model does not have', () => {
    const found = parseProfile(at(['sites', 0, 'stack', 0, 'colour'], 'red'))
    expect(found).toEqual(uploads())
    const text = renderJson(uploads()).replace('{', '{"__proto__":{"polluted":true},')
    expect(parseProfile(text)).toEqual(uploads())
  })

  test.each<[string, unknown, string]>([
    ['version', 2, 'Expected 1, the only version that this release reads, for version but'],
    ['mode', 'guess', "Expected 'exact' or 'sampled' for mode but received"],
    ['sampleBytes', -1, 'Expected a number from 0 to 2^53 - 1 for sampleBytes'],
    ['takenAt', 'yesterday', 'Expected a date in ISO 8601 for takenAt'],
    ['since', 12, 'Expected a string for since'],
    ['pid', 1.5, 'Expected a whole number from 0 to 2^53 - 1 for pid'],
    ['program', null, 'Expected a string for program but received null'],
    ['sites', {}, 'Expected an array for sites but received an object'],
    ['sites.1', 7, 'Expected an object for sites[1] but received 7 of type number'],
    ['sites.1.liveBytes', '12', 'Expected a number from 0 to 2^53 - 1 for sites[1].liveBytes'],
    ['sites.1.liveBytes', 1e300, 'for sites[1].liveBytes but received 1e+300'],
    ['sites.1.frees', -4, 'for sites[1].frees but received -4'],
    ['sites.2.liveBytes', 2 ** 40, 'sites[2] breaks the order'],
    ['sites.1.growth', 'shrinking', 'for sites[1].growth'],
    ['sites.1.why', 'nobody knows', "Expected 'never freed' or 'handle lost' or 'still held'"],
    ['sites.1.scopes', ['a', 1], 'Expected a string for sites[1].scopes[1]'],
    ['sites.1.history', [1, 2, null], 'for sites[1].history[2] but received null'],
    ['sites.1.history', [1, 2, 3, 4, 5], 'at most the 4 of snapshots for the length of sites[1]'],
    ['sites.1.stack.0', null, 'Expected an object for sites[1].stack[0] but received null'],
    [
      'sites.1.stack.0.line',
      -1,
      'Expected a whole number from 0 to 2^53 - 1 for sites[1].stack[0]',
    ],
    ['sites.1.stack.0.native', 1, 'Expected a boolean for sites[1].stack[0].native'],
    ['sites.1.stack.0.buildId', 'xyz', 'Expected hex digits for sites[1].stack[0].buildId'],
    ['totals', undefined, 'Expected an object for totals but received undefined'],
    ['totals.sites', 0.5, 'for totals.sites'],
    ['snapshots.0.at', 1e9, 'snapshots[1] breaks the order'],
    ['snapshots.3', [], 'Expected an object for snapshots[3]'],
  ])('%s of %j: %s', (path, value, expected) => {
    const keys = path.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key))
    expect(messageOf(at(keys, value))).toContain(expected)
  })

  test('figures below 0 are a difference only', () => {
    const text = at(['sites', 1, 'frees'], -4).replace(
      '"pid"',
      '"since":"2026-11-21T09:00:00Z","pid"',
    )
    expect(parseProfile(text).sites[1]!.frees).toBe(-4)
  })

  test.each([
    ['nothing', ''],
    ['no JSON', 'Live memory: 12 MiB\n\x1b[31m'],
    ['a value that a terminal obeys', at(['mode'], '\x9b2J\x1b[31m\u202e')],
    ['a JSON array', '[]'],
    ['null', 'null'],
    ['deep nesting', '['.repeat(200_000)],
  ])('%s is refused, and its text not repeated', (_, text) => {
    expect(messageOf(text)).toMatch(/^Expected [ -~]+$/)
  })

  test('anything but a string is refused', () => {
    for (const value of [undefined, null, 7, {}, Symbol('x'), uploads()])
      expectCode('INVALID_ARGUMENT', () => parseProfile(value as string))
  })

  test('each place at which a file can be truncated is damage', () => {
    const text = renderJson(uploads())
    for (let length = 0; length < text.length; length += 7)
      expect(messageOf(text.slice(0, length))).toMatch(/damaged or truncated/)
  })
})

/** Takes characters away and puts others there: mostly damage, sometimes another digit only. */
const edit = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(40), fc.string({ unit: 'binary', maxLength: 3 })),
  fc.tuple(fc.nat(), fc.constantFrom(0, 1), fc.constantFrom('0', '7', ' ', 'x', '-')),
)

/** A valid file with some of its characters changed, taken away or doubled. */
const damaged = fc
  .tuple(
    anyProfile().map((profile) => renderJson(profile)),
    fc.array(edit, { maxLength: 4 }),
  )
  .map(([text, edits]) => edits.reduce(edited, text))

function edited(text: string, [where, length, inserted]: [number, number, string]): string {
  const start = where % (text.length + 1)
  return text.slice(0, start) + inserted + text.slice(start + length)
}

/** A valid file with some values replaced by others. */
const mutated = fc
  .tuple(anyProfile(), fc.array(fc.tuple(fc.nat(), fc.jsonValue()), { maxLength: 3 }))
  .map(([profile, changes]) => {
    const values = JSON.parse(renderJson(profile)) as object
    for (const [where, value] of changes) replaceOne(values, where, value)
    return JSON.stringify(values)
  })

function replaceOne(values: object, where: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key])
      visit((node as Record<string, unknown>)[key])
    }
  }
  visit(values)
  const place = places[where % places.length]
  if (place !== undefined) place[0][place[1]] = value
}

function readOrRefused(text: string): LeakProfile | undefined {
  try {
    return parseProfile(text)
  } catch (error) {
    expect(error).toBeInstanceOf(OffheapError)
    expect((error as OffheapError).code).toBe('ERR_OFFHEAP_INVALID_ARGUMENT')
    return undefined
  }
}

describe('damaged files', () => {
  test.each([
    ['in their text', damaged],
    ['in their values', mutated],
  ])(
    '%s are refused, or every format takes what was read',
    (_, files) => {
      let read = 0
      fc.assert(
        fc.property(files, (text) => {
          const profile = readOrRefused(text)
          if (profile === undefined) return
          read += 1
          for (const { render } of Object.values(FORMATS)) expect(render(profile)).toBeDefined()
        }),
        { numRuns: Math.ceil(RUNS / 4) },
      )
      expect(read).toBeGreaterThan(0)
    },
    RUNS_TIMEOUT * 4,
  )
})

describe('what is large', () => {
  test('a stack of 10,000 frames is read and rendered in every format', () => {
    const stack = Array.from({ length: 10_000 }, (_, i) => js(`recurse src/deep.ts:${i + 1}:3`))
    const deep = profileOf([site({ stack, liveBlocks: 1, liveBytes: 64 })])
    const read = parseProfile(renderJson(deep))
    expect(read).toEqual(deep)
    for (const { render } of Object.values(FORMATS)) expect(render(read).length).toBeGreaterThan(99)
  })
})

describe('renderJson', () => {
  test('has its fields in one order, whatever the order in the object', () => {
    const turned = Object.fromEntries(Object.entries(uploads()).toReversed())
    expect(renderJson(turned as unknown as LeakProfile)).toBe(renderJson(uploads()))
    expect(renderJson(uploads())).toMatch(/^{"version":1,"mode":"exact","sampleBytes":0,"takenAt":/)
  })

  test('on request is for people to read', () => {
    expect(renderJson(uploads(), { pretty: true })).toContain('\n  "mode": "exact",\n')
  })
})
