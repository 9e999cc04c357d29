/**
 * Leak profiles as JSON: the model as it is, with its fields in a fixed order. What is read is
 * checked field by field, so that whoever takes a profile may rely on its types.
 */
import { OffheapError, unexpected } from '../core/errors.js'
import type { Frame, LeakProfile, Site, Snapshot, Totals } from './profile.js'

/**
 * A profile as JSON; {@link parseProfile} reads it. The same profile gives the same text always.
 * @param options `pretty`: over many lines, indented by two.
 * @throws {OffheapError} INVALID_ARGUMENT if the text were longer than a string can be (half a
 * GiB).
 */
export function renderJson(profile: LeakProfile, options: { pretty?: boolean } = {}): string {
  const indent = options.pretty === true ? 2 : undefined
  return withinLimits(profile, () => JSON.stringify(inOrder(profile), undefined, indent))
}

/** The same with its fields in order, and no others: first what is short, the sites last. */
function inOrder(profile: LeakProfile): object {
  const { version, mode, sampleBytes, takenAt, durationMs, program, pid, since } = profile
  const frames = new Map<Frame, Frame>()
  const shared = (frame: Frame): Frame => {
    const known = frames.get(frame) ?? frameInOrder(frame)
    frames.set(frame, known)
    return known
  }
  return {
    ...{ version, mode, sampleBytes, takenAt, durationMs, program, pid, since },
    totals: totalsInOrder(profile.totals),
    snapshots: profile.snapshots.map(({ at, liveBytes, liveBlocks }) => ({
      ...{ at, liveBytes, liveBlocks },
    })),
    sites: profile.sites.map((site) => siteInOrder(site, site.stack.map(shared))),
  }
}

function totalsInOrder(totals: Totals): Totals {
  const { allocs, frees, totalBytes, liveBlocks, liveBytes, peakBytes, temporary } = totals
  const { sites, unknownFrees, unlisted } = totals
  const counts = { allocs, frees, totalBytes, liveBlocks, liveBytes, peakBytes, temporary }
  return { ...counts, sites, unknownFrees, unlisted }
}

function siteInOrder(site: Site, stack: Frame[]): Site {
  const { allocator, scopes, allocs, frees, totalBytes, liveBlocks, liveBytes, peakBytes } = site
  const { temporary, lostBytes, heldBytes, growth, why, history } = site
  const counts = { allocs, frees, totalBytes, liveBlocks, liveBytes, peakBytes, temporary }
  return { stack, allocator, scopes, ...counts, lostBytes, heldBytes, growth, why, history }
}

function frameInOrder(frame: Frame): Frame {
  const { file, line, column, native, async, offset, buildId } = frame
  return { function: frame.function, file, line, column, native, async, offset, buildId }
}

/**
 * What `make` makes of a profile, with a clear error where that is longer than a string or a
 * buffer can be.
 * @throws {OffheapError} INVALID_ARGUMENT if it is.
 */
export function withinLimits<T>(profile: LeakProfile, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const sites = profile.sites.length
    const message = `A profile of ${sites} sites is too large for one file: leave out small sites`
    throw new OffheapError('INVALID_ARGUMENT', message, { cause })
  }
}

/**
 * Reads a profile from JSON, with every field checked. Fields that the model does not have are
 * left out. Frames that are equal become one object, so that a profile takes less memory than its
 * text. Takes some seconds for 100,000 sites of 16 frames.
 * @throws {OffheapError} INVALID_ARGUMENT if the text is not a profile of version 1: truncated,
 * damaged, of another version. The message says what was expected, and where:
 * `sites[3].stack[0].line`.
 */
