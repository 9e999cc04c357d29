// Tables in plain text and in Markdown. The first column is words, the others are figures.

/** @typedef {import('./types.d.ts').Table} Table */

/** @param {Table} table */
export function textTable({ head, rows }) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  const padded = (/** @type {string} */ cell, /** @type {number} */ i) =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)
  return all.map((row) => `  ${row.map(padded).join('  ').trimEnd()}`).join('\n')
}

/** @param {string[]} row */
const markdownRow = (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

/** @param {Table} table */
export function markdownTable({ head, rows }) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, rule, ...rows].map(markdownRow).join('\n')
}
