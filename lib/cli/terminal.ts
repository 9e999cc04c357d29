/** What a stream of this process can show: colours, how wide, progress while something takes long. */
import { env, stderr } from 'node:process'

/** Standard output or standard error. */
export type Stream = NodeJS.WriteStream & { readonly fd: number }

/** Columns of what is no terminal. */
const USUAL_WIDTH = 100
const NARROWEST = 40

/**
 * Are colours wanted on a stream? `--no-color` says no; then FORCE_COLOR yes (and 0 or false no), NO_COLOR
 * no, a terminal yes unless it is a dumb one.
 */
export function hasColors(stream: Stream, option: boolean): boolean {
  if (!option) return false
  const { FORCE_COLOR: forced, NO_COLOR: refused, TERM: kind } = env
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return !refused && stream.isTTY && kind !== 'dumb'
}

/** Columns: the terminal's, else those that COLUMNS says, else 100. */
export function widthOf(stream: Stream): number {
  const said = Number(env['COLUMNS'])
  const columns = stream.columns ?? (Number.isInteger(said) && said > 0 ? said : USUAL_WIDTH)
  return Math.max(columns, NARROWEST)
}

/** Says what is being done on a line of standard error, where that is a terminal. */
export function progress(what: string): void {
  if (stderr.isTTY) stderr.write(`\r\u001B[K${what} ...`)
}

/** Takes the line away. */
export function progressOver(): void {
  if (stderr.isTTY) stderr.write('\r\u001B[K')
}

/** A line on standard error that is no result. */
export function note(text: string): void {
  progressOver()
  stderr.write(`offheap: ${text}\n`)
}
