/** Text in a terminal's columns: how wide it is, how it is cut to fit, bars, and colours. */

/** No column of their own: what combines with the character before. */
const NARROW = /[\p{Mn}\p{Me}]/u
/** Two columns: East Asian wide characters, and emoji. */
const WIDE =
  /[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u
const ASCII = /^[ -~]*$/

function characterWidth(character: string): number {
  if (ASCII.test(character)) return 1
  if (NARROW.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** How many columns a text takes that has no control characters. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length
  return [...text].reduce((sum, character) => sum + characterWidth(character), 0)
}

/** The text, cut to `width` columns at its end, or at its start, with '…' where it was cut. */
export function cut(text: string, width: number, at: 'start' | 'end'): string {
  if (columnsOf(text) <= width) return text
  const characters = [...text]
  let room = width - 1
  const isBeyond = (character: string): boolean => (room -= characterWidth(character)) < 0
  if (at === 'end') return `${characters.slice(0, characters.findIndex(isBeyond)).join('')}…`
  return `…${characters.slice(characters.findLastIndex(isBeyond) + 1).join('')}`
}

/** The text filled up with blanks to `width` columns. */
export function padded(text: string, width: number, side: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - columnsOf(text)))
  return side === 'left' ? blanks + text : text + blanks
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of `share` of `width` columns, in eighths; of what is not nothing at least one eighth. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, share) * width * 8)
  const shown = share > 0 ? Math.max(1, eighths) : 0
  return '█'.repeat(Math.floor(shown / 8)) + EIGHTHS[shown % 8]!
}

/** SGR codes that a terminal knows. */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const

/** How a text is set off. */
export type Style = keyof typeof SGR

/** Sets text off, or leaves it as it is. */
export type Paint = (text: string, ...styles: Style[]) => string

/** Paints with SGR sequences, or not at all. */
export function painter(colors: boolean): Paint {
  if (!colors) return (text) => text
  return (text, ...styles) => {
    if (text === '' || styles.length === 0) return text
    return `\x1b[${styles.map((style) => SGR[style]).join(';')}m${text}\x1b[0m`
  }
}
