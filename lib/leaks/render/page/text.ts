/** Figures and names as people read them. Knows no DOM: the renderer uses it too. */

/** Control and format characters, lone surrogates: what is not seen, or turns round what is beside it. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** The text with each hidden character spelled out, as in `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const MINUS = '\u2212'

/** `signed` is for differences: they say plus, too. */
function withSign(value: number, text: string, signed: boolean): string {
  if (value < 0) return MINUS + text
  return signed && value > 0 ? `+${text}` : text
}

/** 48.2 MiB. */
export function formatBytes(value: number, signed = false): string {
  let size = Math.abs(value)
  let unit = 0
  // Not 1024.0 KiB.
  while (size >= (unit === 0 ? 1023.5 : 1023.95) && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  const digits = unit === 0 ? WHOLE.format(size) : size.toFixed(1)
  return withSign(value, `${digits} ${UNITS[unit]!}`, signed)
}

/** 12,304. */
export function formatCount(value: number, signed = false): string {
  return withSign(Math.round(value), WHOLE.format(Math.abs(value)), signed)
}

/** 1,234,567 bytes. */
export function formatExactBytes(value: number, signed = false): string {
  return `${formatCount(value, signed)} ${Math.abs(value) === 1 ? 'byte' : 'bytes'}`
}

/** 26.4 %; of nothing, ''. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return ''
  return `${((100 * part) / whole).toFixed(1).replace('-', MINUS)} %`
}

/** 1 site, 2 sites. */
export function plural(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`
}

/** 350 ms, 12.5 s, 4 min 5 s, 3 h 20 min, 2 d 4 h. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`
  const whole = Math.round(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}

/** 2026-11-21 14:03:22 UTC; what is no date stays as it is. */
export function formatMoment(iso: string): string {
  // Date takes nearly anything for a date.
  const date = new Date(/^\d{4}-\d\d-\d\dT/.test(iso) ? iso : '')
  if (Number.isNaN(date.getTime())) return visible(iso)
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
