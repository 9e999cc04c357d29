/**
 * Results as text: what was done, a table, what it says in words, and what was checked.
 */
import { COMPARED } from './results.mjs'

const MIB = 1 << 20
const number = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** How a figure is shown, by its key in COMPARED: its label with the unit, and its text. */
const SHOWN = {
  requestsPerSecond: ['requests a second', (side) => number(side.requestsPerSecond)],
  p50: ['p50 latency, ms', (side) => number(side.latencyMs.p50, 2)],
  p99: ['p99 latency, ms', (side) => number(side.latencyMs.p99, 2)],
  cpu: ['processor ms an upload', (side) => number(side.cpuMsPerUpload, 3)],
  gcCount: ['GC count (major)', (side) => `${number(side.gc.count)} (${number(side.gc.major)})`],
  gcTime: ['GC time, ms', (side) => number(side.gc.timeMs, 1)],
  peakRss: ['peak RSS, MiB', (side) => number(side.peakRssBytes / MIB, 1)],
  peakExternal: ['peak external, MiB', (side) => number(side.peakExternalBytes / MIB, 1)],
}

function ratioText({ ratio, quartiles }) {
  if (!Number.isFinite(ratio)) return '-'
  const spread = quartiles?.map((value) => number(value, 2)).join(' - ')
  return `${number(ratio, 2)} x${spread ? `  (${spread})` : ''}`
}

/** Columns as wide as their widest cell; the first to the left, figures to the right. */
function layOut(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 1 || column === 2 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  )
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

function table({ arms, ratios }) {
  const rows = COMPARED.map(({ key }) => {
    const [label, text] = SHOWN[key]
    return [label, text(arms.offheap), text(arms.buffers), ratioText(ratios[key])]
  })
  return layOut([['', 'off-heap', 'Buffers', 'off-heap / Buffers'], ...rows])
}

const megabytes = (bytes) => `${number(bytes / 1e6, 1)} MB`

/** What was done: on what, with what, how often. */
function heading({ config, machine, corpus, rounds, arms: { offheap } }) {
  const malloc = config.defaultMalloc ? 'malloc as it is' : 'malloc set alike for both'
  const sizes = `${megabytes(corpus.bytes)}, the largest ${megabytes(corpus.largest)}`
  const sent = `${number(offheap.uploads)} uploads, ${megabytes(offheap.bytes)}`
  return [
    `Upload service, Node ${machine.node} on ${machine.platform}-${machine.arch}`,
    'Each body is received whole, then hashed (SHA-256) and gzipped ' +
      `(level ${config.gzipLevel}) from where it lies.`,
    `${config.concurrency} connections; ${malloc}; ${corpus.files} files, ${sizes}.`,
    `To each side, in turn: ${rounds} round${rounds === 1 ? '' : 's'}, ${sent}.`,
  ].join('\n')
}

/** What was checked, and the first few of what was wrong. */
function checked({ hashes, errors, failures }) {
  const line =
    `Checked against the files, by SHA-256 and CRC-32: ${number(hashes)} uploads; ` +
    `${errors} errors.`
  return [line, ...failures.slice(0, 10).map((failure) => `  ${failure}`)].join('\n')
}

/** @param {object} outcome what `--json` prints */
export function asText(outcome) {
  const paired = Object.values(outcome.ratios).some(({ quartiles }) => quartiles)
  const note = paired ? 'In brackets: the quartiles of the ratios of single rounds.\n' : ''
  const parts = [
    heading(outcome),
    table(outcome),
    `${note}${outcome.verdict.replaceAll('; ', ';\n')}`,
    checked(outcome.checks),
  ]
  return `\n${parts.join('\n\n')}\n`
}
