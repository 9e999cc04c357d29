/**
 * Sampler: which allocations are looked at, when not all are. As native/core/sampling.h says it: each byte
 * has the same small chance, so the distance from one sample to the next is exponential.
 */

/** Words of {@link Sampler.words}. */
export const enum SamplerWord {
  /** Bytes that are none before the next one that is; below 0: each allocation is looked at. */
  LEFT = 0,
}

/** Nothing is a sample for so many bytes; then somebody looks again. */
const NEVER = 2 ** 31 - 1

/** What is written down: each allocation, a sample of them, or none. */
export type TraceMode = 'exact' | 'sampled' | 'off'

/** Hot, so that a test for a sample is a subtraction in place and a comparison. */
export class Sampler {
  readonly words = new Int32Array(1)
  private _mode: TraceMode = 'off'
  private _mean = 0
  /** Bytes beyond NEVER that are left. */
  private _rest = 0

  constructor() {
    this.set('off', 0)
  }

  get mode(): TraceMode {
    return this._mode
  }

  set(mode: TraceMode, mean: number): void {
    this._mode = mode
    this._mean = mean
    this._arm()
  }

  /** Is this allocation to be looked at? If it is, `weightOf` says for how many it stands. */
  takes(size: number): boolean {
    const left = this.words[SamplerWord.LEFT]! - size
    if (left < 0) return this._takesSlowly(left)
    this.words[SamplerWord.LEFT] = left
    return false
  }

  weightOf(size: number): number {
    if (this._mode !== 'sampled' || size === 0) return 1
    return -1 / Math.expm1(-size / this._mean)
  }

  private _takesSlowly(left: number): boolean {
    if (this._mode === 'exact') return true
    if (this._mode === 'sampled' && left + this._rest >= 0) {
      this._spread(left + this._rest)
      return false
    }
    this._arm()
    return this._mode === 'sampled'
  }

  private _arm(): void {
    if (this._mode === 'exact') {
      this.words[SamplerWord.LEFT] = -1
    } else if (this._mode === 'off') {
      this.words[SamplerWord.LEFT] = NEVER
    } else {
      // 1 - random is above 0.
      this._spread(Math.floor(-Math.log(1 - Math.random()) * this._mean))
    }
  }

  private _spread(bytes: number): void {
    this.words[SamplerWord.LEFT] = Math.min(bytes, NEVER)
    this._rest = Math.max(0, bytes - NEVER)
  }
}
