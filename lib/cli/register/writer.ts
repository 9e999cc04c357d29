/** The file of an app: snapshots into it while it runs, and the last word at its end. */
import fs from 'node:fs'
import path from 'node:path'
import type { LeakProfile } from '../../leaks/profile.js'
import { reasonOf } from '../failures.js'
import { writeProfile } from '../profile-file.js'
import { ensureDirectory } from '../runs.js'

const { dirname } = path
const { writeSync } = fs

/** What makes profiles: the tracer of the thread that writes. */
export interface Source {
  profile(): LeakProfile
  /** Notes the live bytes of each site, for growth. */
  snapshot(): void
}

/** Who the profile is of. */
export interface Subject {
  program: string
  pid: number
}

/** Writes the profiles of a process. None of its methods throws: an app must not notice them. */
export class Writer {
  /** What went wrong with the last profile; '' when it was written. */
  private failure = ''
  private written = false
  private told = false

  constructor(
    private readonly file: string,
    private readonly source: Source,
    private readonly subject: Subject,
  ) {
    this.save()
  }

  /** A snapshot, counted in the growth of sites, and then the file. */
  snapshot(): void {
    try {
      this.source.snapshot()
    } catch (error) {
      this.failure = reasonOf(error)
    }
    this.save()
  }

  /** The last word. Said again, the later one counts. */
  end(): void {
    this.save()
    if (this.failure === '' || this.told) return
    this.told = true
    const before = this.written ? '; an earlier one is there' : ''
    complain(`the leak profile could not be written to ${this.file}: ${this.failure}${before}`)
  }

  private save(): void {
    try {
      const profile = { ...this.source.profile(), ...this.subject }
      try {
        writeProfile(this.file, profile)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        // The app, or somebody who cleans up, has deleted the directory.
        ensureDirectory(dirname(this.file))
        writeProfile(this.file, profile)
      }
      this.failure = ''
      this.written = true
    } catch (error) {
      this.failure = reasonOf(error)
    }
  }
}

/** A line on standard error, of an app that may have closed it. */
export function complain(what: string): void {
  try {
    writeSync(2, `offheap: ${what}\n`)
  } catch {
    // Nobody reads it; the app goes on.
  }
}
