/**
 * What the service does with a body: hash it and gzip it, both from where it lies.
 *
 * The hash runs on the main thread, the compressor on libuv's threadpool, which goes on reading the
 * body's bytes until the promise settles: nobody may reset, reuse or free them before that.
 */
import { createHash } from 'node:crypto'
import { createGzip } from 'node:zlib'

/** Level 1, as one would on a busy ingest path; the same on both sides. */
export const GZIP_LEVEL = 1

/** A gzip stream ends in the CRC-32 of what the compressor read, then its length: 4 bytes each. */
const TRAILER_BYTES = 8

/**
 * @param {Buffer} body
 * @returns {Promise<{ bytes: number, sha256: string, gzipBytes: number, crc32: number }>}
 */
export async function digest(body) {
  const compressed = gzip(body)
  const sha256 = createHash('sha256').update(body).digest('hex')
  return { bytes: body.length, sha256, ...(await compressed) }
}

/**
 * Compresses and counts; the output is dropped as it comes, as if it went on to storage. The CRC in
 * its trailer is handed back because it tells whether the threadpool saw the body whole and
 * unchanged.
 */
function gzip(body) {
  return new Promise((resolve, reject) => {
    const stream = createGzip({ level: GZIP_LEVEL })
    let gzipBytes = 0
    let trailer = Buffer.alloc(0)
    stream.on('data', (chunk) => {
      gzipBytes += chunk.length
      // The trailer may be split over two chunks.
      const tail = chunk.length < TRAILER_BYTES ? Buffer.concat([trailer, chunk]) : chunk
      trailer = tail.subarray(-TRAILER_BYTES)
    })
    stream.on('end', () => resolve({ gzipBytes, crc32: trailer.readUInt32LE(0) }))
    stream.on('error', reject)
    stream.end(body)
  })
}
