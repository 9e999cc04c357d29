/**
 * Where profiles of running processes are: a directory a run, `offheap-<user>/<pid>` in the system's
 * directory for temporary files, which nobody else may enter. In it each process writes a file of its own,
 * `<pid>.json`.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { CommandError, ExitCode } from './failures.js'

const { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } = fs
const { join } = path
const getuid = process.getuid?.bind(process)

/** What the command writes when a run is over: all its files in one. */
export const MERGED = 'profile.json'
/** `top` touches this file in a run's directory while it looks, and snapshots come each second. */
export const WATCHED = '.watched'

const DAY_MS = 86_400_000
const KEPT_DAYS = 7
const PART = /^(\d+)\.json$/
const ARMED = /^\d+\.armed$/

/** `offheap-<user>` in the directory for temporary files. */
export function baseDirectory(): string {
  const user = getuid === undefined ? os.userInfo().username : String(getuid())
  return join(os.tmpdir(), `offheap-${user}`)
}

/** Of a process that runs without the command, or of the command itself. */
export const directoryOf = (pid: number): string => join(baseDirectory(), String(pid))

/** The file that a process writes. */
export const partName = (pid: number): string => `${pid}.json`

/** The file that says which signals a process itself would be ended by, a line each. */
export const armedName = (pid: number): string => `${pid}.armed`

/**
 * Makes a run's directory, where it is not there. Throws when somebody else has put something in its
 * place: profiles name paths and functions, and the directory for temporary files is everybody's.
 */
export function ensureDirectory(directory: string): void {
  const base = path.dirname(directory)
  mkdirSync(base, { recursive: true, mode: 0o700 })
  if (base === baseDirectory()) refuseForeign(base)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
}

function refuseForeign(base: string): void {
  const found = lstatSync(base)
  if (getuid === undefined) return
  if (!found.isDirectory() || found.uid !== getuid()) {
    const why = 'belongs to somebody else, or is no directory: set TMPDIR to another place'
    throw new CommandError(ExitCode.OUTPUT, `${base} ${why}`)
  }
  if ((found.mode & 0o077) !== 0) chmodSync(base, 0o700)
}

/**
 * An empty directory for a run. What an earlier process with the same id left there, which in a container
 * is the one before the restart, moves to `<pid>.before`.
 */
export function freshDirectory(directory: string): void {
  if (existsSync(directory)) {
    rmSync(`${directory}.before`, { recursive: true, force: true })
    renameSync(directory, `${directory}.before`)
  }
  ensureDirectory(directory)
}

/** Deletes what runs left more than a week ago. */
export function forgetOldRuns(): void {
  const base = baseDirectory()
  for (const name of namesIn(base)) {
    const directory = join(base, name)
    const pid = Number.parseInt(name, 10)
    const age = (Date.now() - (modifiedAt(directory) ?? Date.now())) / DAY_MS
    if (age > KEPT_DAYS && !isAlive(pid)) rmSync(directory, { recursive: true, force: true })
  }
}

/** The files of a run that hold profiles. */
export function partsIn(directory: string): string[] {
  const found = namesIn(directory).flatMap((name) => {
    const [, pid] = PART.exec(name) ?? []
    return pid === undefined ? [] : [{ name, pid: Number(pid) }]
  })
  found.sort((a, b) => a.pid - b.pid)
  return found.map(({ name }) => join(directory, name))
}

/** Deletes profiles of processes that are in the one profile now, and what else was for the time of the run. */
export function dropParts(directory: string, parts: readonly string[]): void {
  const others = namesIn(directory).filter((name) => ARMED.test(name) || name === WATCHED)
  const files = [...parts, ...others.map((name) => join(directory, name))]
  for (const file of files) rmSync(file, { force: true })
}

/** The directory of the run that a process belongs to, or undefined. */
export function runOf(pid: number): string | undefined {
  const own = directoryOf(pid)
  if (existsSync(own)) return own
  const base = baseDirectory()
  return namesIn(base)
    .map((name) => join(base, name))
    .find((directory) => existsSync(join(directory, partName(pid))))
}

/** When a file was last written, in milliseconds; undefined: it is not there. */
export function modifiedAt(file: string): number | undefined {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

/** Is there a process with this id? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The names in a directory; none where there is no directory. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}
