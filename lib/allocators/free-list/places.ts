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
