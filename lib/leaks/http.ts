/**
 * httpHandler: profiles over HTTP, at the paths and in the form that `go tool pprof`, Pyroscope and Parca
 * fetch from programs in Go.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { unexpected } from '../core/errors.js'
import type { ProfileSource } from './memory-report.js'
import type { LeakProfile } from './profile.js'
import { diffProfiles } from './profile-diff.js'
import { renderPprof, type SampleType } from './render/pprof.js'
import { renderText } from './render/text.js'

/** Options of {@link httpHandler}. */
export interface HttpHandlerOptions {
  /** Where the profiles are. '' where a framework has taken the path off already. Default '/debug/pprof'. */
  path?: string
  /** The longest difference that can be asked for, in seconds. Default 600. */
  maxSeconds?: number
}

/**
 * For `http.createServer`, and for frameworks that have middleware: what is not below the path goes to `next`
 * where there is one.
 */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: () => void,
) => void

interface Endpoint {
  about: string
  sampleType: SampleType
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  heap: { about: 'what is alive, by the line that allocated it', sampleType: 'inuse_space' },
  allocs: { about: 'all that was ever allocated', sampleType: 'alloc_space' },
}

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const BYTES = 'application/octet-stream'

/** What is answered: a status, the type and the body. */
interface Answer {
  status: number
  type: string
  body: string | Uint8Array
  headers?: Record<string, string>
}

const refusal = (status: number, message: string, headers = {}): Answer => ({
  ...{ status, type: TEXT, body: `${message}\n` },
  headers,
})

/** Of a request, what counts. */
interface Asked {
  name: string
  endpoint: Endpoint
  seconds: number
  isText: boolean
}

/**
 * A handler that answers GET and HEAD for `<path>/heap` and `<path>/allocs` with the profile in pprof's
 * format, gzipped; with `?seconds=N` with what changed in N seconds from now; with `?debug=1` as text. `<path>/`
 * lists them. Anything else is a 404, 405 or 400.
 *
 * Nothing is thrown into the server: an error is a 500 with its message. A GET takes what `profile()` takes,
 * on the thread of the server; a HEAD next to nothing. The answers have paths and names of the program's code: who may ask is
 * for the server to say.
 * @param source A BacktracingAllocator, or what traceEverything gives.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong source or option.
 */
