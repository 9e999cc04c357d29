// From rounds to what is shown. A model in, a model out; no I/O.

import { judge } from './bars.mjs'
import { median } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Round} Round */

/**
 * @param {import('./types.d.ts').Case} theCase
 * @param {import('./types.d.ts').Series[]} all
 * @returns {import('./types.d.ts').Result}
 */
export function resultOf(theCase, all) {
  const { name, title, about, sizes = null } = theCase
  const arms = Object.entries(theCase.arms).map(
    ([arm, { label, ours = false, dropped = false }]) => ({ arm, label, ours, dropped }),
  )
  const labelOf = (/** @type {string} */ arm) => theCase.arms[arm]?.label ?? arm
  const series = all.map((one) => ({ ...one, ...medians(one.rounds) }))
  const bars = theCase.bars.map((bar) => judge(bar, all, labelOf))
  return { name, title, about, sizes, arms, series, bars }
}

/** @param {Round[]} rounds */
function medians(rounds) {
  const growth = rounds.flatMap(({ rssGrowth }) => (rssGrowth === undefined ? [] : [rssGrowth]))
  return {
    ns: median(rounds.map((round) => round.ns)),
    rssGrowth: growth.length === 0 ? null : median(growth),
  }
}
