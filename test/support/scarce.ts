/** Memory that is out, for tests. */
import { vi } from 'vitest'

/** As if V8 had no memory for a larger buffer than so many bytes. */
export function without<T>(most: number, run: () => T): T {
  const Real = ArrayBuffer
  class Scarce extends Real {
    constructor(bytes: number) {
      if (bytes > most) throw new RangeError('Array buffer allocation failed')
      super(bytes)
    }
  }
  vi.stubGlobal('ArrayBuffer', Scarce)
  try {
    return run()
  } finally {
    vi.unstubAllGlobals()
  }
}
