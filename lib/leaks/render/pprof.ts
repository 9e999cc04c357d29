/** pprof's protocol buffers, as `go tool pprof`, Pyroscope and Parca read them. */
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import type * as PprofFormat from 'pprof-format'
import type { Frame, LeakProfile, Site } from '../profile.js'
import { withinLimits } from '../profile-json.js'
import { FrameNumbering, Numbering } from './interning.js'
import { functionName, UNKNOWN_FRAME } from './labels.js'
import { type RenderOptions, withDefaults } from './options.js'
import { selectWithRest } from './select.js'

/** Loaded when a profile is rendered, not with what renders none. */
const load = (): typeof PprofFormat =>
  createRequire(import.meta.url)('pprof-format') as typeof PprofFormat

/** Options of the format `pprof`. */
export interface PprofOptions extends RenderOptions {
  /** Compressed, as files are. Default true. */
  gzip?: boolean
  /** What viewers show first. Default 'inuse_space'. */
  sampleType?: SampleType
}

/** What a sample has values of, as Go's heap profiles have them. */
export type SampleType = (typeof TYPES)[number][0]

const DEFAULTS: Required<PprofOptions> = {
  minBytes: 0,
  limit: Infinity,
  gzip: true,
  sampleType: 'inuse_space',
}

/**
 * Names and units of a sample's values, as Go's heap profiles have them. The default is the last.
 */
const TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
] as const

/**
 * A profile of pprof with the sample types `alloc_objects`, `alloc_space`, `inuse_objects` and,
 * what is shown first unless the options say otherwise, `inuse_space`. Samples have the labels `allocator` and `scope`. A native
 * frame has its library as mapping, with the build id, and its offset there as address, so that
 * symbolizers find it; one without a symbol has no function until they do. All others belong to
 * the first mapping, the program. In a difference values may be below 0, which pprof's viewers
 * know. Estimates are rounded.
 * @returns The bytes, gzipped unless the options say otherwise.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderPprof(profile: LeakProfile, options: PprofOptions = {}): Uint8Array {
  const { gzip, sampleType, ...choice } = withDefaults('pprof', options, DEFAULTS)
  const format = load()
  const strings = new format.StringTable()
  const text = (value: string): number => strings.dedup(value)
  const valueType = ([type, unit]: readonly [string, string]): object => ({
    type: text(type),
    unit: text(unit),
  })
  const code = new Code(format, text, programOf(profile))
  const sample = selectWithRest(profile, choice).map((site) => sampleOf(site, code, text))
  const proto = new format.Profile({
    sampleType: TYPES.map(valueType),
    sample,
    mapping: code.mappings,
    location: [...code.locations.items],
    function: code.functions.items,
    stringTable: strings,
    timeNanos: nanoseconds(Date.parse(profile.takenAt)),
    durationNanos: nanoseconds(profile.durationMs),
    periodType: valueType(['space', 'bytes']),
    period: profile.sampleBytes,
    comment: commentsOf(profile).map(text),
    defaultSampleType: text(sampleType),
  })
  const encoded = withinLimits(profile, () => proto.encode())
  return gzip ? gzipSync(encoded) : encoded
}

/** What 64 bits hold of it. */
function nanoseconds(milliseconds: number): bigint {
  const most = 2n ** 63n - 1n
  const all = BigInt(Math.round(milliseconds)) * 1_000_000n
  return all > most ? most : all < -most ? -most : all
}

const programOf = ({ program }: LeakProfile): string => (program === '' ? 'a program' : program)

function commentsOf(profile: LeakProfile): string[] {
  const { pid, mode, sampleBytes, since } = profile
  return [
    `offheap: ${programOf(profile)} (pid ${pid})`,
    ...(mode === 'sampled' ? [`estimates, one sample every ${sampleBytes} bytes`] : []),
    ...(since === undefined ? [] : [`what changed since ${since}`]),
  ]
}

function sampleOf(
  site: Site,
  code: Code,
  text: (value: string) => number,
): PprofFormat.SampleInput {
  const stack = site.stack.length === 0 ? [UNKNOWN_FRAME] : site.stack
  const labels: [string, string][] = [['allocator', site.allocator]]
  if (site.scopes.length > 0) labels.push(['scope', site.scopes.join(' > ')])
  const values = [site.allocs, site.totalBytes, site.liveBlocks, site.liveBytes]
  return {
    locationId: stack.map((frame) => code.locations.of(frame) + 1),
    value: values.map(int64),
    label: labels.map(([key, value]) => ({ key: text(key), str: text(value) })),
  }
}

/** Whole, and no more than a double holds exactly. */
function int64(value: number): number {
  const limit = Number.MAX_SAFE_INTEGER
  return Math.round(Math.min(limit, Math.max(-limit, value)))
}

/** The id of the mapping that is the program itself. */
const PROGRAM = 1

/** The locations, functions and mappings that samples refer to. Ids are from 1. */
class Code {
  readonly locations = new FrameNumbering((frame) => this.locationOf(frame))
  readonly functions = new Numbering<PprofFormat.Function>()
  private readonly libraries = new Numbering<Library>()
  private count = 0

  constructor(
    private readonly format: typeof PprofFormat,
    private readonly text: (value: string) => number,
    program: string,
  ) {
    this.libraries.of('', () => ({
      file: program,
      buildId: '',
      isProgram: true,
      isSymbolized: true,
    }))
  }

  /** They start at 0 and have no end, which says that addresses are offsets already. */
  get mappings(): PprofFormat.Mapping[] {
    return this.libraries.items.map(
      ({ file, buildId, isProgram, isSymbolized }, i) =>
        new this.format.Mapping({
          id: i + 1,
          filename: this.text(file),
          buildId: this.text(buildId),
          hasFunctions: isSymbolized,
          hasFilenames: isProgram,
          hasLineNumbers: isProgram,
        }),
    )
  }

  private locationOf(frame: Frame): PprofFormat.Location {
    this.count += 1
    const { native, offset = 0, line, column } = frame
    const isSymbolized = native !== true || !frame.function.startsWith('0x')
    const lines = isSymbolized ? [{ functionId: this.functionOf(frame), line, column }] : []
    return new this.format.Location({
      id: this.count,
      mappingId: native === true ? this.mappingOf(frame, isSymbolized) : PROGRAM,
      address: native === true ? offset : 0,
      line: lines,
    })
  }

  private functionOf(frame: Frame): number {
    const name = functionName(frame)
    const key = `${name.length}:${name}${frame.file}`
    const number = this.functions.of(key, () => {
      const id = this.functions.items.length + 1
      const [called, filename] = [this.text(name), this.text(frame.file)]
      return new this.format.Function({ id, name: called, systemName: called, filename })
    })
    return number + 1
  }

  private mappingOf({ file, buildId = '' }: Frame, isSymbolized: boolean): number {
    const number = this.libraries.of(`${buildId}:${file}`, () => ({
      ...{ file, buildId },
      ...{ isProgram: false, isSymbolized: true },
    }))
    const library = this.libraries.items[number]!
    library.isSymbolized &&= isSymbolized
    return number + 1
  }
}

interface Library {
  file: string
  buildId: string
  isProgram: boolean
  /** Do all frames that are in it have names? */
  isSymbolized: boolean
}
