// Runs a fixture (a small .mjs script) in a process of its own: what is tested here ends the process
// when it goes wrong, and a signal must be a failed test and not the end of the test run.

import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** The Node that fixtures run on: this one, unless OFFHEAP_TEST_NODE names another binary. */
const node = process.env['OFFHEAP_TEST_NODE'] ?? process.execPath

/** What the fixtures import: the built library, unless OFFHEAP_TEST_LIB names another entry. */
const library =
  process.env['OFFHEAP_TEST_LIB'] ?? new URL('../../../dist/index.js', import.meta.url).href

/** What the Node of the fixtures can do; expectations follow it, not the Node that vitest runs on. */
export interface Runtime {
  major: number
  /** Has ArrayBuffer.prototype.transfer: memory can then be moved away from under a region. */
  transfer: boolean
}

export const runtime: Runtime = probe()

function probe(): Runtime {
  const script =
    'JSON.stringify({ major: parseInt(process.versions.node), transfer: "transfer" in ArrayBuffer.prototype })'
  return JSON.parse(execFileSync(node, ['-p', script], { encoding: 'utf8' })) as Runtime
}

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** Arguments of the script. */
  args?: string[]
  /** Flags of node. --expose-gc is always there. */
  flags?: string[]
  env?: Record<string, string>
  /** After so many milliseconds the process is killed, which is a failure: SIGKILL. */
  timeout?: number
}

/** Runs a fixture to its end, however it ends. `fixture` is relative to the folder of `base`. */
export function run(base: string, fixture: string, options: RunOptions = {}): Promise<Outcome> {
  const { args = [], flags = [], env = {}, timeout = 100_000 } = options
  const command = ['--expose-gc', ...flags, fileURLToPath(new URL(fixture, base)), ...args]
  const environment = { ...process.env, OFFHEAP_TEST_LIB: library, ...env }
  return new Promise((resolve) => {
    const settings = {
      env: environment,
      timeout,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 26,
    } as const
    const child = execFile(node, command, settings, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
    })
  })
}

/** Fails unless the process ended by itself with this exit code: not by a signal, nor in any other way. */
export function expectExit(outcome: Outcome, code = 0): void {
  const { stdout, stderr } = outcome
  const ended = { code: outcome.code, signal: outcome.signal }
  expect(ended, `${stdout}\n${stderr}`).toEqual({ code, signal: null })
}

const reported = new Map<string, Promise<unknown>>()

/**
 * Runs a fixture that must end well, and returns what it reported: the JSON object that it printed as
 * its last line. Tests of one file that look at different parts of a report share the run.
 */
export function facts<T>(base: string, fixture: string, options: RunOptions = {}): Promise<T> {
  const key = JSON.stringify([base, fixture, options])
  const known = reported.get(key) ?? report(base, fixture, options)
  reported.set(key, known)
  return known as Promise<T>
}

async function report(base: string, fixture: string, options: RunOptions): Promise<unknown> {
  const outcome = await run(base, fixture, options)
  expectExit(outcome)
  return JSON.parse(outcome.stdout.trimEnd().split('\n').at(-1) ?? '')
}
