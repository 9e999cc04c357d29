/**
 * The picture in the documentation, from the profile of service.ts. To make it anew:
 * OFFHEAP_PICTURES=docs/img npx vitest run test/leaks/html/pictures.test.ts
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { describePages, settled } from './browser.js'
import { service } from './service.js'

const ROOT = new URL('../../../', import.meta.url)
const PICTURE = 'leak-report.png'
const folder = process.env['OFFHEAP_PICTURES']

describePages('the picture of the report', (open) => {
  it('can be taken', async () => {
    const { page } = await open(service(), { width: 1280, height: 900 })
    await settled(page)
    const picture = await page.screenshot({ type: 'png' })
    expect(picture.length).toBeGreaterThan(20_000)
    if (folder === undefined) return
    const target = new URL(`${folder}/`, ROOT)
    mkdirSync(target, { recursive: true })
    writeFileSync(new URL(PICTURE, target), picture)
  })

  it('is in the documentation', () => {
    expect(statSync(fileURLToPath(new URL(`docs/img/${PICTURE}`, ROOT))).size).toBeLessThan(200_000)
  })
})
