/**
 * Pages in Debian's Chromium, from a file and with no network. Where it is missing, tests are skipped by name,
 * and in CI, which installs it, that is a failure.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type Page, launch } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LeakProfile } from '../../../lib/leaks/profile.js'
import { type HtmlOptions, renderHtml } from '../../../lib/leaks/render/html.js'

/** '' where there is none, nor a `which`. */
const CHROMIUM = String(spawnSync('which', ['chromium']).stdout ?? '').trim()

export interface Opened {
  page: Page
  /** All that the page asked for after its own file. */
  requests: string[]
  /** Errors that nobody caught, and what the console and the policy complained of. */
  errors: string[]
  /** Milliseconds from the start of its loading until the first picture was painted. */
  painted: number
}

export type Open = (
  profile: LeakProfile,
  options?: HtmlOptions & { width?: number; height?: number; dark?: boolean },
) => Promise<Opened>

/** A suite of pages. Each test's own are closed after it, and must have asked for nothing, without errors. */
export function describePages(name: string, tests: (open: Open) => void): void {
  describe.skipIf(CHROMIUM === '')(name, () => {
    const folder = mkdtempSync(join(tmpdir(), 'offheap-html-'))
    let browser: Browser | undefined
    let opened: Opened[] = []

    beforeAll(async () => {
      browser = await launch({
        executablePath: CHROMIUM,
        // As root there is no sandbox; the pages are our own.
        args: ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'],
      })
    })
    afterEach(async () => {
      const mine = opened
      opened = []
      for (const { page } of mine) await page.close()
      expect(mine.flatMap(({ requests }) => requests)).toEqual([])
      expect(mine.flatMap(({ errors }) => errors)).toEqual([])
    })
    afterAll(async () => {
      await browser?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    tests(async (profile, { width = 1280, height = 900, dark = false, ...options } = {}) => {
      const file = join(folder, 'report.html')
      writeFileSync(file, renderHtml(profile, options))
      const page = await browser!.newPage()
      await page.setViewport({ width, height })
      await page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
      ])
      const one: Opened = { page, requests: [], errors: [], painted: 0 }
      opened.push(one)
      const { href } = pathToFileURL(file)
      page.on('request', (request) => {
        // A data: URL is no request.
        if (request.url() !== href && !request.url().startsWith('data:')) {
          one.requests.push(request.url())
        }
      })
      page.on('pageerror', (error) => one.errors.push(String(error)))
      page.on('console', (message) => {
        if (message.type() === 'error') one.errors.push(message.text())
      })
      await page.goto(href)
      const painted = await page.waitForSelector('html[data-painted]', { timeout: 60_000 })
      one.painted = Number(await painted!.evaluate((html) => html.dataset['painted']))
      return one
    })
  })
  const missing = CHROMIUM === '' ? ['chromium'] : []
  it.skipIf(!process.env['CI']).each(missing)(`${name}: %s is not installed`, () => {
    expect.unreachable('CI has it')
  })
}

/** The text of the first element that fits. */
export const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (found) => found.textContent ?? '')

/** The page has drawn what was asked of it. */
export const settled = (page: Page): Promise<void> =>
  page.evaluate(
    () =>
      new Promise<void>((done) => {
        requestAnimationFrame(() => requestAnimationFrame(() => done()))
      }),
  )
