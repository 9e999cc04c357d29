/**
 * What a DebugAllocator has to tell: lines to a sink, and errors that the call in which they were found
 * is not to blame for. Those are kept, and thrown by the next call that can do nothing instead.
 */
import type { OffheapError } from '../core/errors.js'

/** More are counted only. */
const MOST_ERRORS = 100

export class Journal {
  /** What was found, the oldest first. */
  readonly errors: OffheapError[] = []
  /** How many that were. */
  found = 0
  /** In an array, as it may be anything. */
  private readonly _held: unknown[] = []
  private _writing = false

  constructor(private readonly _sink: ((line: string) => void) | null) {}

  /** Is a line wanted? What a sink does here itself is not told to it. */
  get listens(): boolean {
    return this._sink !== null && !this._writing
  }

  /** What the sink throws is held. */
  write(line: string): void {
    if (this._sink === null || this._writing) return
    this._writing = true
    try {
      const sink = this._sink
      sink(line)
    } catch (error) {
      this.hold(error)
    } finally {
      this._writing = false
    }
  }

  /** Enters an error, which is returned. */
  enter<T extends OffheapError>(error: T): T {
    this.found += 1
    if (this.errors.length < MOST_ERRORS) this.errors.push(error)
    if (this.listens) {
      const what = error.message.slice(0, error.message.indexOf('\n') >>> 0)
      this.write(`error code=${error.code} ${what}`)
    }
    return error
  }

  /** Keeps what was thrown for {@link throwHeld}. Of several the first is kept. */
  hold(error: unknown): void {
    if (this._held.length === 0) this._held.push(error)
  }

  /** Throws what is held. */
  throwHeld(): void {
    if (this._held.length === 0 || this._writing) return
    throw this._held.pop()
  }
}
