/** `offheap diff`: what has changed from one profile to a later one. */
import { stdout } from 'node:process'
import type { LeakProfile } from '../../leaks/profile.js'
import { diffProfiles } from '../../leaks/profile-diff.js'
import { CommandError, ExitCode, reasonOf } from '../failures.js'
import { readProfile } from '../input.js'
import { checkOutput, type ReportOptions, writeReport } from '../output.js'

export async function diff(before: string, after: string, options: ReportOptions): Promise<void> {
  checkOutput(options, stdout)
  if (before === '-' && after === '-') {
    throw new CommandError(ExitCode.USAGE, 'standard input can be one of the two, not both')
  }
  await writeReport(difference(before, after), options, stdout)
}

function difference(before: string, after: string): LeakProfile {
  const earlier = readProfile(before)
  const later = readProfile(after)
  try {
    return diffProfiles(later, earlier)
  } catch (error) {
    throw new CommandError(ExitCode.INPUT, reasonOf(error), { cause: error })
  }
}