export function parseProfile(text: string): LeakProfile {
  if (typeof text !== 'string') throw unexpected('INVALID_ARGUMENT', 'JSON', 'a profile', text)
  const fields = objectAt(parsed(text), 'the profile')
  if (fields['version'] !== 1) {
    const expected = '1, the only version that this release reads,'
    throw wrong(expected, 'version', fields['version'])
  }
  const since = fields['since'] === undefined ? undefined : dateIn(fields, 'since')
  const figures = new Figures(since !== undefined)
  const snapshots = arrayIn(fields, 'snapshots', '').map((item, i) =>
    snapshotAt(item, `snapshots[${i}]`, figures),
  )
  checkOrder(snapshots, 'snapshots', (a, b) => a.at <= b.at, 'oldest first')
  const reader = new SiteReader(figures, snapshots.length)
  const sites = arrayIn(fields, 'sites', '').map((item, i) => reader.siteAt(item, `sites[${i}]`))
  checkOrder(sites, 'sites', (a, b) => a.liveBytes >= b.liveBytes, 'largest liveBytes first')
  return {
    version: 1,
    mode: choiceIn(fields, 'mode', '', ['exact', 'sampled']),
    sampleBytes: figure(fields, 'sampleBytes', ''),
    takenAt: dateIn(fields, 'takenAt'),
    durationMs: figure(fields, 'durationMs', ''),
    program: stringIn(fields, 'program', ''),
    pid: wholeIn(fields, 'pid', ''),
    ...(since === undefined ? {} : { since }),
    sites,
    totals: totalsAt(fields['totals'], figures),
    snapshots,
  }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // V8's own message quotes the text, which may hold anything.
    const [where = ''] = / at position \d+/.exec((cause as Error).message) ?? []
    const what = `Expected JSON for a profile of ${text.length} characters`
    const message = `${what}, but it is damaged or truncated${where}`
    throw new OffheapError('INVALID_ARGUMENT', message, { cause })
  }
}

const within = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

function wrong(expected: string, where: string, value: unknown): OffheapError {
  // The message may be shown in a terminal, and the file may hold anything.
  const shown = typeof value === 'string' ? value.replace(/[^ -~]/g, '?') : value
  return unexpected('INVALID_ARGUMENT', expected, where, shown)
}

function objectAt(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('an object', path, value)
  return value as Fields
}

function arrayIn(fields: Fields, key: string, path: string): unknown[] {
  const value = fields[key]
  if (!Array.isArray(value)) throw wrong('an array', within(path, key), value)
  return value
}

function stringIn(fields: Fields, key: string, path: string): string {
  const value = fields[key]
  if (typeof value !== 'string') throw wrong('a string', within(path, key), value)
  return value
}

function stringsIn(fields: Fields, key: string, path: string): string[] {
  const items = arrayIn(fields, key, path)
  const odd = items.findIndex((item) => typeof item !== 'string')
  if (odd !== -1) throw wrong('a string', `${within(path, key)}[${odd}]`, items[odd])
  return items as string[]
}

function choiceIn<T extends string>(
  fields: Fields,
  key: string,
  path: string,
  choices: readonly T[],
): T {
  const value = fields[key] as T
  if (!choices.includes(value)) {
    const quoted = choices.map((choice) => `'${choice}'`)
    throw wrong(quoted.join(' or '), within(path, key), value)
  }
  return value
}

function dateIn(fields: Fields, key: string): string {
  const value = stringIn(fields, key, '')
  const isDate = /^[+-]?\d{4,6}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(value)
  if (!isDate || Number.isNaN(Date.parse(value))) throw wrong('a date in ISO 8601', key, value)
  return value
}

/** A number that is not below 0, nor beyond what a double holds exactly. */
function figure(fields: Fields, key: string, path: string): number {
  const value = fields[key]
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value
  throw wrong('a number from 0 to 2^53 - 1', within(path, key), value)
}

/** The same, and whole. */
function wholeIn(fields: Fields, key: string, path: string): number {
  const value = fields[key]
  if (isWhole(value)) return value as number
  throw wrong(WHOLE, within(path, key), value)
}

/** What was counted: of a difference it may be below 0. */
class Figures {
  constructor(private readonly signed: boolean) {}

  in(fields: Fields, key: string, path: string): number {
    return this.check(fields[key], within(path, key))
  }

  check(value: unknown, where: string): number {
    const isNumber = typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    if (isNumber && (this.signed || value >= 0)) return value
    const range = this.signed ? 'within 2^53' : 'from 0 to 2^53 - 1'
    throw wrong(`a number ${range}`, where, value)
  }
}

function checkOrder<T>(
  items: readonly T[],
  name: string,
  fits: (a: T, b: T) => boolean,
  order: string,
): void {
  const odd = items.findIndex((item, i) => i > 0 && !fits(items[i - 1]!, item))
  if (odd === -1) return
  const message = `Expected ${name} to have the ${order}, but ${name}[${odd}] breaks the order`
  throw new OffheapError('INVALID_ARGUMENT', message)
}

function snapshotAt(value: unknown, path: string, figures: Figures): Snapshot {
  const fields = objectAt(value, path)
  return {
    at: figure(fields, 'at', path),
    liveBytes: figures.in(fields, 'liveBytes', path),
    liveBlocks: figures.in(fields, 'liveBlocks', path),
  }
}

