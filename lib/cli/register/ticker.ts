/** Something that a thread does every so often while the app runs. */
import { modifiedAt } from '../runs.js'
import type { Settings } from '../settings.js'

const { setTimeout } = globalThis
const monotonic = performance.now.bind(performance)
const { now: today } = Date
const { max, min } = Math

/** `top` asks for a snapshot each second; it is gone when it has not asked for three. */
const TICK_MS = 1000
const STALE_MS = 3000
const LONGEST_MS = 30_000
/** What is done takes at most one part in so many of a thread's time. */
const SHARE = 20

/** Its timer keeps nothing alive. */
export class Ticker {
  private nextAt = 0
  private gap: number

  /** @param watched The file that `top` touches while it looks. `act` must not throw. */
  constructor(
    private readonly act: () => void,
    private readonly watched: string,
    private readonly settings: Settings,
  ) {
    this.gap = settings.everyMs || TICK_MS
  }

  start(): void {
    this.nextAt = monotonic() + this.gap
    this.wait()
  }

  private wait(): void {
    setTimeout(() => this.tick(), min(TICK_MS, this.gap)).unref()
  }

  private tick(): void {
    const began = monotonic()
    if (began >= this.nextAt || this.isWatched()) {
      this.act()
      const took = monotonic() - began
      if (this.settings.everyMs === 0) this.gap = min(this.gap * 2, LONGEST_MS)
      this.nextAt = began + max(this.gap, took * SHARE)
    }
    this.wait()
  }

  /** Does `top` look at this run? */
  private isWatched(): boolean {
    const at = modifiedAt(this.watched)
    return at !== undefined && today() - at < STALE_MS
  }
}
