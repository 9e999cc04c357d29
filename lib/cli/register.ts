/**
 * Traces the program that loads it before its own first line:
 *
 *     node --import offheap/register app.js
 *     offheap leaks app.js
 *
 * The main thread writes profiles of all threads into the run's directory (see runs.ts): while it runs and
 * when it ends. The environment variable OFFHEAP_LEAKS has the settings (see settings.ts). The program must not
 * notice: nothing here keeps it alive, throws into it, prints (unless a profile could not be written) or
 * calls what it may have replaced.
 *
 * No top-level await: `--require` loads this too, which reaches workers that `--import` does not.
 */
import fs from 'node:fs'
import path from 'node:path'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import * as offheap from '../index.js'
import { traceEverything } from '../leaks/index.js'
import { reasonOf } from './failures.js'
import { onEnd } from './register/ends.js'
import { onEndingSignal } from './register/signals.js'
import { Ticker } from './register/ticker.js'
import { complain, type Subject, Writer } from './register/writer.js'
import {
  armedName,
  directoryOf,
  ensureDirectory,
  freshDirectory,
  partName,
  WATCHED,
} from './runs.js'
import { readSettings, type Settings, VARIABLE } from './settings.js'

/** Says in each thread that it is traced, and by which copy of this module. */
const TRACED = Symbol.for('offheap.register')
const thread = globalThis as { [TRACED]?: string }
/** What workers are told under this name is the program that they run in. */
const PROGRAM = 'offheap.program'
const { join, relative } = path
const { writeFileSync } = fs

if (thread[TRACED] === undefined) {
  Object.defineProperty(thread, TRACED, { value: import.meta.url })
  begin()
} else if (thread[TRACED] !== import.meta.url) {
  complain(`already traced by ${thread[TRACED]}; ${import.meta.url} does not trace it again`)
}

/** Starts tracing in this thread. What goes wrong is told, and the program runs untraced. */
function begin(): void {
  try {
    const { directory, settings } = settingsOfThread()
    const { sampleBytes, frames, includeRegions: regions } = settings
    const mode =
      sampleBytes === 0 ? { mode: 'exact' as const } : { mode: 'sampled' as const, sampleBytes }
    const tracer = traceEverything(offheap, { ...mode, frames, regions, allThreads: true })
    const watched = join(directory, WATCHED)
    if (!isMainThread && isMainTraced()) {
      const resolve = (): void => tracer.resolveLines()
      new Ticker(resolve, watched, settings).start()
      process.on('exit', resolve)
      return
    }
    const writer = new Writer(join(directory, partName(process.pid)), tracer, subject())
    new Ticker(() => writer.snapshot(), watched, settings).start()
    onEnd(() => writer.end())
    if (isMainThread) listen(writer, directory, settings)
  } catch (error) {
    complain(`this program is not traced: ${reasonOf(error)}`)
  }
}

/** Has the main thread said how it is traced? Then it writes the profiles. */
function isMainTraced(): boolean {
  return typeof getEnvironmentData(VARIABLE) === 'string'
}

/** Those of a worker are the main thread's: a worker may be given another environment. */
function settingsOfThread(): { directory: string; settings: Settings } {
  if (!isMainThread) {
    const text = getEnvironmentData(VARIABLE)
    const settings = readSettings(typeof text === 'string' ? text : undefined, complain)
    return { directory: settings.directory ?? directoryOf(process.pid), settings }
  }
  const settings = readSettings(process.env[VARIABLE], complain)
  const directory = settings.directory ?? directoryOf(process.pid)
  if (settings.directory === undefined) freshDirectory(directory)
  else ensureDirectory(directory)
  setEnvironmentData(VARIABLE, JSON.stringify({ ...settings, directory }))
  return { directory, settings }
}

/** Whose profile it is. A worker does not know its own file yet, and its program is the main thread's. */
function subject(): Subject {
  if (isMainThread) {
    const [, script, ...args] = process.argv
    const words = script === undefined ? [] : [relative(process.cwd(), script), ...args]
    setEnvironmentData(PROGRAM, ['node', ...words].join(' '))
  }
  return { program: String(getEnvironmentData(PROGRAM) ?? 'node'), pid: process.pid }
}

/** Signals come to the main thread alone. */
function listen(writer: Writer, directory: string, settings: Settings): void {
  const file = join(directory, armedName(process.pid))
  onEndingSignal(
    () => writer.end(),
    (armed) => tellArmed(file, armed),
  )
  if (settings.signal !== undefined) process.on(settings.signal, () => writer.snapshot())
}

/** For the command, which ends a program that is too busy to notice the signal. */
function tellArmed(file: string, armed: ReadonlySet<NodeJS.Signals>): void {
  try {
    writeFileSync(file, [...armed].join('\n'), { mode: 0o600 })
  } catch {
    // Without it the command waits for the program, however long that takes.
  }
}
