/**
 * The main job: a short run of the whole, and the service's answers to requests that are not as
 * they should be. A server that stops with exit code 0 has got every arena back and disposed of it,
 * else it throws.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../examples/upload-service/main.mjs', import.meta.url))
const SERVER = fileURLToPath(new URL('../../examples/upload-service/server.mjs', import.meta.url))
const MAX_BODY = 4 << 20
/** What a client is told whose own request it destroyed. */
const GONE = 'socket hang up'

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 24 })

describe('the comparison', () => {
  test('prints JSON only, checks every hash, and gives both sides the same uploads', async () => {
    const { stdout } = await run('--json', '--seconds', '2')
    const outcome = JSON.parse(stdout)
    const { offheap, buffers } = outcome.arms

    expect(outcome.checks).toMatchObject({ errors: 0, failures: [] })
    expect(outcome.rounds).toBeGreaterThan(0)
    expect(outcome.corpus.files).toBeGreaterThan(50)
    expect(offheap.uploads).toBe(outcome.rounds * outcome.corpus.files)
    expect(offheap.bytes).toBe(outcome.rounds * outcome.corpus.bytes)
    expect([buffers.uploads, buffers.bytes]).toEqual([offheap.uploads, offheap.bytes])
    // The warm-up is checked as well.
    expect(outcome.checks.hashes).toBeGreaterThan(offheap.uploads + buffers.uploads)

    for (const side of [offheap, buffers]) {
      expect(side.requestsPerSecond).toBeCloseTo(side.uploads / side.seconds)
      expect(side.latencyMs.p50).toBeGreaterThan(0)
      expect(side.latencyMs.p99).toBeGreaterThanOrEqual(side.latencyMs.p50)
      expect(side.latencyMs.max).toBeGreaterThanOrEqual(side.latencyMs.p99)
      expect(side.gc.count).toBeGreaterThan(0)
      expect(side.gc.timeMs).toBeGreaterThan(0)
      expect(side.peakRssBytes).toBeGreaterThan(outcome.corpus.largest)
      expect(side.peakExternalBytes).toBeGreaterThanOrEqual(side.peakArrayBuffersBytes)
      expect(side.errors).toBe(0)
    }
    expect(outcome.ratios.requestsPerSecond.ratio).toBeCloseTo(
      offheap.requestsPerSecond / buffers.requestsPerSecond,
    )
    expect(outcome.verdict).toMatch(/(ahead|no clear difference): \w|Too few rounds/)
  })

  test('--help, and arguments that are wrong', async () => {
    expect((await run('--help')).stdout).toContain('--seconds')
    for (const args of [
      ['--seconds', 'soon'],
      ['--seconds', '0'],
      ['--concurrency', '2.5'],
      ['--sconds', '3'],
    ]) {
      await expect(run(...args)).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('Usage'),
      })
    }
  })
})

describe.each(['offheap', 'buffers'])('the service, %s', (arm) => {
  let server: ChildProcess | undefined
  let port = 0

  async function start(concurrency: number) {
    const args = [
      '--arm',
      arm,
      '--concurrency',
      String(concurrency),
      '--max-body',
      String(MAX_BODY),
    ]
    server = fork(SERVER, args, { execArgv: [] })
    ;[{ ready: port }] = (await once(server, 'message')) as [{ ready: number }]
  }

  /** Asks for the count of the server's own errors, then stops it. */
  async function stop() {
    server!.send('report')
    const [{ report }] = (await once(server!, 'message')) as [{ report: { errors: number } }]
    server!.send('stop')
    const [code] = await once(server!, 'exit')
    return { errors: report.errors, code }
  }

  afterEach(() => server?.kill('SIGKILL'))

  /** An upload in steps: the body is what is written, `answer` settles with the response. */
  function begin(headers: http.OutgoingHttpHeaders, { path = '/upload', method = 'POST' } = {}) {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false })
    const answer = new Promise<{ status?: number; body: unknown }>((resolve, reject) => {
      request.on('error', reject)
      request.on('response', async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode, body: text && JSON.parse(text) })
      })
    })
    request.flushHeaders()
    return { request, answer }
  }

  function upload(body: Buffer) {
    const { request, answer } = begin({ 'content-length': body.length })
    request.end(body)
    return answer
  }

  test('answers with the hash of the body, empty, small and as large as may be', async () => {
    await start(2)
    for (const size of [0, 1, 1000, 1 << 20, (1 << 20) + 1, MAX_BODY]) {
      const body = Buffer.alloc(size, 'offheap ')
      const sha256 = createHash('sha256').update(body).digest('hex')
      expect(await upload(body)).toMatchObject({ status: 200, body: { bytes: size, sha256 } })
    }
    expect(await stop()).toEqual({ errors: 0, code: 0 })
  })

  test('refuses what it cannot take, and goes on', async () => {
    await start(2)
    expect(await begin({ 'content-length': MAX_BODY + 1 }).answer).toMatchObject({ status: 413 })
    expect(await begin({ 'transfer-encoding': 'chunked' }).answer).toMatchObject({ status: 411 })
    expect(await begin({ 'content-length': 1 }, { path: '/elsewhere' }).answer).toMatchObject({
      status: 404,
    })
    expect(await begin({ 'content-length': 1 }, { method: 'PUT' }).answer).toMatchObject({
      status: 405,
    })
    expect((await upload(Buffer.from('still here'))).status).toBe(200)
    expect(await stop()).toEqual({ errors: 0, code: 0 })
  })

  test('a client that goes away before, in or after its body leaves nothing behind', async () => {
    await start(2)
    const body = Buffer.alloc(1 << 20, 'x')
    for (const sent of [0, 1, body.length / 2, body.length]) {
      for (let time = 0; time < 5; time++) {
        const { request, answer } = begin({ 'content-length': body.length })
        await new Promise((resolve) => request.write(body.subarray(0, sent), resolve))
        request.destroy()
        await expect(answer).rejects.toThrow(GONE)
      }
    }
    const answers = await Promise.all(Array.from({ length: 4 }, () => upload(body)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await stop()).toEqual({ errors: 0, code: 0 })
  })

  test.runIf(arm === 'offheap')('requests wait for an arena; when too many wait, 503', async () => {
    await start(1)
    const length = 1000
    // One holds the only small arena, eight wait, and which one is too many depends on the network.
    const uploads = Array.from({ length: 10 }, () => begin({ 'content-length': length }))
    const refused = await Promise.race(
      uploads.map(async (one) => ((await one.answer).status === 503 ? one : undefined)),
    )
    expect(refused).toBeDefined()
    const [gone, ...patient] = uploads.filter((one) => one !== refused)
    gone!.request.destroy()
    await expect(gone!.answer).rejects.toThrow(GONE)
    for (const { request } of patient) request.end(Buffer.alloc(length))
    const answers = await Promise.all(patient.map(({ answer }) => answer))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(await stop()).toEqual({ errors: 0, code: 0 })
  })
})
