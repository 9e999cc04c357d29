// Whether a run held its bars. Pure arithmetic.

import { spread } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Bar} Bar */
/** @typedef {import('./types.d.ts').Judged} Judged */
/** @typedef {import('./types.d.ts').Series} Series */

const MiB = 1 << 20

/** "24 B", "4 KiB". @param {number} bytes */
export const sizeText = (bytes) => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`)

/**
 * The ratio of two series by each round's own pair: what slowed the machine in that round slowed both.
 * @param {Series} above @param {Series} below
 */
export const paired = (above, below) =>
  spread(above.rounds.map((round, i) => round.ns / (below.rounds[i]?.ns ?? NaN)))

/**
 * @template {Series} T
 * @param {T[]} all @param {string} arm @param {number | null} size
 */
export function seriesOf(all, arm, size) {
  const found = all.find((series) => series.arm === arm && series.size === size)
  if (found === undefined) throw new Error(`there is no arm ${arm} of size ${size}`)
  return found
}

/** @param {Bar} bar @param {string} text @param {ReturnType<typeof spread>} of @param {boolean} held */
function judged(bar, text, { median, low, high }, held) {
  return { bar, text, value: median, low, high, held }
}

/**
 * @param {Bar} bar
 * @param {Series[]} all
 * @param {(arm: string) => string} labelOf
 * @returns {Judged}
 */
export function judge(bar, all, labelOf) {
  const label = labelOf(bar.arm)
  if ('growthBelowMiB' in bar) {
    const limit = bar.growthBelowMiB
    const { rounds } = seriesOf(all, bar.arm, null)
    const growth = spread(rounds.map(({ rssGrowth = NaN }) => rssGrowth / MiB))
    const text = `${label}: resident memory grows by less than ${limit} MiB`
    return judged(bar, text, growth, growth.median < limit)
  }
  const { size = null } = bar
  const arm = seriesOf(all, bar.arm, size)
  const peer = seriesOf(all, bar.peer, size)
  const what = size === null ? label : `${label}, ${sizeText(size)}`
  if ('atMost' in bar) {
    const ratio = paired(arm, peer)
    const text = `${what}: at most ${bar.atMost} x ${labelOf(bar.peer)}`
    return judged(bar, text, ratio, ratio.median <= bar.atMost)
  }
  const ratio = paired(peer, arm)
  if (bar.atLeast === 1) {
    return judged(bar, `${what}: faster than ${labelOf(bar.peer)}`, ratio, ratio.median > 1)
  }
  const text = `${what}: at least ${bar.atLeast} x as fast as ${labelOf(bar.peer)}`
  return judged(bar, text, ratio, ratio.median >= bar.atLeast)
}
