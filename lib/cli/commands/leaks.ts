/** `offheap leaks`: runs an app traced, and reports what it has not freed. */
import { join } from 'node:path'
import { stderr, stdout } from 'node:process'
import { type Ended, exitCodeOf, explainTypeScript, findApp, start, waitFor } from '../app.js'
import type { LeakProfile } from '../../leaks/profile.js'
import { mergeProfiles } from '../../leaks/profile-merge.js'
import { CommandError, ExitCode, reasonOf } from '../failures.js'
import { type Part, readParts } from '../input.js'
import { checkOutput, formatOf, type ReportOptions, writeReport } from '../output.js'
import { writeProfile } from '../profile-file.js'
import { directoryOf, forgetOldRuns, dropParts, freshDirectory, MERGED } from '../runs.js'
import { DEFAULTS, type Settings } from '../settings.js'
import { note, progress, progressOver, type Stream } from '../terminal.js'

export interface LeaksOptions extends ReportOptions {
  sample?: number
  frames?: number
  every?: number
  signal?: NodeJS.Signals
  includeRegions?: boolean
  failOnLeak?: boolean
  node: string[]
}

/** Runs an app to its end. The exit code of the command. */
export async function leaks(app: string, args: string[], options: LeaksOptions): Promise<number> {
  // Standard output is the app's: what people read goes elsewhere, what programs read belongs there.
  const stream: Stream = formatOf(options) === 'text' ? stderr : stdout
  checkOutput(options, stream)
  const file = findApp(app)
  const settings = settingsOf(options)
  const { directory } = settings
  forgetOldRuns()
  freshDirectory(directory)

  const ended = await waitFor(start(file, args, options.node, settings), settings)
  const code = exitCodeOf(ended)
  if (code !== 0) explainTypeScript(file, options.node)
  try {
    const found = await tell(directory, ended, options, stream)
    // What the app has ended with says more.
    return code === 0 ? found : code
  } catch (error) {
    if (code === 0) throw error
    note(reasonOf(error))
    return code
  }
}

/** Reports, and keeps the profile. The exit code, were it not for the app's. */
async function tell(
  directory: string,
  ended: Ended,
  options: LeaksOptions,
  stream: Stream,
): Promise<ExitCode> {
  progress('reading the profiles of the run')
  const parts = readParts(directory)
  progressOver()
  if (parts.length === 0) {
    note('the app has left no profile')
    return options.failOnLeak === true ? ExitCode.INPUT : ExitCode.OK
  }
  const profile = mergeProfiles(parts.map((part) => part.profile))
  explain(profile, ended)
  await writeReport(profile, options, stream)
  keep(directory, profile, parts)
  const isLeak = options.failOnLeak === true && hasLeak(profile, options)
  return isLeak ? ExitCode.FOUND : ExitCode.OK
}

function settingsOf(options: LeaksOptions): Settings & { directory: string } {
  const { sample, frames, every, signal, includeRegions } = options
  return {
    directory: directoryOf(process.pid),
    sampleBytes: sample ?? DEFAULTS.sampleBytes,
    frames: frames ?? DEFAULTS.frames,
    everyMs: every ?? DEFAULTS.everyMs,
    ...(signal === undefined ? {} : { signal }),
    includeRegions: includeRegions ?? DEFAULTS.includeRegions,
  }
}

function explain({ totals, mode }: LeakProfile, { signal }: Ended): void {
  if (signal === 'SIGKILL') note('killed by SIGKILL: this is the last snapshot before')
  if (totals.allocs > 0) return
  if (mode === 'sampled')
    note('no block was sampled: the app allocates less, or does not use offheap')
  else
    note('no block was allocated through offheap: the app does not use it, or another copy of it')
}

/** Writes the one profile, which then takes the place of the others. */
function keep(directory: string, profile: LeakProfile, parts: readonly Part[]): void {
  const file = join(directory, MERGED)
  try {
    writeProfile(file, profile)
  } catch (error) {
    const why = `${file}: ${reasonOf(error)}; the profiles of each process are there still`
    throw new CommandError(ExitCode.OUTPUT, why, { cause: error })
  }
  const files = parts.map((part) => part.file)
  dropParts(directory, files)
  note(`the profile is ${file}: see offheap report --help`)
}

/** Is a site left with as many live bytes as `--min-bytes` says? */
function hasLeak(profile: LeakProfile, { minBytes = 1 }: LeaksOptions): boolean {
  return profile.sites.some(({ liveBytes }) => liveBytes >= minBytes)
}
