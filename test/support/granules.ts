/**
 * Which addresses live blocks occupy, to the granule of 8 bytes: a bitmap in chunks of 64 KiB, found
 * by address, so that claiming a block costs O(size / 256) whatever else lives.
 */
const GRANULE = 8
const CHUNK = 65_536
const WORDS = CHUNK / GRANULE / 32

/** Bits `from` to `to` of a word, `to` not included. */
const bits = (from: number, to: number): number =>
  (to === 32 ? -1 : (1 << to) - 1) & (from === 0 ? -1 : ~((1 << from) - 1))

export class Granules {
  private readonly chunks = new Map<number, Int32Array>()
  private claiming = true
  private clean = true

  /** Marks the block's bytes, at least one. False: another block has some of them. */
  claim(ptr: number, size: number): boolean {
    return this.walk(ptr, size, true)
  }

  /** Unmarks them. False: some were not marked. */
  release(ptr: number, size: number): boolean {
    return this.walk(ptr, size, false)
  }

  /** True when nothing is marked. */
  get empty(): boolean {
    for (const words of this.chunks.values()) if (words.some((word) => word !== 0)) return false
    return true
  }

  private walk(ptr: number, size: number, claiming: boolean): boolean {
    this.claiming = claiming
    this.clean = true
    const end = Math.ceil((ptr + Math.max(size, 1)) / GRANULE)
    let at = Math.floor(ptr / GRANULE)
    while (at < end) {
      const chunk = Math.floor(at / (CHUNK / GRANULE))
      const start = chunk * (CHUNK / GRANULE)
      const stop = Math.min(end - start, CHUNK / GRANULE)
      this.mark(this.chunkOf(chunk), at - start, stop)
      at = start + stop
    }
    return this.clean
  }

  private mark(words: Int32Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      const word = at >>> 5
      const stop = Math.min(to - (word << 5), 32)
      const mask = bits(at & 31, stop)
      const now = words[word]!
      if ((now & mask) !== (this.claiming ? 0 : mask)) this.clean = false
      words[word] = this.claiming ? now | mask : now & ~mask
      at = (word << 5) + stop
    }
  }

  private chunkOf(number: number): Int32Array {
    let words = this.chunks.get(number)
    if (words === undefined) this.chunks.set(number, (words = new Int32Array(WORDS)))
    return words
  }
}
