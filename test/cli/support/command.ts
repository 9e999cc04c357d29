// Runs the command `offheap` as a user does, in a process of its own, with a directory for temporary files
// that each test file has for itself.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

/** The Node that the command runs on: this one, unless OFFHEAP_TEST_NODE names another binary. */
export const node = process.env['OFFHEAP_TEST_NODE'] ?? process.execPath

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export const main = at('../../../dist/cli/main.js')
/** As `--import` loads it, and as `--require` does. */
export const register = at('../../../dist/cli/register.js')
export const required = at('../../../register.cjs')
const terminal = at('terminal.py')

/** Files of tests, and what the command keeps of runs. */
export const work = mkdtempSync(join(tmpdir(), 'offheap-test-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

/** Where the command keeps runs. */
export const runs = join(work, `offheap-${process.getuid?.() ?? ''}`)

export const fixture = (name: string): string => at(`../fixtures/${name}`)

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  env?: Record<string, string | undefined>
  cwd?: string
  /** What standard input has. Default: nothing. */
  input?: string
  /** Called when the process has printed something, with all that it has printed so far. */
  onOutput?: (so: { pid: number; stdout: string; stderr: string }) => void
}

/** Runs a program to its end, however it ends. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const { env = {}, cwd, input = '', onOutput } = options
  // What a terminal or CI says of colours is not what is tested.
  const plain = { NO_COLOR: undefined, FORCE_COLOR: undefined, COLUMNS: undefined }
  const environment = { ...process.env, ...plain, NODE_OPTIONS: undefined, TMPDIR: work, ...env }
  const child = spawn(program, args, { env: environment, cwd, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  const tell = () => onOutput?.({ pid: child.pid!, stdout, stderr })
  child.stdout.setEncoding('utf8').on('data', (text) => ((stdout += text), tell()))
  child.stderr.setEncoding('utf8').on('data', (text) => ((stderr += text), tell()))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const clock = setTimeout(() => child.kill('SIGKILL'), 100_000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(clock)
      resolve({ code, signal, stdout, stderr })
    })
  })
}

/** Runs `offheap` with arguments. */
export const offheap = (args: string[], options: RunOptions = {}): Promise<Outcome> =>
  run(node, [main, ...args], options)

export interface TerminalOptions extends RunOptions {
  /** The input is typed once this has been shown. */
  prompt?: string
  /** Columns and rows. Default: 100 by 30. */
  size?: readonly [number, number]
}

/** Runs a program on a terminal; what it shows there is in stdout. */
export function onTerminal(
  command: string[],
  { prompt = '', size = [100, 30], ...options }: TerminalOptions = {},
): Promise<Outcome> {
  return run('python3', [terminal, ...size.map(String), prompt, ...command], options)
}

/** Runs `offheap` on a terminal. */
export const offheapOnTerminal = (args: string[], options?: TerminalOptions): Promise<Outcome> =>
  onTerminal([node, main, ...args], options)

/** A terminal is made with Python, which CI has. */
export const noTerminal =
  !process.env['CI'] && spawnSync('python3', ['-c', 'import pty, termios']).status !== 0

/** Fails unless the process ended by itself with this code. */
export function expectCode(outcome: Outcome, code: number): void {
  const { stdout, stderr } = outcome
  const ended = { code: outcome.code, signal: outcome.signal }
  expect(ended, `${stdout}\n${stderr}`).toEqual({ code, signal: null })
}

/** The files of a directory, without those that begin with a dot, by their names. */
export function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !name.startsWith('.'))
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  )
}
