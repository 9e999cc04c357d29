/**
 * An upload service with two leaks. It sends itself some uploads, says how much it holds, and ends.
 *
 *     npx offheap leaks examples/leak-hunt/service.mjs
 */
import http from 'node:http'
import { setImmediate as tick, setTimeout as sleep } from 'node:timers/promises'
import { cAllocator } from 'offheap'

const UPLOADS = 300
const BYTES = 16 * 1024

/** The newest uploads by their number: nobody ever takes one out. */
const recent = new Map()

function forget(body, id) {
  const copy = cAllocator.dupe(body) // leak: still held
  recent.set(id, copy)
  return copy.size
}

function lose(body) {
  const scratch = cAllocator.alloc(body.length) // leak: handle lost
  scratch.bytes.set(body)
  const lines = scratch.bytes.filter((byte) => byte === 10).length
  if (lines > 0) return lines // and nobody frees it
  scratch.free()
  return 0
}

function count(body) {
  const scratch = cAllocator.alloc(body.length)
  try {
    scratch.bytes.set(body)
    return scratch.bytes.filter((byte) => byte === 10).length
  } finally {
    scratch.free()
  }
}

const routes = { '/remember': forget, '/lines': lose, '/count': count }

async function receive(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}

let uploads = 0
const server = http.createServer(async (request, response) => {
  const body = await receive(request)
  const answer = routes[request.url](body, uploads++)
  response.end(String(answer))
})

function upload(port, path, body) {
  const options = { port, path, method: 'POST', agent }
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => response.resume().on('end', resolve))
    request.on('error', reject).end(body)
  })
}

const agent = new http.Agent({ keepAlive: true })
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address()
const body = Buffer.alloc(BYTES, 'a line\n')
for (let i = 0; i < UPLOADS; i++) {
  await upload(port, '/remember', body)
  await upload(port, '/lines', body)
  await upload(port, '/count', body)
  await sleep(5)
}
agent.destroy()
server.close()

// A service that runs for hours has had its collections by the time that somebody asks.
globalThis.gc?.()
await tick()
await tick()
const { inUse = 0 } = cAllocator.info() ?? {}
console.log(`${uploads} uploads; malloc holds ${(inUse / 2 ** 20).toFixed(1)} MiB`)
