/** Where reports go: a file, standard output, or standard error where that is the app's. */
import { existsSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { stdout } from 'node:process'
import type { LeakProfile } from '../leaks/profile.js'
import { CommandError, ExitCode, reasonOf } from './failures.js'
import { FORMAT_NAMES, type FormatName } from './options.js'
import { replaceFile } from './profile-file.js'
import { FORMATS } from '../leaks/render/index.js'
import { hasColors, progress, progressOver, type Stream, widthOf } from './terminal.js'

/** The options that commands with a report have. */
export interface ReportOptions {
  format?: FormatName
  out?: string
  minBytes?: number
  limit?: number
  color: boolean
}

/** The format that was asked for; else that of the file's extension; else text. */
export function formatOf({ format, out }: ReportOptions): FormatName {
  if (format !== undefined) return format
  const fitting = FORMAT_NAMES.filter((name) => out?.endsWith(`.${FORMATS[name].extension}`))
  // Of .json and .speedscope.json the longer one.
  fitting.sort((a, b) => FORMATS[b].extension.length - FORMATS[a].extension.length)
  return fitting[0] ?? 'text'
}

/**
 * Refuses what would fill a terminal with bytes. To be called before the work.
 * @param stream where the report goes without `--out`
 */
export function checkOutput(options: ReportOptions, stream: Stream): void {
  const format = formatOf(options)
  const toTerminal = (options.out ?? '-') === '-' && stream.isTTY
  if (!toTerminal || !isBinary(format)) return
  const file = `profile.${FORMATS[format].extension}`
  throw new CommandError(
    ExitCode.USAGE,
    `${format} is binary, and standard output is a terminal: add --out ${file}, or a pipe`,
  )
}

const isBinary = (format: FormatName): boolean => format === 'pprof'

/** Renders a profile and writes it to `--out`, else to the stream. */
export async function writeReport(
  profile: LeakProfile,
  options: ReportOptions,
  stream: Stream,
): Promise<void> {
  const { out = '-' } = options
  const target = out === '-' ? (options.out === '-' ? stdout : stream) : null
  progress(`rendering ${formatOf(options)}`)
  let content: string | Uint8Array
  try {
    content = render(profile, options, target)
  } finally {
    progressOver()
  }
  try {
    if (target === null) writeToFile(out, content)
    else await writeToStream(target, content)
  } catch (error) {
    const homeless = target === null && !existsSync(dirname(out))
    const why = homeless ? 'there is no such directory' : reasonOf(error)
    const name = target === null ? out : 'standard output'
    throw new CommandError(ExitCode.OUTPUT, `${name}: ${why}`, { cause: error })
  }
}

function render(
  profile: LeakProfile,
  options: ReportOptions,
  target: Stream | null,
): string | Uint8Array {
  const { minBytes, limit, color } = options
  const format = formatOf(options)
  if (format !== 'text') return FORMATS[format].render(profile, { minBytes, limit })
  const colors = target !== null && hasColors(target, color)
  const width = widthOf(target ?? stdout)
  return FORMATS.text.render(profile, { minBytes, limit, colors, width })
}

/** What is no regular file, such as /dev/stdout or a pipe, is written to; a file is replaced. */
function writeToFile(out: string, content: string | Uint8Array): void {
  const found = statSync(out, { throwIfNoEntry: false })
  if (found === undefined) replaceFile(out, content, 0o666)
  else if (found.isFile()) replaceFile(realpathSync(out), content, found.mode & 0o777)
  else writeFileSync(out, content)
}

/** Whoever reads may stop early, as `head` does: that is no failure. */
async function writeToStream(stream: Stream, content: string | Uint8Array): Promise<void> {
  const failed = await new Promise<Error | null | undefined>((resolve) => {
    stream.once('error', resolve)
    stream.write(content, resolve)
  })
  if (failed && (failed as NodeJS.ErrnoException).code !== 'EPIPE') throw failed
}
