/** speedscope's own format: a flame graph for each of four figures. */
import type { Frame, LeakProfile, Site } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { FrameNumbering } from './interning.js'
import { framePlace, functionName, UNKNOWN_FRAME } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { selectWithRest } from './select.js'

const DEFAULTS: Required<RenderOptions> = { minBytes: 0, limit: Infinity }

const SCHEMA = 'https://www.speedscope.app/file-format-schema.json'

/** Its profiles, by the names that pprof gives them. What is live comes first. */
const PROFILES = [
  { name: 'inuse_space', figure: 'liveBytes', unit: 'bytes' },
  { name: 'alloc_space', figure: 'totalBytes', unit: 'bytes' },
  { name: 'inuse_objects', figure: 'liveBlocks', unit: 'none' },
  { name: 'alloc_objects', figure: 'allocs', unit: 'none' },
] as const

interface SpeedscopeFrame {
  name: string
  file?: string
  line?: number
  col?: number
}

/**
 * A file of https://www.speedscope.app/file-format-schema.json with four profiles over shared
 * frames: `inuse_space`, `alloc_space`, `inuse_objects` and `alloc_objects`, a sample a site.
 * speedscope refuses weights below 0: of a difference each profile has what became more, and what
 * became less is in one of its own, such as `inuse_space, less`.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderSpeedscope(profile: LeakProfile, options: RenderOptions = {}): string {
  const sites = selectWithRest(profile, withDefaults('speedscope', options, DEFAULTS))
  const frames = new FrameNumbering(speedscopeFrame)
  const stacks = sites.map(({ stack }) =>
    (stack.length === 0 ? [UNKNOWN_FRAME] : stack).map((frame) => frames.of(frame)).toReversed(),
  )
  const profiles = PROFILES.flatMap(({ name, figure, unit }) => {
    const weights = sites.map((site: Site) => site[figure])
    const more = sampled(name, unit, stacks, weights)
    if (profile.since === undefined) return [more]
    const less = weights.map((weight) => -weight)
    return [more, sampled(`${name}, less`, unit, stacks, less)]
  })
  const file = {
    $schema: SCHEMA,
    exporter: 'offheap',
    name: profile.program === '' ? `pid ${profile.pid}` : profile.program,
    activeProfileIndex: 0,
    shared: { frames: frames.items },
    profiles,
  }
  return withinLimits(profile, () => JSON.stringify(file))
}

/** One profile: the samples whose weight is above 0. */
function sampled(
  name: string,
  unit: 'bytes' | 'none',
  stacks: readonly number[][],
  all: readonly number[],
): object {
  const samples = stacks.filter((_, i) => all[i]! > 0)
  const weights = all.filter((weight) => weight > 0)
  const endValue = weights.reduce((sum, weight) => sum + weight, 0)
  return { type: 'sampled', name, unit, startValue: 0, endValue, samples, weights }
}

function speedscopeFrame(frame: Frame): SpeedscopeFrame {
  const { file, line, column, native } = frame
  if (native === true && line === 0) return { name: functionName(frame), file: framePlace(frame) }
  return {
    name: functionName(frame),
    ...(file === '' ? {} : { file }),
    ...(line === 0 ? {} : { line }),
    ...(column === 0 ? {} : { col: column }),
  }
}
