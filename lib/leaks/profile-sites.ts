/** What is done with many sites: finding the same one in another profile, adding up, ordering. */
import { OffheapError, unexpected } from '../core/errors.js'
import { compareSites, type LeakProfile, type Site, siteKey, type Why } from './profile.js'

/** The figures of a site that are counts, so that those of two sites can be added. */
export const SITE_COUNTS = [
  ...(['allocs', 'frees', 'totalBytes', 'liveBlocks', 'liveBytes'] as const),
  ...(['peakBytes', 'temporary', 'lostBytes', 'heldBytes'] as const),
] as const

/** The counts of a profile's totals, but the number of sites. */
export const TOTAL_COUNTS = [
  ...(['allocs', 'frees', 'totalBytes', 'liveBlocks', 'liveBytes'] as const),
  ...(['peakBytes', 'temporary', 'unknownFrees', 'unlisted'] as const),
] as const

/**
 * The sites in the order of {@link compareSites}, as a new array. Faster than sorting by it, as it
 * takes a site's key once only: half a second for 100,000 sites of 16 frames.
 */
export function sortSites(sites: readonly Site[]): Site[] {
  const keys = new Map<Site, string>()
  const keyOf = (site: Site): string => {
    const key = keys.get(site) ?? siteKey(site)
    keys.set(site, key)
    return key
  }
  return [...sites].sort((a, b) => {
    if (a.liveBytes !== b.liveBytes || a.totalBytes !== b.totalBytes) return compareSites(a, b)
    const [first, second] = [keyOf(a), keyOf(b)]
    return first === second ? 0 : first < second ? -1 : 1
  })
}

/** Why live blocks are there: what most of their bytes say. See {@link Why}. */
export function whyOf({ liveBytes, lostBytes, heldBytes }: Site): Why {
  if (lostBytes * 2 > liveBytes) return 'handle lost'
  return heldBytes * 2 > liveBytes ? 'still held' : 'never freed'
}

/** The value of a site's history at a snapshot of its profile; 0 before it was there. */
export function historyAt(site: Site, { snapshots }: LeakProfile, index: number): number {
  return site.history[index - (snapshots.length - site.history.length)] ?? 0
}

/** When a profile's tracing began: milliseconds since 1970. */
export function startOf({ takenAt, durationMs }: LeakProfile): number {
  return Date.parse(takenAt) - durationMs
}

/** @throws {OffheapError} INVALID_ARGUMENT for what is no profile. */
export function checkProfile(value: LeakProfile, where: string): void {
  const isProfile = typeof value === 'object' && value !== null && value.version === 1
  if (!isProfile || !Array.isArray(value.sites))
    throw unexpected('INVALID_ARGUMENT', 'a profile of version 1', where, value)
  if (Number.isNaN(Date.parse(value.takenAt)))
    throw unexpected('INVALID_ARGUMENT', 'a date', `takenAt of ${where}`, value.takenAt)
}

/** @throws {OffheapError} INVALID_ARGUMENT with this message. */
export function refuse(message: string): never {
  throw new OffheapError('INVALID_ARGUMENT', message)
}
