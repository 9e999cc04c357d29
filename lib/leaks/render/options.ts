/** What renderers can be asked for, and the refusal of what they cannot do. */
import { OffheapError, unexpected } from '../../core/errors.js'

/** What every renderer understands. */
export interface RenderOptions {
  /**
   * Leaves out sites with fewer live bytes; of a difference, with a smaller change. Formats with
   * sums have what was left out as one entry. Default 0, in text and Markdown 1.
   */
  minBytes?: number
  /** Shows at most so many sites, the largest. Default: all; in text 20, in Markdown 10. */
  limit?: number
}

/** What each option must be, by its name. */
const CHECKS: Readonly<Record<string, readonly [string, (value: unknown) => boolean]>> = {
  minBytes: ['a number from 0', (value) => typeof value === 'number' && value >= 0],
  limit: ['a whole number from 0, or Infinity', (value) => isCount(value, 0)],
  width: ['a whole number from 40, or Infinity', (value) => isCount(value, 40)],
  frames: ['a whole number from 0, or Infinity', (value) => isCount(value, 0)],
  colors: ['a boolean', (value) => typeof value === 'boolean'],
  pretty: ['a boolean', (value) => typeof value === 'boolean'],
  title: ['a string', (value) => typeof value === 'string'],
  gzip: ['a boolean', (value) => typeof value === 'boolean'],
  sampleType: [
    "'alloc_objects', 'alloc_space', 'inuse_objects' or 'inuse_space'",
    (value) => typeof value === 'string' && /^(alloc|inuse)_(objects|space)$/.test(value),
  ],
  figure: ['the name of a figure', (value) => FIGURES.includes(value as Figure)],
}

/** The figures of a site that a flame graph can be of. */
export const FIGURES = ['liveBytes', 'liveBlocks', 'totalBytes', 'allocs', 'peakBytes'] as const

/** Which figure of a site. */
export type Figure = (typeof FIGURES)[number]

const isCount = (value: unknown, least: number): boolean =>
  value === Infinity || (Number.isInteger(value) && (value as number) >= least)

/**
 * The options with the defaults filled in. An option that is `undefined` counts as not given.
 * @throws {OffheapError} INVALID_ARGUMENT for one that the format does not have, or that is not
 * valid.
 */
export function withDefaults<T extends RenderOptions>(
  format: string,
  options: T,
  defaults: Required<T>,
): Required<T> {
  if (typeof options !== 'object' || options === null)
    throw unexpected(
      'INVALID_ARGUMENT',
      'an object',
      `the options of the format ${format}`,
      options,
    )
  const filled: Record<string, unknown> = { ...defaults }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(defaults, name)) throw unknownOption(format, name, Object.keys(defaults))
    const [expected, isValid] = CHECKS[name]!
    if (!isValid(value))
      throw unexpected('INVALID_ARGUMENT', expected, `${name} of the format ${format}`, value)
    filled[name] = value
  }
  return filled as Required<T>
}

function unknownOption(format: string, name: string, known: readonly string[]): OffheapError {
  const what = `The format ${format} has no option ${JSON.stringify(name)}`
  const message = `${what}, only ${known.join(', ')}`
  return new OffheapError('INVALID_ARGUMENT', message)
}
