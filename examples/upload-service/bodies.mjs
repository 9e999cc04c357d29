/**
 * Where a request's body lies: the one thing in which the two sides differ.
 *
 * Each side takes the request's chunks and gives back one Buffer with the whole body, and a
 * `release()` for when nobody reads it any more.
 *
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {{ bytes: Buffer, release(): void }} Body
 * @typedef {(request: IncomingMessage, length: number) => Promise<Body>} Receive
 * @typedef {{ receive: Receive, dispose(): void }} Bodies
 */

/**
 * Ordinary Buffers, as body parsers do it: keep the chunks, concatenate them, leave the rest to the
 * GC.
 * @returns {Bodies}
 */
export function bufferBodies() {
  return {
    async receive(request, length) {
      const chunks = []
      await readAll(request, length, (chunk) => chunks.push(chunk))
      return { bytes: Buffer.concat(chunks, length), release() {} }
    },
    dispose() {},
  }
}

/**
 * A bump arena a request: one allocation of Content-Length bytes, each chunk copied to its place as
 * it arrives, the arena reset on release.
 * @param {import('./arena-pool.mjs').ArenaPool} pool
 * @returns {Bodies}
 */
export function arenaBodies(pool) {
  return {
    async receive(request, length) {
      const lease = await pool.lease(length)
      try {
        const bytes = lease.allocate(length)
        await readAll(request, length, (chunk, at) => bytes.set(chunk, at))
        return { bytes, release: () => lease.release() }
      } catch (error) {
        lease.release()
        throw error
      }
    },
    dispose: () => pool.dispose(),
  }
}

/** The client went away before the body was complete: there is nobody to answer. */
export class AbortedError extends Error {}

/**
 * Hands on each chunk with its offset; settles when the body is complete, or the client has gone.
 * After it has settled no chunk is handed on: the memory may belong to another request by then.
 * @param {IncomingMessage} request
 * @param {number} length
 * @param {(chunk: Buffer, at: number) => void} take
 * @returns {Promise<void>}
 */
function readAll(request, length, take) {
  return new Promise((resolve, reject) => {
    let received = 0
    const finish = () => {
      request.off('data', onData).off('end', finish).off('close', finish)
      if (received === length) resolve()
      else reject(new AbortedError(`expected a body of ${length} bytes but received ${received}`))
    }
    const onData = (chunk) => {
      take(chunk, received)
      received += chunk.length
    }
    // It may have gone while it waited for an arena; then no event is coming.
    if (request.destroyed) finish()
    else
      request
        .on('data', onData)
        .on('end', finish)
        .on('close', finish)
        .on('error', () => {})
  })
}
