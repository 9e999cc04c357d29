/**
 * TrackingAllocator: counts and sizes.
 *
 * Passes everything on and keeps figures: how many blocks were allocated, refused, resized, moved
 * and freed, the bytes that live and the most that did, and how sizes are spread. Nothing is kept
 * per block: it tells that something leaks, not what. A free is counted with the size that it came
 * with.
 *
 * Costs: about ten instructions an operation and 1 KiB in all; `snapshot` makes an object.
 */
import type { Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { Wrapper } from './wrapper.js'

/** The blocks of one power of two: those larger than the bucket below, and up to `upTo` bytes. */
export interface SizeBucket {
  /** Largest size in bytes: 0, 1, 2, 4, 8 ... */
  upTo: number
  /** Blocks allocated with such a size. */
  allocs: number
  /** Live blocks that have such a size now. */
  live: number
}

/**
 * What {@link TrackingAllocator.snapshot} tells: plain data, the same when sent or stored as JSON.
 */
export interface TrackingSnapshot {
  /** Blocks that were allocated. */
  allocs: number
  /** Allocations that found no memory. */
  failures: number
  frees: number
  /** Blocks that were resized in place. */
  resizes: number
  /** Blocks that were remapped, whether they moved or not. */
  remaps: number
  liveBlocks: number
  peakBlocks: number
  liveBytes: number
  peakBytes: number
  /** Bytes that were ever allocated: those of new blocks, and those by which blocks grew. */
  totalBytes: number
  /** By size, smallest first, without buckets that never had a block. */
  histogram: SizeBucket[]
}

const enum Figure {
  ALLOCS = 0,
  FAILURES = 1,
  FREES = 2,
  RESIZES = 3,
  REMAPS = 4,
  LIVE_BLOCKS = 5,
  PEAK_BLOCKS = 6,
  TOTAL_BYTES = 7,
  COUNT = 8,
}

/** Buckets for 0 and for 2^0 to 2^53. */
const BUCKETS = 55

/** The bucket of a size: 0 for 0, else 1 + log2 of the size, rounded up. */
function bucketOf(size: number): number {
  if (size === 0) return 0
  const last = size - 1
  const high = Math.floor(last / 2 ** 32)
  return high === 0 ? 33 - Math.clz32(last) : 65 - Math.clz32(high)
}

/**
 * Figures of what goes through `new TrackingAllocator(inner)`. The inner allocator stays the
 * caller's: dispose does not reach it. Belongs to one thread. Handles notice no reset of the inner
 * one.
 */
export class TrackingAllocator extends Wrapper {
  // Float64Array: exact to 2^53, and changed in place.
  private readonly _figures = new Float64Array(Figure.COUNT)
  private readonly _allocsBySize = new Float64Array(BUCKETS)
  private readonly _liveBySize = new Float64Array(BUCKETS)

  /** As the inner allocator's; a 0 counts as a failure. */
  override rawAlloc(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    const ptr = this.inner.rawAlloc(size, align)
    const figures = this._figures
    if (ptr === 0) {
      figures[Figure.FAILURES]! += 1
      return 0
    }
    figures[Figure.ALLOCS]! += 1
    figures[Figure.LIVE_BLOCKS]! += 1
    figures[Figure.TOTAL_BYTES]! += size
    if (figures[Figure.LIVE_BLOCKS]! > figures[Figure.PEAK_BLOCKS]!) {
      figures[Figure.PEAK_BLOCKS] = figures[Figure.LIVE_BLOCKS]!
    }
    const bucket = bucketOf(size)
    this._allocsBySize[bucket]! += 1
    this._liveBySize[bucket]! += 1
    this._counted(size)
    return ptr
  }

  /** As the inner allocator's; a refusal is none of the failures. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    if (!this.inner.rawResize(ptr, size, align, newSize)) return false
    this._figures[Figure.RESIZES]! += 1
    this._changed(size, newSize)
    return true
  }

  /** As the inner allocator's; a refusal is none of the failures. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const moved = this.inner.rawRemap(ptr, size, align, newSize)
    if (moved === 0) return 0
    this._figures[Figure.REMAPS]! += 1
    this._changed(size, newSize)
    return moved
  }

  /** As the inner allocator's; what that refuses is not counted. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    this.inner.rawFree(ptr, size, align)
    this._figures[Figure.FREES]! += 1
    this._figures[Figure.LIVE_BLOCKS]! -= 1
    this._liveBySize[bucketOf(size)]! -= 1
    this._counted(-size)
  }

  /** The figures since the beginning, or since {@link resetFigures}. About 1 microsecond. */
  snapshot(): TrackingSnapshot {
    const figures = this._figures
    const { used, peak } = this.stats()
    return {
      allocs: figures[Figure.ALLOCS]!,
      failures: figures[Figure.FAILURES]!,
      frees: figures[Figure.FREES]!,
      resizes: figures[Figure.RESIZES]!,
      remaps: figures[Figure.REMAPS]!,
      liveBlocks: Math.max(0, figures[Figure.LIVE_BLOCKS]!),
      peakBlocks: figures[Figure.PEAK_BLOCKS]!,
      liveBytes: used,
      peakBytes: peak,
      totalBytes: figures[Figure.TOTAL_BYTES]!,
      histogram: this._histogram(),
    }
  }

  /**
   * Starts the figures anew. Live blocks stay counted as live, and the peaks are what lives now.
   */
  resetFigures(): void {
    const liveBlocks = this._figures[Figure.LIVE_BLOCKS]!
    this._figures.fill(0)
    this._figures[Figure.LIVE_BLOCKS] = liveBlocks
    this._figures[Figure.PEAK_BLOCKS] = Math.max(0, liveBlocks)
    this._allocsBySize.fill(0)
    this._most = this._live
  }

  private _changed(size: number, newSize: number): void {
    if (newSize > size) this._figures[Figure.TOTAL_BYTES]! += newSize - size
    this._liveBySize[bucketOf(size)]! -= 1
    this._liveBySize[bucketOf(newSize)]! += 1
    this._counted(newSize - size)
  }

  private _histogram(): SizeBucket[] {
    const buckets: SizeBucket[] = []
    for (let i = 0; i < BUCKETS; i++) {
      const [allocs, live] = [this._allocsBySize[i]!, this._liveBySize[i]!]
      if (allocs === 0 && live <= 0) continue
      buckets.push({ upTo: i === 0 ? 0 : 2 ** (i - 1), allocs, live: Math.max(0, live) })
    }
    return buckets
  }
}
