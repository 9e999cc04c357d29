/**
 * How the live bytes of a site go: does it grow, and how fast?
 *
 * Only what is there at snapshots is seen, and a cache that fills and is emptied grows most of the
 * time. So a rise counts only where it goes beyond what the site has given back before.
 */
import type { Growth, Snapshot } from './profile.js'

/** What says that a site grows, or does not. */
export interface GrowthFigures {
  /** Live bytes at the first snapshot and at the last. */
  first: number
  last: number
  /** The slope of the line that fits all snapshots best (least squares). Below 0: it shrinks. */
  bytesPerSecond: number
  /** Share of the intervals between snapshots in which the bytes rose, from 0 to 1. */
  rising: number
}

/** Fewer snapshots say nothing. */
const FEWEST = 3
/** Differences up to this share of the largest value count as none. */
const FLAT = 0.05
/** A fall of this share of the whole range is one; less is noise. */
const FALL = 0.15

/** The history with a value for each snapshot: what is missing was before the site, and is 0. */
function aligned(history: readonly number[], count: number): number[] {
  const missing = Math.max(0, count - history.length)
  const known = history.slice(Math.max(0, history.length - count))
  return [...Array.from({ length: missing }, () => 0), ...known]
}

/**
 * The figures behind {@link growthOf}. All are 0 where there are no snapshots; the slope is also 0
 * where no time passed between them.
 * @param history Live bytes at the last snapshots, one each; as many as there are, or fewer.
 * @param snapshots All snapshots, oldest first.
 */
export function growthFigures(
  history: readonly number[],
  snapshots: readonly Snapshot[],
): GrowthFigures {
  const values = aligned(history, snapshots.length)
  const rises = values.filter((value, i) => i > 0 && value > values[i - 1]!).length
  return {
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    bytesPerSecond: slope(values, snapshots),
    rising: rises / Math.max(1, values.length - 1),
  }
}

function slope(values: readonly number[], snapshots: readonly Snapshot[]): number {
  const seconds = snapshots.map(({ at }) => at / 1000)
  const middle = mean(seconds)
  const level = mean(values)
  let [up, over] = [0, 0]
  for (const [i, second] of seconds.entries()) {
    up += (second - middle) * (values[i]! - level)
    over += (second - middle) ** 2
  }
  return over === 0 ? 0 : up / over
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

/**
 * How the live bytes of a site went over the snapshots. Differences within 5 % of its largest
 * value count as none.
 *
 * - `'unknown'`: fewer than three snapshots.
 * - `'startup'`: it was there at the first snapshots (of ten or more the first tenth is not looked
 *   at) and has hardly moved since.
 * - `'growing'`: it rises over the last third of the snapshots too, and beyond what it had before.
 *   As long as it never fell by 15 % of its range, the middle of the last third is above all that
 *   came before, and not by one step. If it fell so far, its low points tell: the last one is
 *   above all of before the last third, and above the first by more than any one interval added.
 *   Or it has since risen more than twice as far as it ever fell.
 * - `'plateau'`: everything else. It rose and stopped, the last third being flat; or it goes up
 *   and down between limits, as a cache does that fills and is emptied; or it shrinks.
 *
 * A leak that hides in a larger cache is called growing once it has outgrown what the cache adds
 * in one interval. Takes time in proportion to the snapshots; allocates a few arrays of their
 * length.
 * @param history Live bytes at the last snapshots, one each; as many as there are, or fewer.
 * @param snapshots All snapshots, oldest first. Only their number counts here.
 */
export function growthOf(history: readonly number[], snapshots: readonly Snapshot[]): Growth {
  if (snapshots.length < FEWEST) return 'unknown'
  const values = aligned(history, snapshots.length)
  const settled = values.slice(Math.floor(values.length / 10))
  if (settled[0] !== 0 && isFlat(settled, settled)) return 'startup'
  return grows(values) ? 'growing' : 'plateau'
}

function isFlat(part: readonly number[], all: readonly number[]): boolean {
  return largest(part) - smallest(part) <= FLAT * Math.max(largest(all), -smallest(all))
}

function grows(values: readonly number[]): boolean {
  const third = Math.ceil(values.length / 3)
  const lastThird = values.slice(-Math.max(2, third))
  if (isFlat(lastThird, values)) return false
  const range = largest(values) - smallest(values)
  const { lows, falls, rise } = legs(values, FALL * range)
  if (falls.length === 0) {
    const before = values.slice(0, values.length - lastThird.length)
    return median(lastThird) > largest(before) + FLAT * range && !isOneStep(lastThird, range)
  }
  if (rise > 2 * largest(falls)) return true
  if (lows.length < 2) return false
  const [first, last] = [lows[0]!, lows.at(-1)!]
  const start = values.length - lastThird.length
  const earlier = lows.slice(0, -1).filter(({ index }, i) => i === 0 || index < start)
  const before = largest(earlier.map(({ value }) => value))
  return last.value > before + FLAT * range && last.value - first.value > largest(steps(values))
}

/** Did it rise in one interval, and not in the others? Of two values nobody can say. */
function isOneStep(values: readonly number[], range: number): boolean {
  const rise = values.at(-1)! - values[0]!
  return values.length > 2 && rise - largest(steps(values)) <= FLAT * range
}

const steps = (values: readonly number[]): number[] =>
  values.slice(1).map((value, i) => value - values[i]!)

interface Low {
  value: number
  index: number
}

interface Legs {
  /** The lowest values between a fall and the rise that followed it. */
  lows: Low[]
  /** How far each fall went. */
  falls: number[]
  /** How far it has risen since the last fall; 0 while it falls. */
  rise: number
}

/** Ups and downs of at least `least`; smaller ones are part of a larger one. */
function legs(values: readonly number[], least: number): Legs {
  const found: Legs = { lows: [], falls: [], rise: 0 }
  let falling = false
  let high = values[0]!
  let low: Low = { value: high, index: 0 }
  for (const [index, value] of values.entries()) {
    if (falling) {
      if (value < low.value) low = { value, index }
      if (value - low.value < least) continue
      found.lows.push(low)
      found.falls.push(high - low.value)
      falling = false
      high = value
    } else {
      high = Math.max(high, value)
      if (high - value < least) continue
      falling = true
      low = { value, index }
    }
  }
  if (falling) found.falls.push(high - low.value)
  else found.rise = values.at(-1)! - (found.lows.at(-1)?.value ?? values[0]!)
  return found
}

const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), -Infinity)

const smallest = (values: readonly number[]): number =>
  values.reduce((least, value) => Math.min(least, value), Infinity)

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}
