/** What a profile says in all, in words: for text and Markdown. */
import { growthFigures } from '../growth.js'
import type { LeakProfile, Site } from '../profile.js'
import { counted, formatBytes, formatCount, formatDuration, printable, signed } from './labels.js'
import type { Rest } from './select.js'

/** How figures read: of a difference with their signs. */
export interface Numbers {
  bytes(value: number): string
  count(value: number): string
  counted(value: number, what: string): string
}

/** Figures as a profile's are to be read. */
export function numbersOf({ since }: LeakProfile): Numbers {
  if (since === undefined) return { bytes: formatBytes, count: formatCount, counted }
  return {
    bytes: (value) => signed(formatBytes(value)),
    count: (value) => signed(formatCount(value)),
    counted: (value, what) => signed(counted(value, what)),
  }
}

/** Sentences, one a line: what ran, what is live, how sure that is. No control characters. */
export function summaryOf(profile: LeakProfile): string[] {
  const { totals, since, snapshots } = profile
  const { bytes, counted: many } = numbersOf(profile)
  const live = `${bytes(totals.liveBytes)} live in ${many(totals.liveBlocks, 'block')}`
  const went = `${many(totals.allocs, 'allocation')}, ${many(totals.frees, 'free')}`
  const most = since === undefined ? `, at most ${bytes(totals.peakBytes)} at once` : ''
  return [
    printable(whatRan(profile)),
    `${live} at ${counted(totals.sites, 'site')}${most}. ${went}.`,
    ...(profile.mode === 'sampled'
      ? [`Figures are estimates, one sample every ${formatBytes(profile.sampleBytes)}.`]
      : []),
    ...(snapshots.length < 3 && since === undefined
      ? ['Growth is not known: that takes three snapshots.']
      : []),
    ...(totals.unknownFrees === 0
      ? []
      : [`${many(totals.unknownFrees, 'free')} of blocks that were not recorded.`]),
    ...(totals.unlisted === 0
      ? []
      : [`${many(totals.unlisted, 'block')} counted by site only, as the ledger was full.`]),
  ]
}

function whatRan({ program, pid, takenAt, durationMs, since }: LeakProfile): string {
  const what = `${program === '' ? 'a program' : program} (pid ${pid})`
  const moment = takenAt.replace('T', ' ').replace(/\.\d+/, '').replace('Z', ' UTC')
  if (since === undefined) return `${what}, traced for ${formatDuration(durationMs)} to ${moment}`
  return `${what}, what changed in ${formatDuration(durationMs)} to ${moment}`
}

/** '3 more sites: 1.2 KiB in 14 blocks'; '' where nothing was left out. */
export function restOf(rest: Rest, numbers: Numbers): string {
  if (rest.sites === 0) return ''
  if (rest.liveBytes === 0 && rest.liveBlocks === 0)
    return `${counted(rest.sites, 'more site')} with nothing live`
  const size = `${numbers.bytes(rest.liveBytes)} in ${numbers.counted(rest.liveBlocks, 'block')}`
  return `${counted(rest.sites, 'more site')}: ${size}`
}

/** 'growing +12 KiB/s'; without a rate of what does not grow, or has too few snapshots. */
export function growthLabel(site: Site, { snapshots }: LeakProfile): string {
  if (site.growth !== 'growing' || snapshots.length < 3) return site.growth
  return `growing ${formatRate(growthFigures(site.history, snapshots).bytesPerSecond)}`
}

/** '+12 KiB/s', '-3.5 MiB/h': by the second, the minute or the hour, whichever says most. */
export function formatRate(bytesPerSecond: number): string {
  const steps: [string, number][] = [
    ['s', 1],
    ['min', 60],
    ['h', 3600],
  ]
  const [unit, seconds] =
    steps.find(([, length]) => Math.abs(bytesPerSecond) * length >= 1024) ?? steps[2]!
  return `${signed(formatBytes(bytesPerSecond * seconds))}/${unit}`
}
