/** The table of `offheap top`: one line a site, with what it has grown by since the table before. */
import { columnsOf, cut, type Paint, padded, painter } from '../leaks/render/columns.js'
import {
  counted,
  formatBytes,
  formatCount,
  formatDuration,
  framePlace,
  functionName,
  printable,
  signed,
  UNKNOWN_FRAME,
  userFrameIndex,
} from '../leaks/render/labels.js'
import { type LeakProfile, type Site, siteKey } from '../leaks/profile.js'

export interface Looks {
  width: number
  colors: boolean
  /** The most sites. */
  rows: number
}

const COLUMNS = [
  { title: 'LIVE', width: 9 },
  { title: 'CHANGE/S', width: 12 },
  { title: 'BLOCKS', width: 10 },
]
const GROWTH_WIDTH = 8
/** Where the code begins, with two blanks before it. */
const WHERE = COLUMNS.reduce((sum, { width }) => sum + width, 0) + 2 + GROWTH_WIDTH + 2

/** The table of a profile. `before`: the one of the table before, to see what changes. */
export function tableOf(profile: LeakProfile, before: LeakProfile | null, looks: Looks): string {
  const { width, colors, rows } = looks
  const paint = painter(colors)
  const earlier = new Map(before?.sites.map((site) => [siteKey(site), site.liveBytes]))
  const seconds = before === null ? 0 : (profile.durationMs - before.durationMs) / 1000
  const rate = (site: Site): string => {
    if (seconds <= 0) return ''
    const grown = site.liveBytes - (earlier.get(siteKey(site)) ?? 0)
    return signed(formatBytes(grown / seconds))
  }
  const sites = profile.sites.filter(({ liveBytes }) => liveBytes > 0).slice(0, Math.max(0, rows))
  const titles = COLUMNS.map((column) => padded(column.title, column.width, 'left')).join('')
  const lines = [
    ...headOf(profile),
    '',
    paint(
      cut(`${titles}  ${padded('GROWTH', GROWTH_WIDTH, 'right')}  WHERE`, width, 'end'),
      'bold',
    ),
    ...sites.map((site) => lineOf(site, rate(site), width, paint)),
  ]
  return `${lines.map((line, i) => (i < 2 ? cut(line, width, 'end') : line)).join('\n')}\n`
}

function headOf({ program, pid, durationMs, mode, sampleBytes, totals }: LeakProfile): string[] {
  const sampled = mode === 'sampled' ? `, one sample a ${formatBytes(sampleBytes)}` : ''
  const live = `${formatBytes(totals.liveBytes)} in ${counted(totals.liveBlocks, 'block')}`
  const peak = `at most ${formatBytes(totals.peakBytes)}`
  return [
    printable(`${program} (${pid}), traced for ${formatDuration(durationMs)}${sampled}`),
    `${live} at ${counted(totals.sites, 'site')}, ${peak}`,
  ]
}

function lineOf(site: Site, rate: string, width: number, paint: Paint): string {
  const { liveBytes, liveBlocks, growth } = site
  const cells = [formatBytes(liveBytes), rate, formatCount(liveBlocks)]
  const figures = cells.map((cell, i) => padded(cell, COLUMNS[i]!.width, 'left')).join('')
  const frame = site.stack[userFrameIndex(site)] ?? UNKNOWN_FRAME
  const name = cut(printable(functionName(frame)), 30, 'end')
  const room = Math.max(10, width - WHERE - columnsOf(name) - 1)
  const where = `${name} ${cut(printable(framePlace(frame)), room, 'start')}`
  const word = growth === 'unknown' ? '' : growth
  const shown = padded(word, GROWTH_WIDTH, 'right')
  return `${figures}  ${growth === 'growing' ? paint(shown, 'red') : shown}  ${where}`
}
