// What a run prints: the same report in plain text and in Markdown, and everything as JSON. A model
// in, text out.

import { paired, seriesOf, sizeText } from './bars.mjs'
import { machineLines } from './machine.mjs'
import { markdownTable, textTable } from './table.mjs'

/** @typedef {import('./types.d.ts').Judged} Judged */
/** @typedef {import('./types.d.ts').Measured} Measured */
/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {import('./types.d.ts').Table} Table */

const MiB = 1 << 20
const FOOTNOTE =
  '* frees nothing: references are dropped, and the garbage collector works when it wants to'

/** Three digits are all that a run is good for. @param {number} value */
const figure = (value) =>
  value >= 99.95 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
/** @param {number} value */
const times = (value) => `${figure(value)} x`
/** @param {Measured} one */
const grown = ({ rssGrowth }) => (rssGrowth === null ? '-' : (rssGrowth / MiB).toFixed(1))
/** @param {{ low: number, high: number }} spread */
const middleHalf = ({ low, high }) => `${figure(low)} - ${figure(high)}`
/** @param {Result['arms'][0]} arm */
const starred = ({ label, dropped }) => (dropped ? `${label} *` : label)

/** The arm that the others are compared with: the case's first, which is ours. @param {Result} result */
const firstArm = ({ arms }) => /** @type {Result['arms'][0]} */ (arms[0])

/** A row for each arm. @param {Result} result @returns {Table} */
function armsTable(result) {
  const first = seriesOf(result.series, firstArm(result).arm, null)
  const rows = result.arms.map((spec) => {
    const one = seriesOf(result.series, spec.arm, null)
    const ratio = paired(one, first)
    return [starred(spec), figure(one.ns), times(ratio.median), middleHalf(ratio), grown(one)]
  })
  return { head: ['', 'ns', 'ratio', 'middle half', 'RSS + MiB'], rows }
}

/**
 * A row for each size, a column for each arm.
 * @param {Result} result @param {(one: Measured, first: Measured) => string} cell @returns {Table}
 */
function sizesTable(result, cell) {
  const { arms, series, sizes } = result
  const rows = (sizes ?? []).map((size) => {
    const first = seriesOf(series, firstArm(result).arm, size)
    const cells = arms.map(({ arm }) => cell(seriesOf(series, arm, size), first))
    return [sizeText(size)].concat(cells)
  })
  return { head: ['', ...arms.map(starred)], rows }
}

/** @param {Measured} one @param {Measured} first */
const priced = (one, first) =>
  one === first ? figure(one.ns) : `${figure(one.ns)} (${times(paired(one, first).median)})`

/** @param {Result} result @returns {{ caption: string, table: Table }[]} */
function tablesOf(result) {
  if (result.sizes === null) return [{ caption: '', table: armsTable(result) }]
  const caption = `ns, and how many times what ${firstArm(result).label} takes`
  return [
    { caption, table: sizesTable(result, priced) },
    { caption: 'growth of RSS, MiB', table: sizesTable(result, grown) },
  ]
}

/** @param {Judged} judged */
const measured = ({ bar, value }) =>
  'growthBelowMiB' in bar ? `${value.toFixed(1)} MiB` : times(value)

/** @param {Judged[]} bars @returns {Table} */
function barsTable(bars) {
  const rows = bars.map((one) => [
    one.text,
    measured(one),
    middleHalf(one),
    one.held ? 'held' : 'MISSED',
  ])
  return { head: ['', 'measured', 'middle half', 'bar'], rows }
}

/** @param {Run} run */
const barsOf = ({ results }) => results.flatMap(({ bars }) => bars)

/** @param {Run} run */
export const missedBars = (run) => barsOf(run).filter(({ held }) => !held)

/** @param {Run} run */
function closing(run) {
  const { settings, quick, seconds } = run
  const bars = barsOf(run).length
  const held = bars === 0 ? 'no bars here' : `${bars - missedBars(run).length} of ${bars} bars held`
  const how = `medians of ${settings.rounds} rounds of ${settings.timeMs} ms after ${settings.warmupMs} ms of warm-up`
  const warning = quick ? '. A quick run: too short to count' : ''
  return `${held}; ${how}; the run took ${Math.round(seconds)} s${warning}`
}

/** @param {Run} run */
export function textReport(run) {
  const parts = [machineLines(run.machine).join('\n')]
  for (const result of run.results) {
    parts.push(`${result.title}\n${result.about}`)
    for (const { caption, table } of tablesOf(result)) {
      parts.push(caption === '' ? textTable(table) : `  ${caption}\n${textTable(table)}`)
    }
  }
  if (run.results.some(({ arms }) => arms.some(({ dropped }) => dropped))) parts.push(FOOTNOTE)
  if (barsOf(run).length > 0) parts.push(`Bars\n${textTable(barsTable(barsOf(run)))}`)
  return `${[...parts, closing(run)].join('\n\n')}\n`
}

/** @param {Run} run */
export function markdownReport(run) {
  const head = machineLines(run.machine).map((line) => `    ${line}`)
  const parts = [head.join('\n'), '## Bars', markdownTable(barsTable(barsOf(run))), closing(run)]
  for (const result of run.results) {
    parts.push(`## ${result.title}`, `One operation: ${result.about}.`)
    for (const { caption, table } of tablesOf(result)) {
      if (caption !== '') parts.push(`${caption}:`)
      parts.push(markdownTable(table))
    }
  }
  return `${[...parts, FOOTNOTE.replace('*', '\\*')].join('\n\n')}\n`
}

const sixDigits = (/** @type {string} */ _, /** @type {unknown} */ value) =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : value

/** Everything, every round included: a line for each series. @param {Run} run */
export function jsonReport(run) {
  return `${JSON.stringify(run, sixDigits, 1).replaceAll(/\n {5,}|\n {4}(?=\})/g, ' ')}\n`
}
