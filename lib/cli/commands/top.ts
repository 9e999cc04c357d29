/** `offheap top`: the largest sites of a running process, anew each second. */
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stdin, stdout } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LeakProfile } from '../../leaks/profile.js'
import { CommandError, ExitCode, reasonOf } from '../failures.js'
import { readQuietly } from '../input.js'
import { baseDirectory, isAlive, runOf, WATCHED } from '../runs.js'
import { hasColors, widthOf } from '../terminal.js'
import { tableOf } from '../top-table.js'

interface TopOptions {
  limit?: number
  color: boolean
}

const SECOND = 1000
/** Lines of the screen that are not sites: two of the head, a blank one, that of the columns, the last. */
const OTHER_LINES = 5
const USUAL_LINES = 24

/** Shows one table, or a new one each second until q is pressed or the process has ended. */
export async function top(target: string, options: TopOptions): Promise<void> {
  const source = sourceOf(target)
  const first = source.read()
  if (!stdout.isTTY) {
    stdout.write(tableOf(first, null, { ...looks(options), rows: options.limit ?? 20 }))
    return
  }
  await live(source, first, options)
}

/** What is watched. */
interface Source {
  read(): LeakProfile
  /** Asks the process for a snapshot each second, for three more of them. */
  ask(): void
  /** Says why there is nothing more to come; '' while there is. */
  over(): string
}

function sourceOf(target: string): Source {
  if (!/^\d+$/.test(target) || existsSync(target)) return ofFile(target)
  const pid = Number(target)
  const directory = runOf(pid)
  if (directory === undefined) throw untraced(pid)
  const over = () => (isAlive(pid) ? '' : `process ${pid} has ended`)
  return { ...ofFile(directory), over }
}

function ofFile(file: string): Source {
  const isRun = file !== '-' && existsSync(file) && statSync(file).isDirectory()
  return {
    read: () => readQuietly(file),
    ask: () => isRun && writeFileSync(join(file, WATCHED), ''),
    over: () => '',
  }
}

function untraced(pid: number): CommandError {
  const state = isAlive(pid) ? 'is not traced' : 'does not run, and has left no profile'
  const how = 'start it with `offheap leaks app.js` or `node --import offheap/register app.js`'
  const where = `its profiles would be in ${join(baseDirectory(), String(pid))}`
  return new CommandError(ExitCode.INPUT, `process ${pid} ${state}: ${how}; ${where}`)
}

const looks = ({ color }: TopOptions) => ({
  colors: hasColors(stdout, color),
  width: widthOf(stdout),
})

const CLEAR = '\u001B[H\u001B[J'
/** Another screen, without a cursor; and back. */
const ENTER = '\u001B[?1049h\u001B[?25l'
const LEAVE = '\u001B[?25h\u001B[?1049l'

async function live(source: Source, first: LeakProfile, options: TopOptions): Promise<void> {
  const quit = new AbortController()
  const restore = listenForKeys(() => quit.abort())
  let last: LeakProfile = first
  let before: LeakProfile | null = null
  stdout.write(ENTER)
  try {
    while (!quit.signal.aborted && source.over() === '') {
      source.ask()
      const rows = Math.min(options.limit ?? Infinity, (stdout.rows ?? USUAL_LINES) - OTHER_LINES)
      stdout.write(`${CLEAR}${tableOf(last, before, { ...looks(options), rows })}q quits`)
      // Ended early by a key.
      await sleep(SECOND, undefined, { signal: quit.signal }).catch(() => {})
      const next = readAgain(source)
      if (next === null || next.takenAt === last.takenAt) continue
      before = last
      last = next
    }
  } finally {
    stdout.write(LEAVE)
    restore()
  }
  stdout.write(tableOf(last, before, { ...looks(options), rows: options.limit ?? 20 }))
  if (source.over() !== '') stdout.write(`${source.over()}\n`)
}

/** The file may be away for a moment, as when a run is over; the table stays then. */
function readAgain(source: Source): LeakProfile | null {
  try {
    return source.read()
  } catch (error) {
    if (error instanceof CommandError) return null
    throw new CommandError(ExitCode.INPUT, reasonOf(error), { cause: error })
  }
}

/** In raw mode Ctrl-C and Ctrl-D are keys as well. */
const QUITTING = ['q', 'Q', '\u0003', '\u0004']

/** q and Ctrl-C quit, and so do the signals that end. Returns what puts things back. */
function listenForKeys(quit: () => void): () => void {
  const onKey = (key: Buffer): void => {
    if (QUITTING.some((name) => key.includes(name))) quit()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, quit)
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume()
  return () => {
    for (const name of signals) process.removeListener(name, quit)
    if (stdin.isTTY) stdin.setRawMode(false).removeListener('data', onKey).pause()
  }
}
