/** Takes the pictures in the documentation, and writes them where OFFHEAP_PICTURES says. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'puppeteer-core'
import { expect } from 'vitest'
import { root } from '../../docs/markdown.js'
import { openPage } from '../support/browser.js'

/** Bytes that a picture of the documentation may have. */
export const LARGEST = 150_000
const SMALLEST = 5_000
const folder = process.env['OFFHEAP_PICTURES']

/** A page of so many pixels, light whatever the system is. */
export async function openLight(
  browser: Browser,
  url: string,
  [width, height]: readonly [number, number],
): Promise<Page & { errors: string[] }> {
  const page = await openPage(browser, 'about:blank')
  await page.setViewport({ width, height })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  await page.goto(url)
  return page
}

/**
 * Takes a picture of a page, or of an element of it. Pages end with the browser: the developer tools
 * do not let themselves be closed.
 */
export async function take(
  name: string,
  page: Page & { errors: string[] },
  selector?: string,
): Promise<void> {
  const subject = selector === undefined ? page : (await page.$(selector))!
  const picture = await subject.screenshot({ type: 'png', captureBeyondViewport: false })
  expect(page.errors).toEqual([])
  keep(name, picture)
}

/** Writes a picture, when pictures are asked for. */
export function keep(name: string, picture: Uint8Array): void {
  expect(picture.length).toBeGreaterThan(SMALLEST)
  expect(picture.length).toBeLessThan(LARGEST)
  if (folder === undefined) return
  const target = join(root, folder)
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, `${name}.png`), picture)
}

const require = createRequire(import.meta.url)

/** The text of a file that an npm package has. */
export const fileOf = (name: string): string => readFileSync(require.resolve(name), 'utf8')
