/** What is called growing, and what is not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { growthFigures, growthOf } from '../../lib/leaks/growth.js'
import type { Snapshot } from '../../lib/leaks/profile.js'
import { RUNS, RUNS_TIMEOUT } from '../support/runs.js'

const seconds = (count: number): Snapshot[] =>
  Array.from({ length: count }, (_, i) => ({ at: i * 1000, liveBytes: 0, liveBlocks: 0 }))

const verdict = (history: readonly number[], count = history.length): string =>
  growthOf(history, seconds(count))

/** Values from a function of 0 to `count` - 1. */
const curve = (count: number, value: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => value(i))

describe('growthOf', () => {
  test.each<[string, string, number[]]>([
    ['no snapshot', 'unknown', []],
    ['two snapshots', 'unknown', [1, 100]],
    ['the same always', 'startup', [64, 64, 64, 64]],
    ['hardly moved', 'startup', [100, 103, 99, 101, 102]],
    ['there from the first tenth on', 'startup', curve(30, (i) => (i < 3 ? i * 10 : 100))],
    ['rose, then stopped', 'plateau', [0, 50, 100, 100, 100, 100]],
    ['came late, and stays', 'plateau', curve(20, (i) => (i < 8 ? 0 : 100))],
    ['nothing at any snapshot', 'plateau', [0, 0, 0, 0]],
    ['shrinks', 'plateau', [100, 80, 60, 40, 20]],
    ['was emptied', 'plateau', [0, 50, 100, 0, 0, 0]],
    ['three snapshots that rise', 'growing', [0, 50, 100]],
    ['a line', 'growing', curve(30, (i) => i * 10)],
    ['a line above what was there at first', 'growing', curve(30, (i) => 1000 + i * 10)],
    ['slower and slower, but on', 'growing', curve(30, (i) => Math.sqrt(i))],
    ['faster and faster', 'growing', curve(30, (i) => i ** 3)],
    ['steps', 'growing', curve(40, (i) => Math.floor(i / 5) * 100)],
    ['a line with small frees', 'growing', curve(30, (i) => i * 10 - (i % 2) * 25)],
    ['a cache that is filled and emptied', 'plateau', curve(40, (i) => (i % 10) * 10)],
    ['the same, over what stays', 'plateau', curve(40, (i) => 1000 + (i % 10) * 100)],
    ['a cache after its start, seen while it fills', 'plateau', curve(25, (i) => (i % 20) * 10)],
    ['a leak below a cache', 'growing', curve(80, (i) => i * 10 + (i % 10) * 30)],
    [
      'a large start that was freed, then a leak past it',
      'growing',
      curve(60, (i) => (i < 3 ? 100 : i * 5)),
    ],
    [
      'a ramp, then a cache at a level',
      'plateau',
      curve(60, (i) => Math.min(i, 20) * 50 + (i % 6) * 10),
    ],
  ])('%s: %s', (_, expected, history) => {
    expect(verdict(history)).toBe(expected)
  })

  test('a site that appeared late had nothing before', () => {
    expect(verdict([100, 200, 300], 3)).toBe('growing')
    expect(verdict([100, 100, 100], 12)).toBe('plateau')
    expect(growthFigures([30], seconds(3))).toMatchObject({ first: 0, last: 30, rising: 0.5 })
  })

  test('a history that is longer than the snapshots counts from its end', () => {
    expect(verdict([0, 0, 0, 50, 50, 50], 3)).toBe('startup')
  })
})

const scale = fc.double({ min: 1, max: 1e9, noNaN: true })
const phase = fc.double({ min: 0, max: 1, noNaN: true })

describe('growthOf, for any', () => {
  test(
    'sawtooth, of which two teeth are seen: is not growing',
    () => {
      const sawtooth = fc
        .tuple(fc.integer({ min: 12, max: 200 }), phase, phase, scale, scale)
        .map(([count, period, start, height, base]) => {
          const length = 2 + period * (count / 2 - 2)
          return curve(count, (i) => base + height * ((i / length + start) % 1))
        })
      fc.assert(
        fc.property(sawtooth, (history) => {
          expect(verdict(history)).not.toBe('growing')
        }),
        { numRuns: RUNS },
      )
    },
    RUNS_TIMEOUT,
  )

  test(
    'leak, with frees that are small against it: is growing',
    () => {
      const leak = fc
        .tuple(fc.integer({ min: 9, max: 200 }), scale, fc.infiniteStream(phase))
        .map(([count, rate, noise]) => {
          const step = rate * count * 0.04
          return curve(count, (i) => rate * i + step * (noise.next().value as number))
        })
      fc.assert(
        fc.property(leak, (history) => {
          expect(verdict(history)).toBe('growing')
        }),
        { numRuns: RUNS },
      )
    },
    RUNS_TIMEOUT,
  )

  test(
    'noise around a level: is not growing',
    () => {
      const noisy = fc
        .tuple(scale, fc.array(phase, { minLength: 24, maxLength: 100 }))
        .map(([level, noise]) => noise.map((share) => level * (1 + 0.02 * share)))
      fc.assert(
        fc.property(noisy, (history) => {
          expect(verdict(history)).toBe('startup')
        }),
        { numRuns: RUNS },
      )
    },
    RUNS_TIMEOUT,
  )

  test(
    'values: is one of four, whatever their scale',
    () => {
      const values = fc.array(fc.nat(1e6), { maxLength: 60 })
      fc.assert(
        fc.property(values, fc.integer({ min: 0, max: 20 }), (history, power) => {
          const found = verdict(history)
          expect(['startup', 'plateau', 'growing', 'unknown']).toContain(found)
          expect(verdict(history.map((value) => value * 2 ** power))).toBe(found)
        }),
        { numRuns: RUNS },
      )
    },
    RUNS_TIMEOUT,
  )
})

describe('growthFigures', () => {
  test('of a line: its ends, its slope by the second, and that it always rose', () => {
    expect(growthFigures([0, 500, 1000], seconds(3))).toEqual({
      first: 0,
      last: 1000,
      bytesPerSecond: 500,
      rising: 1,
    })
  })

  test('go by the time between snapshots', () => {
    const at = [0, 10_000, 60_000].map((when) => ({ at: when, liveBytes: 0, liveBlocks: 0 }))
    expect(growthFigures([0, 100, 600], at).bytesPerSecond).toBeCloseTo(10)
  })

  test('of nothing, and of no time, are 0', () => {
    expect(growthFigures([], [])).toEqual({ first: 0, last: 0, bytesPerSecond: 0, rising: 0 })
    const at = [5, 5].map((when) => ({ at: when, liveBytes: 0, liveBlocks: 0 }))
    expect(growthFigures([1, 2], at)).toMatchObject({ bytesPerSecond: 0, rising: 1 })
  })
})