function totalsAt(value: unknown, figures: Figures): Totals {
  const path = 'totals'
  const fields = objectAt(value, path)
  return {
    allocs: figures.in(fields, 'allocs', path),
    frees: figures.in(fields, 'frees', path),
    totalBytes: figures.in(fields, 'totalBytes', path),
    liveBlocks: figures.in(fields, 'liveBlocks', path),
    liveBytes: figures.in(fields, 'liveBytes', path),
    peakBytes: figures.in(fields, 'peakBytes', path),
    temporary: figures.in(fields, 'temporary', path),
    sites: wholeIn(fields, 'sites', path),
    unknownFrees: figures.in(fields, 'unknownFrees', path),
    unlisted: figures.in(fields, 'unlisted', path),
  }
}

/** Reads sites; frames that are equal become one. */
class SiteReader {
  private readonly frames = new Map<string, Frame>()

  constructor(
    private readonly figures: Figures,
    private readonly snapshots: number,
  ) {}

  siteAt(value: unknown, path: string): Site {
    const fields = objectAt(value, path)
    const { figures } = this
    return {
      stack: arrayIn(fields, 'stack', path).map((item, i) => this.frameAt(item, path, i)),
      allocator: stringIn(fields, 'allocator', path),
      scopes: stringsIn(fields, 'scopes', path),
      allocs: figures.in(fields, 'allocs', path),
      frees: figures.in(fields, 'frees', path),
      totalBytes: figures.in(fields, 'totalBytes', path),
      liveBlocks: figures.in(fields, 'liveBlocks', path),
      liveBytes: figures.in(fields, 'liveBytes', path),
      peakBytes: figures.in(fields, 'peakBytes', path),
      temporary: figures.in(fields, 'temporary', path),
      lostBytes: figures.in(fields, 'lostBytes', path),
      heldBytes: figures.in(fields, 'heldBytes', path),
      growth: choiceIn(fields, 'growth', path, ['startup', 'plateau', 'growing', 'unknown']),
      why: choiceIn(fields, 'why', path, ['never freed', 'handle lost', 'still held']),
      history: this.historyIn(fields, path),
    }
  }

  private historyIn(fields: Fields, path: string): number[] {
    const items = arrayIn(fields, 'history', path)
    if (items.length > this.snapshots) {
      const where = `the length of ${path}.history`
      throw wrong(`at most the ${this.snapshots} of snapshots`, where, items.length)
    }
    return items.map((item, i) => this.figures.check(item, `${path}.history[${i}]`))
  }

  /** The path is put together where something is wrong only: there may be millions of frames. */
  private frameAt(value: unknown, site: string, index: number): Frame {
    const fields = value as Partial<Record<keyof Frame, unknown>> | null
    if (typeof fields !== 'object' || fields === null)
      throw wrong('an object', `${site}.stack[${index}]`, value)
    for (const [key, expected, fits] of FRAME_CHECKS)
      if (!fits(fields[key])) throw wrong(expected, `${site}.stack[${index}].${key}`, fields[key])
    return this.shared(fields as Frame)
  }

  private shared(frame: Frame): Frame {
    const { file, line, column, native, async, offset, buildId } = frame
    const rest = `${line}:${column}:${native}:${async}:${offset}:${buildId}`
    const key = `${rest}:${file.length}:${file}${frame.function}`
    const known = this.frames.get(key)
    if (known !== undefined) return known
    const own: Frame = { function: frame.function, file, line, column }
    if (native !== undefined) own.native = native
    if (async !== undefined) own.async = async
    if (offset !== undefined) own.offset = offset
    if (buildId !== undefined) own.buildId = buildId
    this.frames.set(key, own)
    return own
  }
}

const isString = (value: unknown): boolean => typeof value === 'string'
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean'
const WHOLE = 'a whole number from 0 to 2^53 - 1'

/** What the fields of a frame must be. */
const FRAME_CHECKS: readonly (readonly [keyof Frame, string, (value: unknown) => boolean])[] = [
  ['function', 'a string', isString],
  ['file', 'a string', isString],
  ['line', WHOLE, isWhole],
  ['column', WHOLE, isWhole],
  ['native', 'a boolean', isFlag],
  ['async', 'a boolean', isFlag],
  ['offset', WHOLE, (value) => value === undefined || isWhole(value)],
  ['buildId', 'hex digits', (value) => value === undefined || isHex(value)],
]

const isHex = (value: unknown): boolean => typeof value === 'string' && /^[\da-f]*$/i.test(value)
