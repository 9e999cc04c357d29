/**
 * What a server process measures about itself: garbage collections, processor time, peaks of
 * memory.
 */
import { PerformanceObserver, constants } from 'node:perf_hooks'
import { setImmediate as immediate } from 'node:timers/promises'

/** A peak between two samples is missed, so one is taken as well when a large body is complete. */
const SAMPLE_MS = 20
const LARGE_BODY_BYTES = 1 << 20

export class Gauges {
  #gc
  #peak
  #cpu
  #faults

  constructor() {
    this.begin()
    // The entries are pauses of the main thread: `duration` is time that no request was served.
    new PerformanceObserver((list) => {
      for (const { detail, duration } of list.getEntries()) this.#countGc(detail.kind, duration)
    }).observe({ type: 'gc' })
    setInterval(() => this.sample(), SAMPLE_MS).unref()
  }

  /** Starts to count anew: what came before was warm-up. */
  begin() {
    this.#gc = { count: 0, major: 0, timeMs: 0 }
    this.#peak = { external: 0, arrayBuffers: 0 }
    this.#cpu = process.cpuUsage()
    this.#faults = process.resourceUsage().minorPageFault
    this.sample()
  }

  /** @param {number} length of the body that has just been received */
  bodyReceived(length) {
    if (length >= LARGE_BODY_BYTES) this.sample()
  }

  sample() {
    const { external, arrayBuffers } = process.memoryUsage()
    this.#peak.external = Math.max(this.#peak.external, external)
    this.#peak.arrayBuffers = Math.max(this.#peak.arrayBuffers, arrayBuffers)
  }

  /**
   * Since `begin()`, but for the peak RSS, which the system keeps since the process started.
   * @returns {Promise<object>} sizes in bytes, times in milliseconds
   */
  async report() {
    this.sample()
    const { user, system } = process.cpuUsage(this.#cpu)
    // The observer is told of a collection in a later turn of the event loop.
    await immediate()
    await immediate()
    const { maxRSS, minorPageFault } = process.resourceUsage()
    return {
      gc: { ...this.#gc },
      cpuMs: (user + system) / 1000,
      minorPageFaults: minorPageFault - this.#faults,
      peakRssBytes: maxRSS * 1024,
      peakExternalBytes: this.#peak.external,
      peakArrayBuffersBytes: this.#peak.arrayBuffers,
    }
  }

  #countGc(kind, duration) {
    this.#gc.count++
    if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.#gc.major++
    this.#gc.timeMs += duration
  }
}
