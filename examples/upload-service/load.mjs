/**
 * The load: uploads over a fixed number of keep-alive connections, each answer checked against its
 * file.
 */
import http from 'node:http'

/** Far beyond any upload here: it is there so that a hung server cannot hang the run. */
const REQUEST_TIMEOUT_MS = 30_000

/**
 * @typedef {import('./corpus.mjs').Upload} Upload
 * @typedef {{ uploads: number, bytes: number, seconds: number, latenciesMs: number[],
 *   checked: number, failures: string[] }} Round
 */

/**
 * Sends the uploads in their order, `concurrency` at a time.
 * @param {object} target
 * @param {number} target.port
 * @param {http.Agent} target.agent with `maxSockets` equal to `concurrency`
 * @param {number} concurrency
 * @param {readonly Upload[]} uploads
 * @returns {Promise<Round>}
 */
export async function drive({ port, agent }, concurrency, uploads) {
  const round = { uploads: 0, bytes: 0, seconds: 0, latenciesMs: [], checked: 0, failures: [] }
  const queue = uploads[Symbol.iterator]()
  const started = performance.now()
  // One iterator, shared: each connection takes the next upload when its last is answered.
  const connection = async () => {
    for (const upload of queue) await one(port, agent, upload, round)
  }
  await Promise.all(Array.from({ length: concurrency }, connection))
  round.seconds = (performance.now() - started) / 1000
  return round
}

async function one(port, agent, upload, round) {
  const started = performance.now()
  try {
    const answer = await send(port, agent, upload.body)
    round.latenciesMs.push(performance.now() - started)
    round.uploads++
    round.bytes += upload.body.length
    const problem = check(upload, answer)
    if (problem) round.failures.push(`${upload.name}: ${problem}`)
    else round.checked++
  } catch (error) {
    round.failures.push(`${upload.name}: ${error.message}`)
  }
}

/** @returns {string | undefined} what is wrong with the answer */
function check(upload, { bytes, sha256, crc32 }) {
  if (bytes !== upload.body.length)
    return `expected ${upload.body.length} bytes but the service saw ${bytes}`
  if (sha256 !== upload.sha256) return `expected SHA-256 ${upload.sha256} but received ${sha256}`
  if (crc32 !== upload.crc32) return 'the CRC-32 of what was compressed is not that of the file'
  return undefined
}

/** @returns {Promise<object>} the answer; rejects on a status but 200, or a lost connection */
function send(port, agent, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': body.length }
    const options = { host: '127.0.0.1', port, path: '/upload', method: 'POST', agent, headers }
    const request = http.request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`the service answered ${response.statusCode}`))
      })
    })
    request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy(new Error('no answer in time')))
    request.on('error', reject)
    request.end(body)
  })
}
