// Whether a run held its bars. Pure arithmetic.

import { geomean, mean, spread } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Bar} Bar */
/** @typedef {import('./types.d.ts').Input} Input */
/** @typedef {import('./types.d.ts').Judged} Judged */
/** @typedef {import('./types.d.ts').Series} Series */
/** @typedef {ReturnType<typeof spread>} Spread */

/**
 * What the bars of a case are judged with.
 * @typedef {object} Run
 * @property {Series[]} all
 * @property {(arm: string) => string} labelOf
 * @property {(input: Input) => string} inputText
 */

const MiB = 1 << 20

/** "24 B", "4 KiB". @param {number} bytes */
const sizeText = (bytes) => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`)

/** A row's name. @param {import('./types.d.ts').Result['inputsAre']} are @returns {(input: Input) => string} */
export const inputTextOf = (are) => (input) => {
  if (typeof input === 'string') return input
  return are === 'bytes' ? sizeText(input) : input.toLocaleString('en')
}

/**
 * The ratio of two series by each round's own pair: what slowed the machine in that round slowed both.
 * @param {Series} above @param {Series} below
 */
export const paired = (above, below) =>
  spread(above.rounds.map((round, i) => round.ns / (below.rounds[i]?.ns ?? NaN)))

/**
 * @template {Series} T
 * @param {T[]} all @param {string} arm @param {Input | null} input
 */
export function seriesOf(all, arm, input) {
  const found = all.find((series) => series.arm === arm && series.input === input)
  if (found === undefined) throw new Error(`there is no arm ${arm} with ${input}`)
  return found
}

/** Those of one arm, in the order of the inputs. @template {Series} T @param {T[]} all @param {string} arm */
export const allOf = (all, arm) => all.filter((series) => series.arm === arm)

/**
 * Of each round: the geometric mean of the ratios with all inputs.
 * @param {Series[]} all @param {string} arm @param {string} peer
 */
export function geomeanOf(all, arm, peer) {
  const below = allOf(all, peer)
  const above = allOf(all, arm)
  const rounds = above[0]?.rounds ?? []
  return spread(
    rounds.map((_, round) =>
      geomean(
        above.map(
          (one, i) => (one.rounds[round]?.ns ?? NaN) / (below[i]?.rounds[round]?.ns ?? NaN),
        ),
      ),
    ),
  )
}

/** How many times the first input's cost the costliest is. @param {Series[]} all @param {string} arm */
export function growthOf(all, arm) {
  const [first, ...others] = allOf(all, arm)
  if (first === undefined) throw new Error(`there is no arm ${arm}`)
  const ratios = others.map((one) => paired(one, first))
  return ratios.reduce((worst, one) => (one.median > worst.median ? one : worst))
}

/**
 * Of each round: the average or the worst over all inputs.
 * @param {Series[]} all @param {string} arm @param {'average' | 'worst'} which
 */
export function utilisationOf(all, arm, which) {
  const byInput = allOf(all, arm).map((one) =>
    one.rounds.flatMap((round) => round.utilisation ?? []),
  )
  const rounds = byInput[0] ?? []
  const over = which === 'average' ? mean : (/** @type {number[]} */ each) => Math.min(...each)
  return spread(rounds.map((_, round) => over(byInput.map((one) => one[round] ?? NaN))))
}

/**
 * What a bar says, what was measured for it, and whether that holds.
 * @param {Bar} bar @param {Run} run @returns {{ text: string, of: Spread, unit: Judged['unit'], held: boolean }}
 */
function verdict(bar, { all, labelOf, inputText }) {
  const label = labelOf(bar.arm)
  if ('growthBelowMiB' in bar) {
    const { rounds } = seriesOf(all, bar.arm, null)
    const of = spread(rounds.map(({ rssGrowth = NaN }) => rssGrowth / MiB))
    const text = `${label}: resident memory grows by less than ${bar.growthBelowMiB} MiB`
    return { text, of, unit: 'MiB', held: of.median < bar.growthBelowMiB }
  }
  if ('nsAtMost' in bar) {
    const of = spread(seriesOf(all, bar.arm, null).rounds.map(({ ns }) => ns))
    const text = `${label}: at most ${bar.nsAtMost} ns`
    return { text, of, unit: 'ns', held: of.median <= bar.nsAtMost }
  }
  if ('growsAtMost' in bar) {
    const of = growthOf(all, bar.arm)
    const first = inputText(allOf(all, bar.arm)[0]?.input ?? '')
    const text = `${label}, ${bar.which}: at most ${bar.growsAtMost} x what it takes with ${first}`
    return { text, of, unit: 'x', held: of.median <= bar.growsAtMost }
  }
  if ('utilisation' in bar) {
    const of = utilisationOf(all, bar.arm, bar.utilisation)
    const where = bar.utilisation === 'average' ? 'on average' : 'at worst'
    const text = `${label}: utilisation at least ${bar.atLeast} ${where}`
    return { text, of, unit: '', held: of.median >= bar.atLeast }
  }
  const peer = labelOf(bar.peer)
  if ('moreAtMostNs' in bar) {
    const below = seriesOf(all, bar.peer, null).rounds
    const above = seriesOf(all, bar.arm, null).rounds
    const of = spread(above.map((round, i) => round.ns - (below[i]?.ns ?? NaN)))
    const text = `${label}: at most ${bar.moreAtMostNs} ns more than ${peer}`
    return { text, of, unit: 'ns', held: of.median <= bar.moreAtMostNs }
  }
  if ('geomeanAtMost' in bar) {
    const of = geomeanOf(all, bar.arm, bar.peer)
    const text = `${label}: at most ${bar.geomeanAtMost} x ${peer}, geometric mean`
    return { text, of, unit: 'x', held: of.median <= bar.geomeanAtMost }
  }
  const { input = null } = bar
  const what = input === null ? label : `${label}, ${inputText(input)}`
  const [above, below] = [seriesOf(all, bar.arm, input), seriesOf(all, bar.peer, input)]
  if ('atMost' in bar) {
    const of = paired(above, below)
    const text = `${what}: at most ${bar.atMost} x ${peer}`
    return { text, of, unit: 'x', held: of.median <= bar.atMost }
  }
  const of = paired(below, above)
  if (bar.atLeast === 1) {
    return { text: `${what}: faster than ${peer}`, of, unit: 'x', held: of.median > 1 }
  }
  const text = `${what}: at least ${bar.atLeast} x as fast as ${peer}`
  return { text, of, unit: 'x', held: of.median >= bar.atLeast }
}

/** @param {Bar} bar @param {Run} run @returns {Judged} */
export function judge(bar, run) {
  const wanted = 'peer' in bar ? [bar.arm, bar.peer] : [bar.arm]
  const missing = wanted.filter((arm) => !run.all.some((series) => series.arm === arm))
  if (missing.length > 0) {
    const text = `${wanted.map(run.labelOf).join(' against ')}: no figure`
    return { bar, text, value: NaN, low: NaN, high: NaN, unit: '', held: null }
  }
  const { text, of, unit, held } = verdict(bar, run)
  return { bar, text, value: of.median, low: of.low, high: of.high, unit, held }
}
