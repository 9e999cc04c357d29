/** Reading profiles: a file, the files of a run, or standard input. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LeakProfile } from '../leaks/profile.js'
import { CommandError, ExitCode, reasonOf } from './failures.js'
import { MERGED, partsIn } from './runs.js'
import { mergeProfiles } from '../leaks/profile-merge.js'
import { parseProfile } from '../leaks/profile-json.js'
import { note, progress, progressOver } from './terminal.js'

/** What a profile is read from in the words of the commands' help. */
export const INPUT = `a profile (JSON), the directory of a run, or - for standard input`

/** Reads a profile. Throws a CommandError that names the file and what is wrong with it. */
export function readProfile(file: string): LeakProfile {
  progress(`reading ${file}`)
  try {
    return readQuietly(file)
  } finally {
    progressOver()
  }
}

/** The same, without a word of what is being done. */
export function readQuietly(file: string): LeakProfile {
  if (file === '-') return parse(textOf(0, 'standard input'), 'standard input')
  if (!existsSync(file)) throw unreadable(file, 'there is no such file')
  return statSync(file).isDirectory() ? readRun(file) : parse(textOf(file, file), file)
}

/** All profiles of a run as one. Of several files a damaged one is told and left out. */
function readRun(directory: string): LeakProfile {
  const merged = join(directory, MERGED)
  if (existsSync(merged)) return parse(textOf(merged, merged), merged)
  const profiles = readParts(directory)
  if (profiles.length === 0) throw unreadable(directory, 'no profile is in this directory')
  return mergeProfiles(profiles.map(({ profile }) => profile))
}

/** A profile of one thread. */
export interface Part {
  file: string
  profile: LeakProfile
}

/**
 * The profiles that the processes of a run have written. A damaged one is told
 * and left out.
 */
export function readParts(directory: string): Part[] {
  return partsIn(directory).flatMap((file) => {
    try {
      return [{ file, profile: parse(textOf(file, file), file) }]
    } catch (error) {
      note(`left out ${reasonOf(error)}`)
      return []
    }
  })
}

function parse(text: string, name: string): LeakProfile {
  try {
    return parseProfile(text)
  } catch (error) {
    throw unreadable(name, reasonOf(error), error)
  }
}

function textOf(file: string | number, name: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const isLong = (error as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG'
    throw unreadable(name, isLong ? 'it is larger than a string can be' : reasonOf(error), error)
  }
}

function unreadable(name: string, why: string, cause?: unknown): CommandError {
  return new CommandError(ExitCode.INPUT, `${name}: ${why}`, { cause })
}
