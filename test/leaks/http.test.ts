// httpHandler: what is answered, what is refused, and that the real go tool pprof reads it.

import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Allocation, cAllocator } from '../../lib/index.js'
import {
  BacktracingAllocator,
  httpHandler,
  type HttpHandler,
  type HttpHandlerOptions,
  type LeakProfile,
} from '../../lib/leaks/index.js'
import { lineOf } from './support/lines.js'
import { programPath } from './support/programs.js'

const ownText = readFileSync(fileURLToPath(import.meta.url), 'utf8')

const traced = new BacktracingAllocator(cAllocator)
const held: Allocation[] = []
function uploadOne(): void {
  held.push(traced.alloc(1000)) // UPLOAD
}
for (let i = 0; i < 5; i++) uploadOne()
for (let i = 0; i < 3; i++) traced.alloc(50_000).free()
afterAll(() => held.forEach((a) => a.free()))

const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

async function serve(handler: HttpHandler): Promise<string> {
  const server = createServer((req, res) => handler(req, res))
  servers.push(server)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const base = (options?: HttpHandlerOptions): Promise<string> => serve(httpHandler(traced, options))

interface Got {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
}

/** As fetch, but it takes the target as it is. */
function get(url: string, method = 'GET', path?: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent: false, ...(path === undefined ? {} : { path }) })
    sent.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks) })
      })
    })
    sent.end()
  })
}

/** Sums of a profile's samples, by the names of their types. */
function sumsOf(body: Buffer): Record<string, number> {
  const profile = Profile.decode(gunzipSync(body))
  const text = (index: unknown): string => profile.stringTable.strings[Number(index)]!
  return Object.fromEntries(
    profile.sampleType.map(({ type }, i) => [
      text(type),
      profile.sample.reduce((sum, { value }) => sum + Number(value[i]), 0),
    ]),
  )
}

const defaultTypeOf = (body: Buffer): string => {
  const profile = Profile.decode(gunzipSync(body))
  return profile.stringTable.strings[Number(profile.defaultSampleType)]!
}

const SUMS = { inuse_objects: 5, inuse_space: 5000, alloc_objects: 8, alloc_space: 155_000 }

