/**
 * The viewers themselves open what is rendered: speedscope (its own format, and as a second
 * importer .heapprofile and pprof), and Valgrind's dh_view.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LeakProfile } from '../../../lib/leaks/profile.js'
import { diffProfiles } from '../../../lib/leaks/profile-diff.js'
import { FORMATS } from '../../../lib/leaks/render/index.js'
import { CHROMIUM, DH_VIEW, openBrowser, openPage, textOf } from '../support/browser.js'
import { js, profileOf, site, uploads } from './mock.js'
import { schemaErrors } from './schema.js'

const release = fileURLToPath(
  new URL('../../../node_modules/speedscope/dist/release/', import.meta.url),
)
const folder = mkdtempSync(join(tmpdir(), 'offheap-viewers-'))
let browser: Browser | undefined
beforeAll(async () => {
  if (CHROMIUM !== undefined) browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
/** Renders to a file of its own. */
function written(format: keyof typeof FORMATS, profile: LeakProfile): string {
  const { render, extension } = FORMATS[format]
  const file = join(folder, `${(files += 1)}.${extension}`)
  writeFileSync(file, render(profile))
  return file
}

interface Seen {
  /** Symbol names and what they have: total and self. */
  rows: Record<string, [total: string, self: string]>
  /** The text of the page. */
  text: string
}

/** Opens a file in speedscope and reads its sandwich view, a table; `index`: of which profile. */
async function inSpeedscope(file: string, index = 0): Promise<Seen> {
  const page = await openPage(browser!, pathToFileURL(join(release, 'index.html')).href)
  const input = await page.waitForSelector('input[type=file]')
  await input!.uploadFile(file)
  await page.waitForFunction(`document.body.innerText.includes('Export')`)
  for (let i = 0; i < index; i += 1) await page.keyboard.press('n')
  await page.keyboard.press('3')
  await page.waitForFunction(
    `[...document.querySelectorAll('td')].some((cell) => cell.innerText.includes('%)'))`,
  )
  // The menu of profiles has rows too, without shares.
  const cells = await page.$$eval('tr', (rows) =>
    rows
      .map((row) => [...row.querySelectorAll('td')].map((cell) => cell.innerText.trim()))
      .filter(([total]) => total?.endsWith('%)')),
  )
  const text = await textOf(page)
  expect(page.errors).toEqual([])
  await page.close()
  const rows = cells.map(([total, self, name]) => [name!.trim(), [total!, self!]] as const)
  return { rows: Object.fromEntries(rows), text }
}

/** What speedscope shows of the uploads' live bytes. */
const LIVE = {
  keep: ['1.50 MB (82%)', '1.50 MB (82%)'],
  handle: ['1.76 MB (97%)', '0 B (<0.01%)'],
  table: ['64.00 KB (3.4%)', '64.00 KB (3.4%)'],
}

describe.skipIf(CHROMIUM === undefined)('speedscope, in Chromium', () => {
  test('shows the live bytes of each function', async () => {
    const { rows, text } = await inSpeedscope(written('speedscope', uploads()))
    expect(text).toContain('inuse_space (1/4)')
    expect(rows).toMatchObject({ ...LIVE, '0x9e1': ['264.00 KB (14%)', '264.00 KB (14%)'] })
  })

  test('shows all four figures', async () => {
    const file = written('speedscope', uploads())
    const seen = [await inSpeedscope(file, 1), await inSpeedscope(file, 2)]
    seen.push(await inSpeedscope(file, 3))
    expect(seen[0]!.text).toContain('alloc_space (2/4)')
    expect(seen[0]!.rows['keep']![0]).toBe('18.00 MB (98%)')
    expect(seen[1]!.text).toContain('inuse_objects (3/4)')
    expect(seen[1]!.rows['keep']![0]).toMatch(/^96 \(95%\)$/)
    expect(seen[2]!.text).toContain('alloc_objects (4/4)')
    expect(seen[2]!.rows['(anonymous)']![0]).toMatch(/^103 \(8\.5%\)$/)
  })

  test('shows what became more and what became less', async () => {
    const change = difference()
    const file = written('speedscope', change)
    const more = await inSpeedscope(file)
    expect(more.rows).toEqual({ grew: ['3.00 KB (100%)', '3.00 KB (100%)'] })
    const less = await inSpeedscope(file, 1)
    expect(less.text).toContain('inuse_space, less (2/8)')
    expect(less.rows).toEqual({ vanished: ['2.00 KB (100%)', '2.00 KB (100%)'] })
  })

  test.each(['heapprofile', 'pprof'] as const)('imports %s too', async (format) => {
    const { rows } = await inSpeedscope(written(format, uploads()))
    expect(rows).toMatchObject(LIVE)
  })

  test.each(['heapprofile', 'pprof', 'speedscope'] as const)(
    'takes names of any characters from %s',
    async (format) => {
      const name = '<img src=x onerror="alert(1)">\u202e漢字;\n'
      const odd = { function: name, file: '</script>', line: 1, column: 1 }
      const profile = profileOf([site({ stack: [odd], liveBlocks: 1, liveBytes: 2048 })])
      const { rows } = await inSpeedscope(written(format, profile))
      expect(rows[name.trim()]?.[1]).toBe('2.00 KB (100%)')
    },
  )
})

