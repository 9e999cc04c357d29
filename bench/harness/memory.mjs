// Resident memory of this process, in bytes.
//
// Linux: from /proc, whose peak is that of this program and can be set back. Elsewhere the peak comes
// from getrusage, which may still count what the parent had before it started us.

import { readFileSync, writeFileSync } from 'node:fs'

/** From now on the peak is that of what follows, where the system can do that. */
export function resetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // The peak then is that of the whole process.
  }
}

/** @returns {{ now: number, peak: number }} */
export function rss() {
  const now = process.memoryUsage.rss()
  const peak = peakFromProc() ?? process.resourceUsage().maxRSS * 1024
  return { now, peak: Math.max(peak, now) }
}

function peakFromProc() {
  try {
    const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return kib === undefined ? null : Number(kib) * 1024
  } catch {
    return null
  }
}