describe('httpHandler', () => {
  test.each([
    ['heap', 'inuse_space'],
    ['allocs', 'alloc_space'],
  ])('serves %s as pprof', async (name, shown) => {
    const { status, headers, body } = await get(`${await base()}/debug/pprof/${name}`)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}"`,
      'content-length': String(body.length),
      'cache-control': 'no-store',
    })
    expect(sumsOf(body)).toEqual(SUMS)
    expect(defaultTypeOf(body)).toBe(shown)
  })

  test('serves text, and a page that lists what there is', async () => {
    const url = await base()
    const text = await get(`${url}/debug/pprof/heap?debug=1`)
    expect(text.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(text.body.toString()).toMatch(
      new RegExp(`uploadOne {2}.*http\\.test\\.ts:${lineOf(ownText, 'UPLOAD')}:`),
    )
    expect((await get(`${url}/debug/pprof/heap?debug=0`)).headers['content-type']).toMatch(/octet/)
    const page = await get(`${url}/debug/pprof/`)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const links = [...page.body.toString().matchAll(/href="([^"]+)"/g)].map(([, link]) => link!)
    expect(links).toHaveLength(6)
    for (const link of links.filter((each) => !each.includes('seconds'))) {
      expect((await get(`${url}/debug/pprof/${link}`)).status, link).toBe(200)
    }
    const short = await get(`${url}/debug/pprof`)
    expect([short.status, short.headers.location]).toEqual([301, '/debug/pprof/'])
  })

  test('serves what changed in so many seconds', async () => {
    let asked = 0
    const url = await serve(httpHandler({ profile: () => (asked++, traced.profile()) }))
    const answers = ['', '&debug=1'].map((more) => get(`${url}/debug/pprof/heap?seconds=2${more}`))
    await expect.poll(() => asked).toBe(2)
    traced.alloc(70_000).free()
    uploadOne()
    const [delta, text] = await Promise.all(answers)
    held.pop()!.free()
    expect(delta!.headers['content-disposition']).toBe('attachment; filename="heap-delta"')
    expect(sumsOf(delta!.body)).toEqual({
      ...{ inuse_objects: 1, inuse_space: 1000, alloc_objects: 2, alloc_space: 71_000 },
    })
    expect(text!.body.toString()).toContain('+1,000 B')
  })

  test('answers HEAD without a body and without waiting', async () => {
    const url = await base()
    for (const path of ['heap', 'heap?seconds=500', 'allocs?debug=1', '']) {
      const { status, body, headers } = await get(`${url}/debug/pprof/${path}`, 'HEAD')
      expect([status, body.length], path).toEqual([200, 0])
      expect(headers['content-type'], path).toBe(
        path === ''
          ? 'text/html; charset=utf-8'
          : path.includes('debug')
            ? 'text/plain; charset=utf-8'
            : 'application/octet-stream',
      )
    }
    expect((await get(`${url}/debug/pprof/goroutine`, 'HEAD')).status).toBe(404)
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    const { status, headers } = await get(`${await base()}/debug/pprof/heap`, method)
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  test.each(['', 'profile', 'goroutine', 'heap/', 'Heap', 'toString', '__proto__', '..', '%68eap'])(
    'has no profile of the name %j',
    async (name) => {
      const path = name === '' ? '/debug/pprofs' : `/debug/pprof/${name}`
      const { status, body } = await get(await base(), 'GET', path)
      expect(status).toBe(404)
      expect(body.toString()).toContain('heap and allocs')
    },
  )

  test.each([
    ...['seconds=0', 'seconds=-1', 'seconds=1.5', 'seconds=x', 'seconds=', 'seconds=601'],
    ...['seconds=1e2', 'seconds=%00', 'seconds=99999999999999999999', 'debug=3', 'debug=x'],
  ])('refuses ?%s', async (query) => {
    const { status, body } = await get(`${await base()}/debug/pprof/heap?${query}`)
    expect([status, body.toString()]).toEqual([400, expect.stringContaining('Expected')])
  })

  test('does not mind other queries, and targets that are no URLs', async () => {
    const url = await base()
    const paths = ['/debug/pprof/heap?gc=1&x', '/debug/pprof/heap?%E0%A4%A&debug=1']
    for (const path of paths) expect((await get(url, 'GET', path)).status, path).toBe(200)
    for (const path of ['//', '*', 'http://', '/debug/pprof//heap', '/%']) {
      expect((await get(url, 'GET', path)).status, path).toBe(404)
    }
  })

  test('is at the path that it is told', async () => {
    expect((await get(`${await base({ path: '' })}/heap`)).status).toBe(200)
    const url = await base({ path: '/ops/memory' })
    expect((await get(`${url}/ops/memory/heap`)).status).toBe(200)
    expect((await get(`${url}/debug/pprof/heap`)).status).toBe(404)
  })

  test('leaves to next what is not below its path', async () => {
    const handler = httpHandler(traced)
    const url = await serve((req, res) => handler(req, res, () => void res.end('next')))
    expect((await get(`${url}/other`)).body.toString()).toBe('next')
    expect((await get(`${url}/debug/pprof/heap`)).status).toBe(200)
    expect((await get(`${url}/debug/pprof/none`)).status).toBe(404)
  })

  test('answers an error with its message, and the server goes on', async () => {
    let fails = true
    let asked = 0
    const source = {
      profile(): LeakProfile {
        asked++
        if (fails) throw new RangeError('no profile today')
        return traced.profile()
      },
    }
    const url = await serve(httpHandler(source))
    const failed = await get(`${url}/debug/pprof/heap`)
    expect(failed.status).toBe(500)
    expect(failed.body.toString()).toBe('There is no profile: no profile today\n')
    fails = false
    expect((await get(`${url}/debug/pprof/heap`)).status).toBe(200)
    const late = get(`${url}/debug/pprof/heap?seconds=2`)
    await expect.poll(() => asked).toBe(3)
    fails = true
    expect((await late).status).toBe(500)
  })

  test('does not wait for who has gone', async () => {
    let asked = 0
    const source = { profile: () => (asked++, traced.profile()) }
    const url = await serve(httpHandler(source))
    const sent = request(`${url}/debug/pprof/heap?seconds=1`, { agent: false }).on(
      'error',
      () => {},
    )
    sent.end()
    await expect.poll(() => asked).toBe(1)
    sent.destroy()
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect(asked).toBe(1)
  })

  test('writes nothing where somebody has answered', async () => {
    const handler = httpHandler(traced)
    const url = await serve((req, res) => {
      res.writeHead(204).end()
      handler(req, res)
    })
    expect((await get(`${url}/debug/pprof/heap`)).status).toBe(204)
  })

  test.each([
    [null, {}],
    [{}, {}],
    [traced, null],
    [traced, { path: 1 }],
    [traced, { path: 'debug' }],
    [traced, { path: '/debug/' }],
    [traced, { path: '/a?b' }],
    [traced, { maxSeconds: 0 }],
    [traced, { maxSeconds: 1e7 }],
  ])('refuses wrong arguments', (source, options) => {
    expect(() => httpHandler(source as never, options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }),
    )
  })
})

const go = programPath('go')

test.skipIf(go === undefined)('go tool pprof reads it from the server', async () => {
  const url = await base()
  const folder = mkdtempSync(join(tmpdir(), 'offheap-pprof-'))
  const run = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, PPROF_TMPDIR: folder, HOME: folder }
    const all = ['tool', 'pprof', ...args]
    return (await promisify(execFile)(go!, all, { env, timeout: 100_000 })).stdout
  }
  const heap = await run('-top', `${url}/debug/pprof/heap`)
  expect(heap).toContain('Type: inuse_space')
  expect(heap).toMatch(/100%.*uploadOne/)
  const allocs = await run('-top', '-unit=B', `${url}/debug/pprof/allocs`)
  expect(allocs).toContain('Type: alloc_space')
  expect(allocs).toContain(`${traced.profile().totals.totalBytes}B total`)
  const raw = await run('-raw', '-seconds=1', `${url}/debug/pprof/heap`)
  expect(raw).toContain('inuse_space/bytes[dflt]')
  rmSync(folder, { recursive: true })
})