export function httpHandler(source: ProfileSource, options: HttpHandlerOptions = {}): HttpHandler {
  if (typeof source !== 'object' || source === null || typeof source.profile !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'what has a profile', 'httpHandler', source)
  }
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the options of httpHandler', options)
  }
  const { path = '/debug/pprof', maxSeconds = 600 } = options
  if (typeof path !== 'string' || !/^(\/[^/?#]+)*$/.test(path)) {
    throw unexpected('INVALID_ARGUMENT', "'' or a path like '/debug'", 'path of httpHandler', path)
  }
  if (!Number.isInteger(maxSeconds) || maxSeconds < 1 || maxSeconds > LONGEST) {
    const expected = `an integer from 1 to ${LONGEST}`
    throw unexpected('INVALID_ARGUMENT', expected, 'maxSeconds of httpHandler', maxSeconds)
  }
  return (request, response, next) => {
    const rest = below(path, request.url ?? '')
    if (rest === null && typeof next === 'function') {
      next()
      return
    }
    guarded(request, response, () => {
      const asked = rest === null ? notFound() : understand(request, rest, path, maxSeconds)
      if (!('endpoint' in asked)) send(request, response, asked)
      else if (request.method === 'HEAD') send(request, response, answer(asked, ''))
      else if (asked.seconds === 0) {
        send(request, response, answer(asked, render(asked, source.profile())))
      } else later(request, response, asked, source)
    })
  }
}

/** What timers can wait, in seconds. */
const LONGEST = 2_147_483

/** The part of a request's target below the path, with its query; null: it is elsewhere. */
function below(path: string, target: string): string | null {
  if (!target.startsWith(path)) return null
  const rest = target.slice(path.length)
  return /^($|[/?#])/.test(rest) ? rest : null
}

function notFound(): Answer {
  const known = Object.keys(ENDPOINTS).join(' and ')
  return refusal(404, `There is no such profile here, only ${known}.`)
}

function understand(
  request: IncomingMessage,
  rest: string,
  path: string,
  maxSeconds: number,
): Asked | Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refusal(405, 'Profiles can be read only.', { allow: 'GET, HEAD' })
  }
  const [place = '', query = ''] = rest.split('#')[0]!.split('?', 2)
  if (place === '') return { ...redirect(`${path}/`), headers: { location: `${path}/` } }
  if (place === '/') return { status: 200, type: HTML, body: index() }
  const name = place.slice(1)
  if (!Object.hasOwn(ENDPOINTS, name)) return notFound()
  const parameters = new URLSearchParams(query)
  const seconds = numberOf(parameters.get('seconds'), 1, maxSeconds)
  const debug = numberOf(parameters.get('debug'), 0, 2)
  if (seconds === null) return refusal(400, `Expected seconds from 1 to ${maxSeconds}.`)
  if (debug === null) return refusal(400, 'Expected 0, 1 or 2 for debug.')
  return { name, endpoint: ENDPOINTS[name]!, seconds, isText: debug > 0 }
}

const redirect = (to: string): Answer => refusal(301, `See ${to}`)

/** 0 where nothing is said; null: it is no such number. */
function numberOf(text: string | null, from: number, to: number): number | null {
  if (text === null) return 0
  const number = Number(text)
  return /^\d+$/.test(text) && number >= from && number <= to ? number : null
}

function answer({ name, seconds, isText }: Asked, body: string | Uint8Array): Answer {
  if (isText) return { status: 200, type: TEXT, body }
  const file = seconds === 0 ? name : `${name}-delta`
  const headers = { 'content-disposition': `attachment; filename="${file}"` }
  return { status: 200, type: BYTES, body, headers }
}

function render({ endpoint, isText }: Asked, profile: LeakProfile): string | Uint8Array {
  if (isText) return renderText(profile, { width: 120 })
  return renderPprof(profile, { sampleType: endpoint.sampleType })
}

/** What changes from now on. Nobody waits for that who has gone. */
function later(
  request: IncomingMessage,
  response: ServerResponse,
  asked: Asked,
  source: ProfileSource,
): void {
  const before = source.profile()
  const timer = setTimeout(() => {
    guarded(request, response, () => {
      const change = diffProfiles(source.profile(), before)
      send(request, response, answer(asked, render(asked, change)))
    })
  }, asked.seconds * 1000)
  response.once('close', () => clearTimeout(timer))
}

/** What goes wrong is the answer. */
function guarded(request: IncomingMessage, response: ServerResponse, run: () => void): void {
  try {
    run()
  } catch (error) {
    const message = error instanceof Error ? error.message : 'what was thrown is no error'
    if (response.headersSent) response.destroy()
    else send(request, response, refusal(500, `There is no profile: ${message}`))
  }
}

function send(request: IncomingMessage, response: ServerResponse, given: Answer): void {
  const { status, type, body, headers = {} } = given
  if (response.headersSent || response.destroyed) return
  const isHead = request.method === 'HEAD'
  response.writeHead(status, {
    'content-type': type,
    ...(isHead ? {} : { 'content-length': Buffer.byteLength(body) }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(isHead ? undefined : body)
}

function index(): string {
  const rows = Object.entries(ENDPOINTS).map(
    ([name, { about }]) =>
      `<li><a href="${name}?debug=1">${name}</a>: ${about} ` +
      `(<a href="${name}">pprof</a>, <a href="${name}?seconds=10">of 10 seconds</a>)</li>`,
  )
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>offheap: profiles</title>',
    '<h1>offheap: profiles</h1>',
    `<ul>${rows.join('')}</ul>`,
    '<p>Memory outside of the JavaScript heap. <code>go tool pprof</code> reads these.</p></html>\n',
  ].join('\n')
}
