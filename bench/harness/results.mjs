// From rounds to what is shown. A model in, a model out; no I/O.

import { inputTextOf, judge } from './bars.mjs'
import { median } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Round} Round */

/**
 * @param {import('./types.d.ts').Case} theCase
 * @param {import('./types.d.ts').Series[]} all
 * @param {import('./types.d.ts').Skipped[]} skipped
 * @returns {import('./types.d.ts').Result}
 */
export function resultOf(theCase, all, skipped) {
  const { name, title, about, inputs = null, inputsAre = 'bytes' } = theCase
  const arms = Object.entries(theCase.arms)
    .filter(([arm]) => all.some((series) => series.arm === arm))
    .map(([arm, { label, ours = false, dropped = false }]) => ({ arm, label, ours, dropped }))
  const base = theCase.base ?? arms[0]?.arm ?? ''
  const labelOf = (/** @type {string} */ arm) => theCase.arms[arm]?.label ?? arm
  const series = all.map((one) => ({ ...one, ...medians(one.rounds) }))
  const run = { all, labelOf, inputText: inputTextOf(inputsAre) }
  const bars = theCase.bars.map((bar) => judge(bar, run))
  return { name, title, about, inputs, inputsAre, base, arms, skipped, series, bars }
}

/** @param {Round[]} rounds */
function medians(rounds) {
  const growth = rounds.flatMap(({ rssGrowth }) => rssGrowth ?? [])
  const utilisation = rounds.flatMap((round) => round.utilisation ?? [])
  return {
    ns: median(rounds.map((round) => round.ns)),
    rssGrowth: growth.length === 0 ? null : median(growth),
    utilisation: utilisation.length === 0 ? null : median(utilisation),
  }
}
