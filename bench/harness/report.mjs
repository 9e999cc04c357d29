// What a run prints: the same report in plain text and in Markdown, and everything as JSON. A model
// in, text out.

import { barsTable, tablesOf } from './case-tables.mjs'
import { machineLines } from './machine.mjs'
import { markdownTable, textTable } from './table.mjs'

/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').Run} Run */

const FOOTNOTE =
  '* frees nothing: references are dropped, and the garbage collector works when it wants to'

/** @param {Run} run */
const barsOf = ({ results }) => results.flatMap(({ bars }) => bars)

/** @param {Run} run */
export const missedBars = (run) => barsOf(run).filter(({ held }) => held === false)

/** @param {Result} result */
const skippedLines = ({ skipped }) => skipped.map(({ label, why }) => `Skipped: ${label}; ${why}`)

/** @param {Run} run */
function barsHeld(run) {
  const bars = barsOf(run)
  if (bars.length === 0) return 'no bars here'
  const held = `${bars.filter((bar) => bar.held).length} of ${bars.length} bars held`
  const unknown = bars.filter((bar) => bar.held === null).length
  return unknown === 0 ? held : `${held}, ${unknown} not measured`
}

/** @param {Run} run */
function closing(run) {
  const { settings, quick, seconds } = run
  const how = `medians of ${settings.rounds} rounds of ${settings.timeMs} ms after ${settings.warmupMs} ms of warm-up`
  const warning = quick ? '. A quick run: too short to count' : ''
  return `${barsHeld(run)}; ${how}; the run took ${Math.round(seconds)} s${warning}`
}

/** @param {Run} run */
export function textReport(run) {
  const parts = [machineLines(run.machine).join('\n')]
  for (const result of run.results) {
    parts.push([result.title, result.about, ...skippedLines(result)].join('\n'))
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
    parts.push(...skippedLines(result).map((line) => `${line}.`))
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
