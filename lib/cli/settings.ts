/** How an app is traced: what the command tells the module that runs inside the app, and its defaults. */
import { constants } from 'node:os'
import { isAbsolute } from 'node:path'

/** The environment variable that holds the settings, as JSON. */
export const VARIABLE = 'OFFHEAP_LEAKS'

/** Any of these may be left out of the variable. */
export interface Settings {
  /** Where profiles go, an absolute path. Default: this process's directory, see runs.ts. */
  directory?: string
  /** One sample every so many bytes on average. 0, the default: every block is recorded. */
  sampleBytes: number
  /** Frames of a stack that are kept. */
  frames: number
  /** Milliseconds between snapshots. 0, the default: after 1 s, 2 s, 4 s ... and then every 30 s. */
  everyMs: number
  /** Takes a snapshot when it comes, to the main thread. */
  signal?: NodeJS.Signals
  /** Regions are traced too, and not only what allocators hand out. */
  includeRegions: boolean
}

export const DEFAULTS: Readonly<Settings> = {
  sampleBytes: 0,
  frames: 16,
  everyMs: 0,
  includeRegions: false,
}

/** The most frames that can be asked for. */
export const MOST_FRAMES = 128
/** The longest time between snapshots: what a timer of Node's can wait. */
export const MOST_MS = 2 ** 31 - 1

/** Those that can ask for a snapshot: none that ends a process or means something to Node. */
export const SNAPSHOT_SIGNALS: readonly NodeJS.Signals[] = (
  ['SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGIO', 'SIGURG', 'SIGWINCH'] as const
).filter((name) => name in constants.signals && process.platform !== 'win32')

const isCount = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most

/** What each setting must be. */
const RULES: Readonly<Record<keyof Settings, readonly [(value: unknown) => boolean, string]>> = {
  directory: [(value) => typeof value === 'string' && isAbsolute(value), 'an absolute path'],
  sampleBytes: [(value) => isCount(value, Number.MAX_SAFE_INTEGER), 'a number of bytes'],
  frames: [(value) => isCount(value, MOST_FRAMES), `a number up to ${MOST_FRAMES}`],
  everyMs: [(value) => isCount(value, MOST_MS), 'a number of milliseconds'],
  signal: [
    (value) => SNAPSHOT_SIGNALS.includes(value as NodeJS.Signals),
    `one of ${SNAPSHOT_SIGNALS.join(', ')}`,
  ],
  includeRegions: [(value) => typeof value === 'boolean', 'true or false'],
}

/**
 * Reads the variable. What is wrong in it is left out and told: an app is not stopped by it. Settings
 * that another version of this library knows are left out quietly.
 */
export function readSettings(text: string | undefined, complain: (what: string) => void): Settings {
  if (text === undefined || text === '') return DEFAULTS
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    given = undefined
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    complain(`${VARIABLE} is no JSON object, and is ignored`)
    return DEFAULTS
  }
  const found = Object.entries(given).filter(([name, value]) => {
    const rule = RULES[name as keyof Settings]
    if (rule === undefined) return false
    const [holds, expected] = rule
    if (!holds(value)) complain(`${name} in ${VARIABLE} is not ${expected}, and is ignored`)
    return holds(value)
  })
  return { ...DEFAULTS, ...Object.fromEntries(found) }
}
