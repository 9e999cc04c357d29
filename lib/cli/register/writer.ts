/** The file of one thread of an app: snapshots into it while it runs, and the last word at its end. */
import fs from 'node:fs'
import path from 'node:path'
import type { LeakProfile } from '../../leaks/profile.js'
import { reasonOf } from '../failures.js'
import { writeProfile } from '../profile-file.js'
import { ensureDirectory, modifiedAt, WATCHED } from '../runs.js'
import type { Settings } from '../settings.js'

const { setTimeout } = globalThis
const monotonic = performance.now.bind(performance)
const { now: today } = Date
const { max, min } = Math
const { dirname, join } = path
const { writeSync } = fs

/** What makes profiles: the tracer of the thread. */
export interface Source {
  profile(): LeakProfile
  /** Notes the live bytes of each site, for growth. */
  snapshot(): void
  stop(): void
}

/** Who the profile is of. */
export interface Subject {
  program: string
  pid: number
}

/** `top` asks for a snapshot each second; it is gone when it has not asked for three. */
const TICK_MS = 1000
const STALE_MS = 3000
const LONGEST_MS = 30_000
/** Snapshots take at most one part in so many of a thread's time. */
const SHARE = 20

/** Writes the profiles of one thread. None of its methods throws: an app must not notice them. */
export class Writer {
  /** What went wrong with the last profile; '' when it was written. */
  private failure = ''
  private written = false
  private told = false
  private nextAt = 0
  private gap: number

  constructor(
    private readonly file: string,
    private readonly source: Source,
    private readonly subject: Subject,
    private readonly settings: Settings,
  ) {
    this.gap = settings.everyMs || TICK_MS
  }

  /** The first file, and then one every so often. The timer keeps nothing alive. */
  start(): void {
    this.save()
    this.nextAt = monotonic() + this.gap
    this.wait()
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

  /** The last word of this thread. Said again, the later one counts. */
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

  private wait(): void {
    setTimeout(() => this.tick(), min(TICK_MS, this.gap)).unref()
  }

  private tick(): void {
    const began = monotonic()
    if (began >= this.nextAt || this.isWatched()) {
      this.snapshot()
      const took = monotonic() - began
      if (this.settings.everyMs === 0) this.gap = min(this.gap * 2, LONGEST_MS)
      this.nextAt = began + max(this.gap, took * SHARE)
    }
    this.wait()
  }

  /** Does `top` look at this run? */
  private isWatched(): boolean {
    const at = modifiedAt(join(dirname(this.file), WATCHED))
    return at !== undefined && today() - at < STALE_MS
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