/** One site grew and another vanished. */
function difference(): LeakProfile {
  const grew = { stack: [js('grew src/a.ts:1:1')], liveBlocks: 2 }
  const vanished = site({
    stack: [js('vanished src/b.ts:2:2')],
    liveBlocks: 1,
    liveBytes: 2048,
  })
  const earlier = profileOf([site({ ...grew, liveBytes: 1024 }), vanished])
  return diffProfiles(
    profileOf([site({ ...grew, liveBytes: 4096 })], { takenAt: '2026-11-21T10:05:00.000Z' }),
    earlier,
  )
}

test("speedscope's schema says the same", () => {
  const schema = JSON.parse(
    readFileSync(join(release, 'file-format-schema.json'), 'utf8'),
  ) as object
  for (const profile of [uploads(), difference(), profileOf([])]) {
    const file = JSON.parse(FORMATS.speedscope.render(profile)) as { profiles: object[] }
    expect(schemaErrors(schema, file)).toEqual([])
    expect(schemaErrors(schema, { ...file, profiles: [{}] })).not.toEqual([])
  }
})

describe.skipIf(DH_VIEW === undefined || CHROMIUM === undefined)('dh_view, in Chromium', () => {
  async function inViewer(profile: LeakProfile): Promise<string> {
    const page = await openPage(browser!, pathToFileURL(DH_VIEW!).href)
    const input = await page.waitForSelector('input[type=file]')
    // "At t-end (bytes)" is the metric of what is live.
    const metric = await page.$$eval('option', (options) =>
      options.findIndex(({ label }) => label === 'At t-end (bytes)'),
    )
    await page.select('select', String(metric))
    await input!.uploadFile(written('dhat', profile))
    await page.waitForFunction(`document.body.innerText.includes('Processing time')`)
    const text = await textOf(page)
    expect(page.errors).toEqual([])
    await page.close()
    return text.replace(/ +/g, ' ')
  }

  test('shows the program, the totals and the lines of code', async () => {
    const text = await inViewer(uploads())
    expect(text).toContain('Command: node app.js')
    expect(text).toMatch(/t-end: +30,000,000 µs/)
    expect(text).toContain('At t-end: 1,908,736 bytes (100%) in 101 blocks (100%)')
    expect(text).toContain('0x0: keep (src/upload.ts:41:18)')
    expect(text).toContain('0x4F2: deflateInit2_ (in /usr/lib/libz.so.1)')
    expect(text).toMatch(/At t-end: 1,572,864 bytes \(82\.4%\) in 96 blocks/)
  })

  test('takes sites that differ in allocator only, and stacks within each other', async () => {
    const [inner, outer] = [js('inner src/a.ts:1:1'), js('outer src/a.ts:9:1')]
    const one = { liveBlocks: 1, liveBytes: 1000 }
    const text = await inViewer(
      profileOf([
        site({ ...one, stack: [inner, outer] }),
        site({ ...one, stack: [inner, outer], allocator: 'SlabAllocator' }),
        site({ ...one, stack: [inner] }),
        site({ ...one, stack: [] }),
      ]),
    )
    expect(text).toContain('At t-end: 4,000 bytes (100%)')
    expect(text).toContain('At t-end: 2,000 bytes (50%)')
    expect(text).toContain('0x0: (unknown) (unknown)')
  })

  test('takes a difference', async () => {
    expect(await inViewer(difference())).toContain('change since 2026-11-21T10:00:30.000Z')
  })
})
