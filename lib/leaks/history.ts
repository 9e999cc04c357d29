/** History: the live bytes of each site at some moments, so that what grows can be told from what is full. */
import type { Snapshot } from './profile.js'

/** Snapshots that are kept; of more, every second one of the older half goes. */
const MOST = 128

interface Moment {
  snapshot: Snapshot
  /** By site, in the ledger's order: a site that came later is not in it. */
  live: Float64Array
}

export class History {
  private _moments: Moment[] = []

  note(at: number, liveBlocks: number, live: Float64Array): void {
    let liveBytes = 0
    for (const bytes of live) liveBytes += bytes
    this._moments.push({ snapshot: { at, liveBytes, liveBlocks }, live })
    if (this._moments.length <= MOST) return
    this._moments = this._moments.filter((_, i) => i % 2 === 0 || i >= MOST / 2)
  }

  /** Forgets the newest. */
  pop(): void {
    this._moments.pop()
  }

  get snapshots(): Snapshot[] {
    return this._moments.map(({ snapshot }) => snapshot)
  }

  /** Of one site: without the moments before it came. */
  of(site: number): number[] {
    const history: number[] = []
    for (const { live } of this._moments) if (site < live.length) history.push(live[site]!)
    return history
  }
}
