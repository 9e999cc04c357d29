/**
 * Bump arenas on off-heap memory, lent to one request each.
 *
 * Two tiers. Most bodies are small and get one of many small arenas; a large body gets one of a few
 * arenas of the largest size allowed. An arena keeps the pages it has touched, so large bodies are
 * kept to few arenas: otherwise each arena would in time be as resident as the largest body that
 * came by. Untouched pages of an arena cost address space only. The arena lent is the one that came
 * back last, as its pages are resident and perhaps still in the cache.
 *
 * When a tier is empty the request waits, unread, and TCP tells its client to slow down; when too
 * many wait already, the lease is refused.
 */
import { BumpAllocator, Region } from 'offheap'

const SMALL_ARENA_BYTES = 1 << 20
const LARGE_ARENAS = 2
/** How many requests may wait for an arena, as a multiple of how many arenas there are. */
const WAITING_PER_ARENA = 8

/** No arena is free and the queue is full: the service is overloaded. */
class NoArenaError extends Error {
  status = 503
}

/** An arena that is lent: its memory stays put until `release()`. */
class Lease {
  #tier
  #arena
  #pin

  constructor(tier, arena) {
    this.#tier = tier
    this.#arena = arena
    // From here on the threadpool may be reading this memory. Pinned, it cannot be disposed of by
    // mistake.
    this.#pin = arena.region.pin()
  }

  /**
   * @param {number} size in bytes
   * @returns {Buffer} uninitialised, in the arena; not to be touched after `release()`
   */
  allocate(size) {
    return this.#arena.bump.alloc(size).buffer
  }

  /** Frees all that was allocated, in one store, and hands the arena to the next request. */
  release() {
    this.#pin[Symbol.dispose]()
    this.#arena.bump.reset()
    this.#tier.giveBack(this.#arena)
  }
}

/** Arenas of one size. */
class Tier {
  #idle = []
  #waiting = []
  #count

  constructor(name, count, capacity) {
    this.capacity = capacity
    this.#count = count
    for (let index = 0; index < count; index++) {
      const region = Region.pages(capacity, { name: `upload-${name}-${index}` })
      this.#idle.push({ region, bump: new BumpAllocator(region) })
    }
  }

  /** @returns {Promise<Lease>} */
  async lease() {
    const arena = this.#idle.pop()
    if (arena) return new Lease(this, arena)
    if (this.#waiting.length >= this.#count * WAITING_PER_ARENA)
      throw new NoArenaError('no arena is free')
    return new Lease(this, await new Promise((resolve) => this.#waiting.push(resolve)))
  }

  giveBack(arena) {
    const next = this.#waiting.shift()
    if (next) next(arena)
    else this.#idle.push(arena)
  }

  /** Unmaps the memory now. Every arena must have come back: the service has stopped. */
  dispose() {
    if (this.#idle.length !== this.#count) throw new Error('an arena is still lent to a request')
    for (const { region, bump } of this.#idle.splice(0)) {
      bump.dispose()
      region.dispose()
    }
  }
}

export class ArenaPool {
  #small
  #large

  /**
   * @param {object} limits
   * @param {number} limits.concurrency requests that should find an arena without waiting
   * @param {number} limits.maxBody bytes of the largest body
   */
  constructor({ concurrency, maxBody }) {
    this.#small = new Tier('small', concurrency, Math.min(SMALL_ARENA_BYTES, maxBody))
    this.#large = new Tier('large', LARGE_ARENAS, maxBody)
  }

  /**
   * @param {number} size in bytes, at most `maxBody`
   * @returns {Promise<Lease>} rejects with `status` 503 when too many are waiting
   */
  lease(size) {
    return (size <= this.#small.capacity ? this.#small : this.#large).lease()
  }

  dispose() {
    this.#small.dispose()
    this.#large.dispose()
  }
}
