/** `offheap report`: a stored profile in another form. */
import { stdout } from 'node:process'
import { readProfile } from '../input.js'
import { checkOutput, type ReportOptions, writeReport } from '../output.js'

export async function report(file: string, options: ReportOptions): Promise<void> {
  checkOutput(options, stdout)
  await writeReport(readProfile(file), options, stdout)
}
