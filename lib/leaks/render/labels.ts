/** How frames, sizes, counts and times read, the same in every format. */
import type { Frame, Site } from '../profile.js'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** '0 B', '1,023 B', '1.5 KiB', '-20 MiB': three digits that count. */
export function formatBytes(bytes: number): string {
  let size = Math.abs(bytes)
  let unit = 0
  // What rounds to 1024 belongs to the next unit.
  while (Math.round(size) >= 1024 && unit < UNITS.length - 1) {
    size /= 1024
    unit += 1
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : 1
  const text = `${grouped(size.toFixed(digits))} ${UNITS[unit]}`
  return bytes < 0 && Number(size.toFixed(digits)) !== 0 ? `-${text}` : text
}

/** '1,204', '-3'. Estimates are rounded. */
export function formatCount(count: number): string {
  const text = grouped(Math.abs(Math.round(count)).toFixed(0))
  return Math.round(count) < 0 ? `-${text}` : text
}

/** With '+' before what is above 0, as differences have it. */
export function signed(text: string): string {
  return /^(-|0( |$))/.test(text) ? text : `+${text}`
}

const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',')

/** '12 ms', '1.5 s', '4 min 10 s', '3 h 5 min', '2 d 1 h'. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (hours === 0) return joinedUnits(minutes, 'min', seconds % 60, 's')
  if (days === 0) return joinedUnits(hours, 'h', minutes % 60, 'min')
  return joinedUnits(days, 'd', hours % 24, 'h')
}

function joinedUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const first = `${grouped(String(large))} ${largeUnit}`
  return small === 0 ? first : `${first} ${small} ${smallUnit}`
}

/** '12 blocks', '1 block'. */
export function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${Math.round(count) === 1 ? '' : 's'}`
}

/** The name of a frame's function; '(anonymous)' where it has none. */
export function functionName(frame: Frame): string {
  const name = frame.function === '' ? '(anonymous)' : frame.function
  return frame.async === true ? `async ${name}` : name
}

/** 'src/upload.ts:41:18', '/usr/lib/libz.so.1+0x4f2'; '' where nothing is known. */
export function framePlace({ file, line, column, native, offset }: Frame): string {
  if (native === true && line === 0) {
    const place = offset === undefined ? '' : `+0x${offset.toString(16)}`
    return `${file}${place}`
  }
  if (line === 0) return file
  return column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`
}

/** 'keep (src/upload.ts:41:18)': a frame in one line. */
export function frameLabel(frame: Frame): string {
  const place = framePlace(frame)
  return place === '' ? functionName(frame) : `${functionName(frame)} (${place})`
}

/** What stands for a stack that is not known. */
export const UNKNOWN_FRAME: Frame = { function: '(unknown)', file: '', line: 0, column: 0 }

/** Node's own code, and what was installed. */
const FOREIGN = /^node:|[\\/]node_modules[\\/]/

/**
 * Where the line that is the user's own stands on a stack: the innermost that is neither native,
 * nor Node's, nor of a package. If there is none: the innermost of JavaScript, else the innermost.
 */
export function userFrameIndex({ stack }: Site): number {
  const own = stack.findIndex(({ native, file }) => native !== true && !FOREIGN.test(file))
  if (own !== -1) return own
  return Math.max(
    0,
    stack.findIndex(({ native }) => native !== true),
  )
}

/**
 * What would move a terminal's cursor, colour it, turn the direction of the text, or be no
 * character. The range of surrogates finds halves only, as with the flag u pairs are one
 * character.
 */
const UNSAFE =
  /[\p{Cc}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{d800}-\u{dfff}\u{e0000}-\u{e007f}]/gu

/** Text that is safe to print: control characters and the like are shown as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!
    return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`
  })
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')
