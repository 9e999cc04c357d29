/** Running an app with the module that traces it inside, as it would run without. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { env, execArgv, execPath, stderr, stdin, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { CommandError, ExitCode } from './failures.js'
import { armedName } from './runs.js'
import { type Settings, VARIABLE } from './settings.js'
import { note } from './terminal.js'

const OURS = fileURLToPath(new URL('../../register.cjs', import.meta.url))

/** How an app ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Finds the app as Node does. Throws a CommandError when there is none. */
export function findApp(app: string): string {
  try {
    return createRequire(join(process.cwd(), 'index.js')).resolve(resolve(app))
  } catch (error) {
    throw new CommandError(ExitCode.INPUT, `${app}: there is no such app`, { cause: error })
  }
}

/**
 * The tracing module of the copy of this library that the app uses, which need not be the one that this
 * command is of; ours where it uses none that can be found from its place.
 */
export function findRegister(app: string): string {
  const near = createRequire(app)
  try {
    return near.resolve('offheap/register')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      note('the app has an offheap that is older than `leaks` is: what it allocates is not seen')
    }
    return OURS
  }
}

/** Starts the app, with what it would have been given without us. */
export function start(
  app: string,
  args: readonly string[],
  nodeOptions: readonly string[],
  settings: Settings,
): ChildProcess {
  const register = findRegister(app)
  const options = [...execArgv, ...nodeOptions]
  return spawn(execPath, [...options, '--require', register, app, ...args], {
    stdio: 'inherit',
    env: {
      ...env,
      [VARIABLE]: JSON.stringify(settings),
      // Of children that are given no flags. What is loaded twice does nothing the second time.
      NODE_OPTIONS: [`--require=${quoted(register)}`, env['NODE_OPTIONS'] ?? ''].join(' ').trim(),
    },
  })
}

/** As NODE_OPTIONS wants a value that may have spaces. */
function quoted(path: string): string {
  return /[\s"\\]/.test(path) ? `"${path.replace(/["\\]/g, '\\$&')}"` : path
}

/** Those that a terminal sends to all that runs in it, and so to the app as well. */
const OF_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP']
const FORWARDED: readonly NodeJS.Signals[] = [...OF_TERMINAL, 'SIGTERM', 'SIGUSR1', 'SIGUSR2']
/** How long an app that would have been ended by a signal has to notice it. */
const PATIENCE_MS = 2000

/** Waits for the end of the app; signals that come meanwhile are the app's. */
export async function waitFor(
  child: ChildProcess,
  { directory = '', signal }: Settings,
): Promise<Ended> {
  const inTerminal = stdin.isTTY || stdout.isTTY || stderr.isTTY
  const signals = FORWARDED.filter((name) => name in constants.signals)
  if (signal !== undefined && !signals.includes(signal)) signals.push(signal)
  let overdue: NodeJS.Signals | null = null
  const pass = (name: NodeJS.Signals): void => {
    if (!inTerminal || !OF_TERMINAL.includes(name)) child.kill(name)
    setTimeout(() => {
      if (!isArmed(directory, child.pid, name)) return
      overdue = name
      child.kill('SIGKILL')
    }, PATIENCE_MS).unref()
  }
  for (const name of signals) process.on(name, pass)
  try {
    return await new Promise<Ended>((resolved, rejected) => {
      child.once('error', rejected)
      child.once('exit', (code, by) => resolved({ code, signal: overdue ?? by }))
    })
  } finally {
    for (const name of signals) process.removeListener(name, pass)
  }
}

/** Would the signal have ended the app at once, were it not traced? */
function isArmed(directory: string, pid: number | undefined, signal: NodeJS.Signals): boolean {
  const file = join(directory, armedName(pid ?? 0))
  return existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(signal)
}

/** What the shell would have said: the app's code, or 128 and the number of the signal. */
export function exitCodeOf({ code, signal }: Ended): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

const TYPESCRIPT = /\.[cm]?ts$/

/** Says why, where an app in TypeScript has failed on a Node that does not run it. */
export function explainTypeScript(app: string, nodeOptions: readonly string[]): void {
  const { typescript } = process.features as { typescript?: unknown }
  const loaders = [...execArgv, ...nodeOptions, env['NODE_OPTIONS'] ?? ''].join(' ')
  if (!TYPESCRIPT.test(app) || typescript || /--(import|require|loader)|-r /.test(loaders)) return
  note(
    `Node ${process.versions.node} does not run TypeScript: take Node 22.18 or later, ` +
      'or a loader, such as --node=--import=tsx',
  )
}
