/** Where in the state of a free list the words of a granule are. */
import { FreeListLine, FreeListWord } from '../../core/state.js'

export const enum Granule {
  NONE = -1,
  SIZE = 16,
  /** log2 of its size. */
  SHIFT = 4,
}

export const enum Group {
  /** log2 of the granules in a group, and of its lines. */
  SHIFT = 7,
  LINES = 2,
}

export const enum At {
  START = FreeListWord.LINES + FreeListLine.START,
  SLACK = FreeListWord.LINES + FreeListLine.SLACK,
}

/** From this many granules on, a length is kept. */
export const enum Long {
  LEAST = 16,
  /** The bits behind a start that must be empty. */
  MASK = 0x7fff,
}

/** The first word of the line of granule `g`: its starts. FREE is next. */
export const lineAt = (g: number): number => At.START + Math.imul(g >> 5, FreeListLine.WORDS)

/** The word in which the slack of granule `g` is. */
export function slackAt(g: number): number {
  const table = g >>> 3
  return At.SLACK + table + ((table >>> 2) << 1)
}

/** The word that keeps the length of what starts at `g`: the first of the table behind `g`'s own. */
export function lengthAt(g: number): number {
  return slackAt(g + 8)
}
