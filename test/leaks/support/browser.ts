/** Debian's Chromium, for the viewers that are web pages. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { programPath } from './programs.js'

/** Where Chromium is; undefined where it is missing and may be. */
export const CHROMIUM = programPath('chromium')

/**
 * Valgrind's viewer of DHAT's profiles, below the prefix that it was installed in; undefined where
 * it is missing, and where it may not be, a file that is not there.
 */
export const DH_VIEW =
  ['/usr/libexec/valgrind', '/usr/lib/valgrind', '/usr/local/libexec/valgrind']
    .map((place) => join(place, 'dh_view.html'))
    .find((file) => existsSync(file)) ?? (process.env['CI'] ? '/dh_view.html' : undefined)

/** Starts it, headless. Tests close it when they end. */
export function openBrowser(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: CHROMIUM!,
    // Containers of CI have no user namespaces; pages here are local and our own. The last is for
    // viewers that draw with WebGL on machines without a graphics card.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-unsafe-swiftshader'],
  })
}

/** A page that keeps what went wrong in it, and closes at the end of the block. */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<Page & { errors: string[] }> {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('dialog', (dialog) => {
    errors.push(dialog.message())
    void dialog.dismiss()
  })
  await page.goto(url)
  return Object.assign(page, { errors })
}

/** What a page shows, as text. */
export function textOf(page: Page): Promise<string> {
  return page.evaluate('document.body.innerText') as Promise<string>
}
