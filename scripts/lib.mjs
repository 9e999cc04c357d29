// What the scripts share: where the project is, running commands, hashing files, counting tests.
// Node built-ins only: setup runs before anything is installed.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism, constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
export const inCI = Boolean(process.env.CI) && process.env.CI !== 'false'

/** A path inside the project. @param {string[]} parts */
export const at = (...parts) => join(root, ...parts)

/** @param {string} path */
export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** One line about what is being done, on standard error: standard output is for results. @param {string} text */
export function say(text) {
  console.error(`offheap: ${text}`)
}

/** Says why and ends the process. @param {string} text @returns {never} */
export function fail(text) {
  console.error(`offheap: ${text}`)
  process.exit(1)
}

/** "1.2 s". @param {number} ms */
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

/**
 * What starts npm, as a program and its first arguments: the npm that runs us, else the one on PATH
 * (which Windows starts through cmd.exe only).
 * @returns {string[]}
 */
export function npmCommand() {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.[cm]?js$/.test(cli)) return [process.execPath, cli]
  if (process.platform === 'win32') return ['cmd.exe', '/d', '/s', '/c', 'npm']
  return ['npm']
}

/**
 * @typedef {object} Result
 * @property {number} code 0: it succeeded; 127: there is no such program
 * @property {string} output standard output and standard error, in the order in which they came
 */

/**
 * Runs a command to its end, with no standard input.
 *
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {Record<string, string | undefined>} [env] beside our own
 * @property {'both' | 'stderr' | 'none'} [show] where its output goes while it comes: to the streams
 *   it came from, all of it to our standard error, or nowhere
 * @property {number} [timeout] ms, after which it is killed
 *
 * @param {string[]} command program and arguments; no shell
 * @param {RunOptions} [options]
 * @returns {Promise<Result>}
 */
export function run(command, options = {}) {
  const [program = '', ...args] = command
  const show = options.show ?? 'both'
  const child = spawn(program, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { stdout, stderr } = child
  let output = ''
  const take = (/** @type {string} */ text, /** @type {NodeJS.WriteStream} */ to) => {
    output += text
    if (show !== 'none') (show === 'both' ? to : process.stderr).write(text)
  }
  stdout.setEncoding('utf8').on('data', (text) => take(text, process.stdout))
  stderr.setEncoding('utf8').on('data', (text) => take(text, process.stderr))

  const clock = setTimeout(
    () => {
      take(
        `${program} took longer than ${seconds(options.timeout ?? 0)} and was killed\n`,
        process.stderr,
      )
      child.kill('SIGKILL')
      // What it had started may still hold the pipes.
      stdout.destroy()
      stderr.destroy()
    },
    options.timeout ?? 2 ** 31 - 1,
  )

  return new Promise((resolve) => {
    const done = (/** @type {number} */ code) => {
      clearTimeout(clock)
      resolve({ code, output })
    }
    child.on('error', (error) => {
      take(`${error.message}\n`, process.stderr)
      done(127)
    })
    child.on('close', (code, signal) => {
      if (signal !== null) take(`${program} was ended by ${signal}\n`, process.stderr)
      done(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])
    })
  })
}

/** Runs a step of the set-up, whose failure ends us. @param {string[]} command @param {string} otherwise */
export async function must(command, otherwise) {
  const { code } = await run(command, { show: 'stderr' })
  if (code !== 0) fail(otherwise)
}

/** Does something with each item, as many at a time as there are processors.
 * @template T @param {T[]} items @param {(item: T) => Promise<void>} work */
export async function each(items, work) {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

/** The first line that a command prints; '' when it fails. @param {string[]} command */
export function ask([program = '', ...args]) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', cwd: root })
  return status === 0 ? (stdout.split('\n')[0] ?? '').trim() : ''
}

/** Where a program lies on PATH; '' when it is not there. @param {string} name */
export function which(name) {
  const file = process.platform === 'win32' ? `${name}.exe` : name
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder && existsSync(join(folder, file))) return join(folder, file)
  }
  return ''
}

/** Every file below a folder (relative to the project, with /), sorted. @param {string} folder */
export function filesBelow(folder) {
  if (!existsSync(at(folder))) return []
  return readdirSync(at(folder), { recursive: true })
    .map((name) => `${folder}/${String(name).replaceAll('\\', '/')}`)
    .filter((name) => statSync(at(name)).isFile())
    .sort()
}

/** A hash of files' names and contents, and of some words. @param {string[]} files @param {string[]} words */
export function hashOf(files, words = []) {
  const hash = createHash('sha256')
  for (const word of words) hash.update(`${word}\0`)
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(at(file)))
  return hash.digest('hex')
}

/** A file's text without the white space around it; '' when there is no such file. @param {string} path */
export const readStamp = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : '')

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** "3 passed, 0 failed", and what was skipped if anything was. @param {Counts} counts */
export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** The counts in a program's last such line, or null. @param {string} output @returns {Counts | null} */
export function parseCounts(output) {
  const pattern = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/gm
  const last = [...output.matchAll(pattern)].at(-1)
  if (!last) return null
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) }
}

/**
 * Runs a command that counts its tests itself, in its last line.
 * @param {string[]} command
 * @param {RunOptions} [options]
 * @returns {Promise<Counts>}
 */
export async function runCounted(command, options) {
  const { code, output } = await run(command, { timeout: 600_000, ...options })
  const counts = parseCounts(output) ?? { passed: 0, failed: 0, skipped: 0 }
  // Ended badly without a failed test to show for it, or tested nothing: that is a failure too.
  const odd = counts.failed === 0 && (code !== 0 || counts.passed === 0)
  return odd ? { ...counts, failed: 1 } : counts
}

/**
 * A handful of checks in a script that ends with the line that parseCounts reads.
 * @param {string} title
 */
export function checklist(title) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  return {
    /** A check that holds or does not. @param {string} name @param {boolean} held @param {string} [why] */
    check(name, held, why = '') {
      counts[held ? 'passed' : 'failed'] += 1
      console.log(`${held ? 'ok  ' : 'FAIL'} ${title}: ${name}`)
      if (!held && why) console.log(why.replace(/^/gm, '     ').trimEnd())
      return held
    },
    /** Adds what another program counted. @param {Counts} more */
    add(more) {
      counts.passed += more.passed
      counts.failed += more.failed
      counts.skipped += more.skipped
    },
    /** Prints the counts and sets the exit code. */
    end() {
      console.log(countsLine(counts))
      process.exitCode = counts.failed > 0 || counts.passed + counts.skipped === 0 ? 1 : 0
    },
  }
}
