/** A short report for an issue, or for a model to read. */
import type { LeakProfile, Site } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { frameLabel, printable, UNKNOWN_FRAME, userFrameIndex } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { select } from './select.js'
import { growthLabel, numbersOf, restOf, summaryOf } from './summary.js'

/** Options of the format `markdown`. */
export interface MarkdownOptions extends RenderOptions {
  /** Lines of its stack that each site has below the table; 0: no stacks. Default 8. */
  frames?: number
}

const DEFAULTS: Required<MarkdownOptions> = { minBytes: 1, limit: 10, frames: 8 }

/**
 * The summary, a table of the sites, largest first, and their stacks. Names stand in code spans,
 * in which nothing of them is Markdown or HTML.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderMarkdown(profile: LeakProfile, options: MarkdownOptions = {}): string {
  const { frames, ...choice } = withDefaults('markdown', options, DEFAULTS)
  const { sites, rest } = select(profile, choice)
  const [what, ...sentences] = summaryOf(profile)
  const title = profile.since === undefined ? 'Live memory' : 'Change of live memory'
  const more = restOf(rest, numbersOf(profile))
  const parts = [
    `## ${title}`,
    `${code(what!)}\n\n${sentences.join('\n')}`,
    ...(sites.length === 0 ? [] : [tableOf(profile, sites).join('\n')]),
    ...(more === '' ? [] : [`${more}.`]),
    ...(frames === 0 ? [] : sites.map((site, i) => stackOf(site, i + 1, frames))),
  ]
  return withinLimits(profile, () => `${parts.join('\n\n')}\n`)
}

function tableOf(profile: LeakProfile, sites: readonly Site[]): string[] {
  const { bytes, count } = numbersOf(profile)
  const rows = sites.map((site, i) => {
    const frame = site.stack[userFrameIndex(site)] ?? UNKNOWN_FRAME
    const figures = `${bytes(site.liveBytes)} | ${count(site.liveBlocks)}`
    const verdict = `${growthLabel(site, profile)} | ${site.why}`
    return `| ${i + 1} | ${figures} | ${verdict} | ${code(frameLabel(frame))} |`
  })
  return ['| | live | blocks | growth | why | where |', '|--:|--:|--:|---|---|---|', ...rows]
}

function stackOf(site: Site, number: number, frames: number): string {
  const where = [`allocator ${code(site.allocator)}`, ...site.scopes.map((s) => `scope ${code(s)}`)]
  const shown = site.stack.slice(0, frames).map((frame) => `   - ${code(frameLabel(frame))}`)
  const hidden = site.stack.length - shown.length
  const more = hidden === 0 ? [] : [`   - ${hidden} more`]
  return [`${number}. ${where.join(', ')}`, ...shown, ...more].join('\n')
}

const entity = (each: string): string => `&#${each.codePointAt(0)};`

/**
 * Text as code that is shown as it is, in a table too. Where a span would need more than its
 * backticks, HTML says it, with what could mean something as entities.
 */
function code(text: string): string {
  const safe = printable(text)
  if (safe.trim() !== '' && !/[`|]/.test(safe)) return `\`${safe}\``
  return `<code>${safe.replace(/[^\p{L}\p{N} ./:,-]/gu, entity)}</code>`
}
