/** A memory report as a terminal shows it. */
import { unexpected } from '../core/errors.js'
import type { MemoryReport } from './memory-report.js'
import { counted, formatBytes, printable } from './render/labels.js'

type Row = readonly [what: string, size: string, more?: string]

const LONGEST = 96

/**
 * A table of who counts what, and the verdict below, the other findings after it. No control characters but
 * line feeds.
 * @throws {OffheapError} INVALID_ARGUMENT for what is no report.
 */
export function renderMemoryReport(report: MemoryReport): string {
  if (typeof report !== 'object' || report === null || !Array.isArray(report.findings)) {
    throw unexpected('INVALID_ARGUMENT', 'a MemoryReport', 'renderMemoryReport', report)
  }
  const { program, pid, takenAt, verdict, findings } = report
  const moment = takenAt.replace('T', ' ').replace(/\.\d+/, '').replace('Z', ' UTC')
  const title = `Memory of ${printable(program === '' ? 'a program' : program)} (pid ${pid}), ${moment}`
  const texts = [verdict.text, ...findings.slice(1).map(({ text }) => text)]
  return `${[title, '', ...table(rowsOf(report)), '', ...texts.flatMap(wrapped)].join('\n')}\n`
}

function rowsOf({ process, malloc, traced }: MemoryReport): Row[] {
  const { rss, heap, heapTotal, external, arrayBuffers } = process
  const rows: Row[] = [
    ['resident', formatBytes(rss)],
    ['JavaScript heap', formatBytes(heapTotal), `${formatBytes(heap)} in use`],
    ['external', formatBytes(external), `${formatBytes(arrayBuffers)} in V8's own buffers`],
  ]
  if (malloc === null) rows.push(['C heap', 'not known', 'this C library cannot tell'])
  else {
    const holes = malloc.freeBlocks === 0 ? '' : `, ${counted(malloc.freeBlocks, 'free block')}`
    const retained = `at most ${formatBytes(malloc.retained)} of it resident${holes}`
    rows.push(['C heap, in use', formatBytes(malloc.inUse)])
    rows.push(['C heap, free', formatBytes(malloc.free), retained])
  }
  if (traced === null) rows.push(['traced', 'nothing'])
  else {
    const most = `${counted(traced.liveBlocks, 'block')}, at most ${formatBytes(traced.peakBytes)}`
    rows.push([
      'traced, live',
      formatBytes(traced.liveBytes),
      traced.isEstimate ? `${most}; estimates` : most,
    ])
  }
  return rows
}

function table(rows: readonly Row[]): string[] {
  const width = (column: 0 | 1): number =>
    rows.reduce((most, row) => Math.max(most, row[column].length), 0)
  const [first, second] = [width(0), width(1)]
  return rows.map(([what, size, more = '']) =>
    `  ${what.padEnd(first)}  ${size.padStart(second)}  ${more}`.trimEnd(),
  )
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && longer.length <= LONGEST) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
