// The tables of one case, and of the bars. A model in, a model out.

import {
  allOf,
  geomeanOf,
  growthOf,
  inputTextOf,
  paired,
  seriesOf,
  utilisationOf,
} from './bars.mjs'
import { geomean } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Judged} Judged */
/** @typedef {import('./types.d.ts').Measured} Measured */
/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').Table} Table */

const MiB = 1 << 20

/** Three digits are all that a run is good for. @param {number} value */
const figure = (value) =>
  value >= 99.95 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
/** @param {number} value */
const times = (value) => `${figure(value)} x`
/** @param {Measured} one */
const grown = ({ rssGrowth }) => (rssGrowth === null ? '-' : (rssGrowth / MiB).toFixed(1))
/** @param {Measured} one */
const utilised = ({ utilisation }) => (utilisation === null ? '-' : utilisation.toFixed(2))
/** @param {{ low: number, high: number }} spread */
const middleHalf = ({ low, high }) => `${figure(low)} - ${figure(high)}`
/** @param {Result['arms'][0]} arm */
const starred = ({ label, dropped }) => (dropped ? `${label} *` : label)

/** The arm that the others are compared with. @param {Result} result */
const labelOfBase = ({ arms, base }) => arms.find(({ arm }) => arm === base)?.label ?? base

/** A row for each arm. @param {Result} result @returns {Table} */
function armsTable(result) {
  const first = seriesOf(result.series, result.base, null)
  const rows = result.arms.map((spec) => {
    const one = seriesOf(result.series, spec.arm, null)
    const ratio = paired(one, first)
    return [starred(spec), figure(one.ns), times(ratio.median), middleHalf(ratio), grown(one)]
  })
  return { head: ['', 'ns', 'ratio', 'middle half', 'RSS + MiB'], rows }
}

/**
 * A row for each input, a column for each arm.
 * @param {Result} result @param {(one: Measured, base: Measured) => string} cell @returns {Table}
 */
function inputsTable({ arms, base, inputs, inputsAre, series }, cell) {
  const rows = (inputs ?? []).map((input) => {
    const first = seriesOf(series, base, input)
    const cells = arms.map(({ arm }) => cell(seriesOf(series, arm, input), first))
    return [inputTextOf(inputsAre)(input)].concat(cells)
  })
  return { head: ['', ...arms.map(starred)], rows }
}

/** @param {Measured} one @param {Measured} base */
const priced = (one, base) =>
  one === base ? figure(one.ns) : `${figure(one.ns)} (${times(paired(one, base).median)})`

/** A last row over all traces. @param {Result} result */
function geomeanRow({ arms, base, series }) {
  const cells = arms.map(({ arm }) => {
    const ns = figure(geomean(allOf(series, arm).map((one) => one.ns)))
    return arm === base ? ns : `${ns} (${times(geomeanOf(series, arm, base).median)})`
  })
  return ['geometric mean', ...cells]
}

/** A last row over all counts. @param {Result} result */
function growthRow({ arms, series }) {
  return ['most / first', ...arms.map(({ arm }) => times(growthOf(series, arm).median))]
}

/** @param {Result} result @returns {Table} */
function utilisationTable(result) {
  const { head, rows } = inputsTable(result, utilised)
  const over = (/** @type {'average' | 'worst'} */ which) =>
    result.arms.map(({ arm }) => {
      const { median } = utilisationOf(result.series, arm, which)
      return Number.isNaN(median) ? '-' : median.toFixed(2)
    })
  return { head, rows: [...rows, ['average', ...over('average')], ['worst', ...over('worst')]] }
}

/** @param {Result} result @returns {{ caption: string, table: Table }[]} */
export function tablesOf(result) {
  if (result.inputs === null) return [{ caption: '', table: armsTable(result) }]
  const ns = inputsTable(result, priced)
  if (result.inputsAre === 'traces') ns.rows.push(geomeanRow(result))
  if (result.inputsAre === 'blocks') ns.rows.push(growthRow(result))
  const caption = `ns, and how many times what ${labelOfBase(result)} takes`
  const tables = [{ caption, table: ns }]
  if (result.series.some(({ utilisation }) => utilisation !== null)) {
    const what =
      'utilisation: live payload at most / memory occupied at most, metadata and holes counted'
    tables.push({ caption: what, table: utilisationTable(result) })
  }
  if (result.inputsAre === 'bytes') {
    tables.push({ caption: 'growth of RSS, MiB', table: inputsTable(result, grown) })
  }
  return tables
}

/** @param {Judged} judged */
function measured({ value, unit, held }) {
  if (held === null) return '-'
  if (unit === 'MiB') return `${value.toFixed(1)} MiB`
  if (unit === 'ns') return `${value.toFixed(1)} ns`
  return unit === 'x' ? times(value) : figure(value)
}

/** @param {Judged} judged */
function outcome({ held }) {
  if (held === null) return 'not measured'
  return held ? 'held' : 'MISSED'
}

/** @param {Judged[]} bars @returns {Table} */
export function barsTable(bars) {
  const rows = bars.map((one) => [
    one.text,
    measured(one),
    one.held === null ? '-' : middleHalf(one),
    outcome(one),
  ])
  return { head: ['', 'measured', 'middle half', 'bar'], rows }
}
