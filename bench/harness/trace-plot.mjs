// The table of traces as a picture: a row for each trace, a mark for each allocator at how many times
// what glibc takes it needs. A model in, SVG out. Colours follow the reader's light or dark mode, and
// marks differ in shape too.

import { allOf, geomeanOf, paired, seriesOf } from './bars.mjs'
import { geomean } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').Run} Run */
/** @typedef {{ name: string, ns: number, ratios: number[] }} Row */

const WIDTH = 840
const LEFT = 150
const RIGHT = 130
const TOP = 92
const ROW = 26

/** Size of a mark, from its middle. */
const R = 6

/** Shapes by arm, those behind first. Colours are in the style. */
const MARKS = {
  cHeap: `M${-R} ${-R}L${R} ${R}M${-R} ${R}L${R} ${-R}`,
  freeList: `M${1 - R} ${1 - R}h${2 * R - 2}v${2 * R - 2}h${2 - 2 * R}z`,
  jemalloc: `M0 ${-R}L${R} 0L0 ${R}L${-R} 0z`,
  mimalloc: `M0 ${-R}L${R} ${R - 1}L${-R} ${R - 1}z`,
  slab: `M${-R} 0a${R} ${R} 0 1 0 ${2 * R} 0a${R} ${R} 0 1 0 ${-2 * R} 0z`,
}

/** Colours of Okabe and Ito, which the colour-blind tell apart. */
const STYLE = `
  .paper { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e }
  .rule { stroke: #d1d9e0 } .glibc { stroke: #1f2328 } .band { fill: #f6f8fa }
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif }
  .title { font-size: 15px; font-weight: 600 } .small { font-size: 11px } .strong { font-weight: 600 }
  .cHeap { fill: none; stroke: #8c8c8c; stroke-width: 2 } .freeList { fill: #cc79a7 }
  .jemalloc { fill: #e69f00 } .mimalloc { fill: #009e73 } .slab { fill: #0072b2 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .text { fill: #f0f6fc } .faint { fill: #9198a1 }
    .rule { stroke: #3d444d } .glibc { stroke: #f0f6fc } .band { fill: #151b23 }
    .slab { fill: #56b4e9 }
  }`

/** @param {unknown} value */
const escaped = (value) =>
  String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** @param {number} x @param {number} y @param {unknown} content @param {string} kind @param {string} [anchor] */
const text = (x, y, content, kind, anchor = 'start') =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`

/** @param {string} kind @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
const line = (kind, x1, y1, x2, y2) =>
  `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`

/** @param {string} arm @param {number} x @param {number} y @param {string} [tip] */
function mark(arm, x, y, tip = '') {
  const title = tip === '' ? '' : `<title>${escaped(tip)}</title>`
  const where = `translate(${x.toFixed(1)} ${y.toFixed(1)})`
  return `<path class="${arm}" transform="${where}" d="${MARKS[arm]}">${title}</path>`
}

/**
 * The rows: of each arm its ratio to the base, and what our first arm takes in ns.
 * @param {Result} result @param {string[]} arms @returns {Row[]}
 */
function rowsOf({ series, inputs, base }, arms) {
  const rows = (inputs ?? []).map((input) => ({
    name: String(input),
    ns: seriesOf(series, arms.at(-1) ?? '', input).ns,
    ratios: arms.map(
      (arm) => paired(seriesOf(series, arm, input), seriesOf(series, base, input)).median,
    ),
  }))
  const overall = {
    name: 'geometric mean',
    ns: geomean(allOf(series, arms.at(-1) ?? '').map((one) => one.ns)),
    ratios: arms.map((arm) => geomeanOf(series, arm, base).median),
  }
  return [...rows, overall]
}

/** Powers of two that enclose all ratios. @param {number[]} ratios */
function ticksOf(ratios) {
  const low = Math.floor(Math.log2(Math.min(0.5, ...ratios)))
  const high = Math.ceil(Math.log2(Math.max(2, ...ratios)))
  return Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i))
}

/**
 * What the marks are, the first arm first.
 * @param {Result} result @param {string[]} arms
 */
function legend({ arms: all }, arms) {
  const labels = arms.toReversed().map((arm) => ({
    arm,
    label: all.find((one) => one.arm === arm)?.label ?? arm,
  }))
  const step = (WIDTH - 40) / labels.length
  return labels.map(({ arm, label }, i) => {
    const x = 26 + i * step
    return mark(arm, x, 46) + text(x + 12, 50, label, 'text')
  })
}

/** @param {Result} result That of the case "traces". @param {Run} run @returns {string} */
export function tracePlot(result, { machine, quick }) {
  const arms = Object.keys(MARKS).filter((arm) => result.arms.some((one) => one.arm === arm))
  const rows = rowsOf(result, arms)
  const ticks = ticksOf(rows.flatMap(({ ratios }) => ratios))
  const [least = 1, most = 1] = [ticks[0], ticks.at(-1)]
  const span = WIDTH - LEFT - RIGHT
  const xOf = (/** @type {number} */ ratio) =>
    LEFT + (span * Math.log2(ratio / least)) / Math.log2(most / least)
  const rowOf = (
    /** @type {Row} */ { name, ns, ratios },
    /** @type {number} */ y,
    /** @type {boolean} */ last,
  ) => {
    const kind = last ? 'text strong' : 'text'
    const marks = arms.map((arm, i) => {
      const ratio = ratios[i] ?? NaN
      return mark(arm, xOf(ratio), y, `${name}: ${ratio.toFixed(2)} x glibc`)
    })
    const figures = text(WIDTH - 20, y + 4, `${ns.toPrecision(3)} ns`, kind, 'end')
    return text(LEFT - 14, y + 4, name, kind, 'end') + marks.join('') + figures
  }
  const bottom = TOP + ROW * rows.length
  const height = bottom + 44
  const source = [machine.date.slice(0, 10), machine.cpu, `Node ${machine.node}`, machine.libc]
  const how = quick ? 'A QUICK RUN: the figures do not count' : 'one run, medians of its rounds'
  const title = 'Time for an operation of malloc traces, against glibc in C'
  const parts = [
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>`,
    text(20, 26, `${title} (further left is faster)`, 'text title'),
    ...legend(result, arms),
    `<rect class="band" x="0" y="${bottom - ROW}" width="${WIDTH}" height="${ROW}"/>`,
    ...ticks.flatMap((tick) => [
      line(tick === 1 ? 'glibc' : 'rule', xOf(tick), TOP, xOf(tick), bottom),
      text(xOf(tick), TOP - 8, tick === 1 ? 'glibc = 1' : `${tick} x`, 'faint small', 'middle'),
    ]),
    text(
      WIDTH - 20,
      TOP - 8,
      result.arms.find(({ ours }) => ours)?.label ?? '',
      'faint small',
      'end',
    ),
    ...rows.map((row, i) => rowOf(row, TOP + ROW * i + ROW / 2, i === rows.length - 1)),
    text(20, height - 16, [...source, how].join(', '), 'faint small'),
  ]
  const box = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img" aria-label="${title}">
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`
}
