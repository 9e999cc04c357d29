/**
 * The two sides, each a server process of its own, and the rounds of uploads that they get in turn.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { shuffled } from './corpus.mjs'
import { drive } from './load.mjs'

export const ARMS = /** @type {const} */ (['offheap', 'buffers'])

const SERVER = fileURLToPath(new URL('./server.mjs', import.meta.url))
/** A server that takes longer than this for a message has hung. */
const ANSWER_TIMEOUT_MS = 20_000
const SEED = 20_251

/**
 * glibc's malloc raises its thresholds for mmap and for trimming by the largest block it has mapped
 * and been given back. So Buffers of large bodies, once freed, make it keep memory that zlib's
 * state and the like then reuse, and a process with its large bodies elsewhere goes on returning
 * that memory and faulting it in again. Both sides get what glibc would adapt to at most, from the
 * start; otherwise this is what would be compared. Variables that are set already stay as they are;
 * other C libraries ignore these.
 */
const SAME_MALLOC = {
  MALLOC_MMAP_THRESHOLD_: String(32 << 20),
  MALLOC_TRIM_THRESHOLD_: String(64 << 20),
}

/** A server process and the connections to it. */
export class Arm {
  #child
  #agent
  #port = 0

  /**
   * @param {typeof ARMS[number]} name
   * @param {object} options
   * @param {number} options.concurrency connections
   * @param {number} options.maxBody in bytes
   * @param {boolean} options.defaultMalloc leave glibc's thresholds alone
   */
  constructor(name, { concurrency, maxBody, defaultMalloc }) {
    this.name = name
    this.concurrency = concurrency
    const args = [
      '--arm',
      name,
      '--concurrency',
      String(concurrency),
      '--max-body',
      String(maxBody),
    ]
    // What a server prints is an error, and stdout may be wanted as JSON.
    const env = defaultMalloc ? process.env : { ...SAME_MALLOC, ...process.env }
    this.#child = fork(SERVER, args, { stdio: ['ignore', 2, 2, 'ipc'], env })
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: concurrency })
  }

  async ready() {
    this.#port = (await this.#message('ready')).ready
  }

  /** @returns {Promise<import('./load.mjs').Round>} */
  drive(uploads) {
    return drive({ port: this.#port, agent: this.#agent }, this.concurrency, uploads)
  }

  /** From now on the server counts. */
  begin() {
    this.#send('begin')
  }

  /** @returns {Promise<object>} what the server measured since `begin()` */
  async report() {
    this.#send('report')
    return (await this.#message('report')).report
  }

  /** Asks the server to finish what it is doing, free its memory and leave. */
  async stop() {
    this.#agent.destroy()
    const exited = once(this.#child, 'exit', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    this.#send('stop')
    const [code] = await exited
    if (code !== 0) throw new Error(`the ${this.name} server ended with exit code ${code}`)
  }

  /** For a run that is given up. */
  kill() {
    this.#agent.destroy()
    this.#child.kill('SIGKILL')
  }

  #send(message) {
    if (!this.#child.connected) throw new Error(`the ${this.name} server has ended before its time`)
    this.#child.send(message)
  }

  async #message(what) {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    const exit = once(this.#child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the ${this.name} server ended with exit code ${code}`)
    })
    const [message] = await Promise.race([once(this.#child, 'message', { signal }), exit])
    if (!(what in message)) throw new Error(`expected ${what} from the ${this.name} server`)
    return message
  }
}

/**
 * Rounds until the time is up, at least one. A round is the whole corpus, in an order of its own,
 * sent to one side and then in the same order to the other; who goes first alternates. So what else
 * the machine does meanwhile falls on both, and the two figures of a round can be compared as a
 * pair.
 * @param {readonly Arm[]} arms
 * @param {readonly import('./corpus.mjs').Upload[]} corpus
 * @param {number} seconds
 * @param {(state: { rounds: number, arm: string, elapsed: number }) => void} onProgress
 * @returns {Promise<Record<string, import('./load.mjs').Round>[]>}
 */
export async function rounds(arms, corpus, seconds, onProgress) {
  const done = []
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  // Another round is begun if at least half of it still fits.
  while (done.length === 0 || elapsed() + elapsed() / done.length / 2 < seconds) {
    const uploads = shuffled(corpus, SEED + done.length)
    const round = {}
    for (const arm of done.length % 2 ? arms.toReversed() : arms) {
      onProgress({ rounds: done.length, arm: arm.name, elapsed: elapsed() })
      round[arm.name] = await arm.drive(uploads)
    }
    done.push(round)
    if (arms.some(({ name }) => round[name].failures.length > 0)) break
  }
  return done
}
