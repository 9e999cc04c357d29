/** Folded stacks, one a line: what flamegraph.pl and the many tools that follow it read. */
import type { Frame, LeakProfile } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { frameLabel, printable, UNKNOWN_FRAME } from './labels.js'
import { type Figure, type RenderOptions, withDefaults } from './options.js'
import { selectWithRest } from './select.js'

/** Options of the format `folded`. */
export interface FoldedOptions extends RenderOptions {
  /** What the number at the end of a line is. Default 'liveBytes'. */
  figure?: Figure
}

const DEFAULTS: Required<FoldedOptions> = { minBytes: 0, limit: Infinity, figure: 'liveBytes' }

/**
 * A line a site: its frames, outermost first, between semicolons, then a blank and the figure,
 * which is whole. Sites whose figure is 0 have no line. The format has no numbers below 0: of a
 * difference only what became more is there. A ';' in a name becomes ':'; control characters
 * become escapes.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderFolded(profile: LeakProfile, options: FoldedOptions = {}): string {
  const { figure, ...choice } = withDefaults('folded', options, DEFAULTS)
  const names = new Map<Frame, string>()
  const nameOf = (frame: Frame): string => {
    const known = names.get(frame)
    if (known !== undefined) return known
    const name = printable(frameLabel(frame)).replaceAll(';', ':')
    names.set(frame, name)
    return name
  }
  const lines = selectWithRest(profile, choice).flatMap((site) => {
    const value = Math.round(site[figure])
    if (value <= 0) return []
    const stack = site.stack.length === 0 ? [UNKNOWN_FRAME] : site.stack
    return `${stack.map(nameOf).toReversed().join(';')} ${value}\n`
  })
  return withinLimits(profile, () => lines.join(''))
}
