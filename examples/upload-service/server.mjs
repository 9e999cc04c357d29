/**
 * One side of the comparison: an HTTP server on loopback that answers each upload with its hash and
 * its gzipped size. `--arm` says where the bodies lie; all else is the same code.
 *
 * Forked by main.mjs. Over the IPC channel it sends `{ ready: port }` and obeys `begin`, `report`
 * and `stop`; when the channel closes, because the parent is gone, it goes too.
 *
 * Answers: 200 with JSON; 404 and 405 for anything but POST /upload; 411 without a Content-Length;
 * 413 over `--max-body`; 503 when no arena is free and too many requests wait for one; 500 for
 * errors of its own.
 */
import http from 'node:http'
import { parseArgs } from 'node:util'
import { AbortedError, arenaBodies, bufferBodies } from './bodies.mjs'
import { digest } from './digest.mjs'
import { Gauges } from './gauges.mjs'

const { values } = parseArgs({
  options: {
    arm: { type: 'string' },
    'max-body': { type: 'string', default: String(32 << 20) },
    concurrency: { type: 'string', default: '8' },
  },
})
const maxBody = Number(values['max-body'])
const bodies = await makeBodies()
const gauges = new Gauges()
const handling = new Set()
let errors = 0

/** The buffers side does not even load the addon: its process is that of an ordinary service. */
async function makeBodies() {
  if (values.arm === 'buffers') return bufferBodies()
  if (values.arm !== 'offheap')
    throw new Error(`expected offheap or buffers for --arm but received ${values.arm}`)
  const { ArenaPool } = await import('./arena-pool.mjs')
  return arenaBodies(new ArenaPool({ concurrency: Number(values.concurrency), maxBody }))
}

/** A request that is not to be read at all: why, as a status code; 0 if it is welcome. */
function refusal(request, length) {
  if (request.url !== '/upload') return 404
  if (request.method !== 'POST') return 405
  if (Number.isNaN(length)) return 411
  return length > maxBody ? 413 : 0
}

async function handle(request, response) {
  const length = Number(request.headers['content-length'] ?? NaN)
  const status = refusal(request, length)
  if (status) return refuse(response, status)
  const body = await bodies.receive(request, length)
  try {
    gauges.bodyReceived(length)
    await reply(response, await digest(body.bytes))
  } finally {
    // The response has left, or its client has; and the compressor has settled: nobody reads the
    // body now.
    body.release()
  }
}

/** Resolves when the response has been handed to the system, or the connection is lost. */
function reply(response, answer) {
  // The client may have gone while its body was compressed; then `close` has been emitted already.
  if (response.destroyed) return Promise.resolve()
  const json = JSON.stringify(answer)
  return new Promise((resolve) => {
    response.on('close', resolve)
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(json),
    })
    response.end(json)
  })
}

/** The body was not read, so the connection cannot be used again. */
function refuse(response, status) {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { connection: 'close', 'content-length': 0 }).end()
}

function onError(error, response) {
  if (error instanceof AbortedError) return
  const { status = 500 } = error
  if (status === 500) {
    errors++
    console.error(`upload-service, ${values.arm}:`, error)
  }
  refuse(response, status)
}

const server = http.createServer((request, response) => {
  const handled = handle(request, response)
    .catch((error) => onError(error, response))
    .finally(() => handling.delete(handled))
  handling.add(handled)
})
// The other side's rounds are pauses here, and must not cost this side its connections.
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ ready: server.address().port }))

async function stop() {
  server.close()
  server.closeIdleConnections()
  await Promise.all(handling)
  server.closeAllConnections()
  bodies.dispose()
  process.disconnect()
}

process.on('disconnect', () => process.exit())
process.on('message', async (message) => {
  if (message === 'begin') gauges.begin()
  if (message === 'report') process.send({ report: { ...(await gauges.report()), errors } })
  if (message === 'stop') await stop()
})
