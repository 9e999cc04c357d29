/** The values of options, read from text: sizes, times, counts. */
import { InvalidArgumentError } from 'commander'
import { FORMATS } from '../leaks/render/index.js'
import { MOST_FRAMES, MOST_MS, SNAPSHOT_SIGNALS } from './settings.js'

/** The name of a format of reports. */
export type FormatName = keyof typeof FORMATS

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  ...{ k: 1e3, kb: 1e3, kib: 2 ** 10 },
  ...{ m: 1e6, mb: 1e6, mib: 2 ** 20 },
  ...{ g: 1e9, gb: 1e9, gib: 2 ** 30 },
}
const TIMES: Readonly<Record<string, number>> = {
  ...{ ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 },
}

/** '512', '64kB', '512KiB', '1.5 MiB' -> bytes. */
export function bytes(text: string): number {
  return scaled(text, SIZES, 'a size such as 4096, 64kB or 512KiB', Number.MAX_SAFE_INTEGER)
}

/** The same, and at least one. */
export function someBytes(text: string): number {
  const size = bytes(text)
  if (size === 0) throw new InvalidArgumentError('Expected at least 1 byte.')
  return size
}

/** '500ms', '30s', '2m', '1h' -> milliseconds. */
export function milliseconds(text: string): number {
  const time = scaled(text, TIMES, 'a time such as 500ms, 30s, 2m or 1h', MOST_MS)
  if (time < 10) throw new InvalidArgumentError('Expected at least 10ms.')
  return time
}

/** A whole number from 1. */
export function count(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('Expected a whole number from 1.')
}

/** Frames of a stack. */
export function frames(text: string): number {
  const number = count(text)
  if (number <= MOST_FRAMES) return number
  throw new InvalidArgumentError(`Expected at most ${MOST_FRAMES}.`)
}

/** 'SIGUSR2', 'usr2' -> 'SIGUSR2'. */
export function signal(text: string): NodeJS.Signals {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`
  const found = SNAPSHOT_SIGNALS.find((usable) => usable === name)
  if (found !== undefined) return found
  throw new InvalidArgumentError(`Expected one of ${SNAPSHOT_SIGNALS.join(', ')}.`)
}

function scaled(
  text: string,
  units: Readonly<Record<string, number>>,
  expected: string,
  most: number,
): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined
  const value =
    number === undefined ? Number.NaN : Math.round(Number(number) * (factor ?? Number.NaN))
  if (value <= most) return value
  throw new InvalidArgumentError(`Expected ${expected}.`)
}
