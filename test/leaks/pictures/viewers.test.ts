/**
 * Pictures of the viewers, with what the command made of the profile of a service in them: an issue,
 * `go tool pprof`, speedscope, Chrome's developer tools and Valgrind's dh_view. To make them anew, see
 * terminal.test.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { marked } from 'marked'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderJson } from '../../../lib/leaks/render/json.js'
import { expectCode, offheap, work } from '../../cli/support/command.js'
import { service } from '../html/service.js'
import { CHROMIUM, DH_VIEW, openBrowser, textOf } from '../support/browser.js'
import { programPath } from '../support/programs.js'
import { fileOf, openLight, take } from './camera.js'

const WIDTH = 1100
/** Milliseconds after which speedscope has drawn what it moves to. */
const SETTLES = 500
const profile = join(work, 'profile.json')
const go = programPath('go')
const speedscope = join(
  dirname(createRequire(import.meta.url).resolve('speedscope/package.json')),
  'dist/release/index.html',
)

/** The file that the command makes of the profile. */
async function made(file: string, ...options: string[]): Promise<string> {
  const out = join(work, file)
  expectCode(await offheap(['report', profile, '--out', out, ...options]), 0)
  return out
}

/** Asks again and again for what is not there at first. */
async function once<T>(ask: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await ask()
    if (answer !== null) return answer
    await sleep(50)
  }
  throw new Error('It has not come in ten seconds')
}

/** The element that fits; `waitForSelector` does not notice those that come into shadow roots. */
const found = (page: Page, selector: string) => once(() => page.$(selector))

/** Gives a file to the page as a user does, by its button. */
async function load(page: Page, file: string): Promise<void> {
  const input = await once(() => page.$('>>> input[type=file]'))
  await input.uploadFile(file)
}

const painted = (page: Page): Promise<unknown> =>
  page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')

describe.skipIf(CHROMIUM === undefined)('pictures of viewers, in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    writeFileSync(profile, renderJson(service()))
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('markdown, in an issue', async () => {
    const text = readFileSync(await made('leaks.md', '--limit', '2'), 'utf8')
    const page = await openLight(browser, 'about:blank', [1000, 900])
    const style = `.markdown-body { box-sizing: border-box; width: 860px; padding: 8px 24px 0;
      font-size: 13px; border: 1px solid #d0d7de; border-radius: 6px }`
    await page.setContent(
      `<!doctype html><style>${fileOf('github-markdown-css/github-markdown-light.css')}${style}</style>
      <article class="markdown-body">${await marked.parse(text)}</article>`,
    )
    expect(await page.$$eval('tr', (rows) => rows.length)).toBe(3)
    await take('markdown', page, 'article')
  })

  test('speedscope', async () => {
    const page = await inSpeedscope(browser, await made('leaks.speedscope.json'), 420)
    // On the widest frame of the uploads: its figure and its line are shown beside it.
    await page.mouse.move(180, 313)
    await sleep(SETTLES)
    expect(await textOf(page)).toContain('19.38 MB (36%)')
    await take('speedscope', page)
  })

  test('folded, in speedscope', async () => {
    const page = await inSpeedscope(browser, await made('leaks.folded.txt'), 420)
    await take('folded', page)
  })

  test('heapprofile, in the developer tools', async () => {
    const url = 'devtools://devtools/bundled/js_app.html'
    const page = await openLight(browser, url, [WIDTH, 356])
    await (await found(page, '>>> #tab-heap-profiler')).click()
    await load(page, await made('leaks.heapprofile'))
    const loaded = '>>> .profile-sidebar-tree-item[aria-label$=Loaded]'
    await (await found(page, loaded)).click()
    const first = await found(page, '>>> td.function-column')
    expect(await first.evaluate((cell) => cell.textContent)).toContain('copyBody')
    // Opens its callers.
    await first.click()
    await page.keyboard.press('ArrowRight')
    await painted(page)
    await take('heapprofile', page)
  })

  test.skipIf(go === undefined)('pprof', async () => {
    const { server, url } = await pprofServer(await made('leaks.pb.gz'))
    try {
      const page = await openLight(browser, `${url}/ui/flamegraph`, [WIDTH, 370])
      await page.waitForFunction(`document.body.innerText.includes('copyBody')`)
      await painted(page)
      await take('pprof', page)
    } finally {
      // Both processes of `go tool`.
      process.kill(-server.pid!, 'SIGKILL')
    }
  })

  test.skipIf(DH_VIEW === undefined)('dhat, in dh_view', async () => {
    const page = await openLight(browser, pathToFileURL(DH_VIEW!).href, [WIDTH, 600])
    const metric = await page.$$eval('option', (options) =>
      options.findIndex(({ label }) => label === 'At t-end (bytes)'),
    )
    await page.select('select', String(metric))
    await load(page, await made('leaks.dhat.json'))
    await page.waitForFunction(`document.body.innerText.includes('Processing time')`)
    expect(await textOf(page)).toContain('copyBody')
    await take('dhat', page)
  })
})

/** A file in speedscope's left heavy view. */
async function inSpeedscope(browser: Browser, file: string, height: number) {
  const page = await openLight(browser, pathToFileURL(speedscope).href, [WIDTH, height])
  await load(page, file)
  await page.waitForFunction(`document.body.innerText.includes('Export')`)
  await page.keyboard.press('2')
  await sleep(SETTLES)
  // Icons of its buttons, which Debian has no font for.
  await page.evaluate(`for (const { childNodes } of document.querySelectorAll('span'))
    for (const node of childNodes)
      if (/^\\p{Extended_Pictographic}\\uFE0F?$/u.test(node.data)) node.data = ''`)
  return page
}

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** `go tool pprof` as a web page, once it answers: it says that it serves before it does. */
async function pprofServer(file: string): Promise<{ server: ChildProcess; url: string }> {
  const address = `127.0.0.1:${await freePort()}`
  const args = ['tool', 'pprof', `-http=${address}`, '-no_browser', '-symbolize=none', file]
  const env = { ...process.env, PPROF_TMPDIR: work }
  const server = spawn(go!, args, { detached: true, env, stdio: 'ignore' })
  const failed = new Promise<never>((_, reject) => {
    server.on('error', reject)
    server.on('exit', (code) => reject(new Error(`go tool pprof has ended with code ${code}`)))
  })
  // Also when it is killed at the end, and nobody waits any more.
  failed.catch(() => {})
  const url = `http://${address}`
  await Promise.race([failed, once(() => fetch(url).catch(() => null))])
  return { server, url }
}
