/** The table of sites: its figures are the profile's, in the order that is asked for. */
import type { Page } from 'puppeteer-core'
import { expect, it } from 'vitest'
import type { LeakProfile, Site } from '../../../lib/leaks/profile.js'
import { describePages, settled, textOf } from './browser.js'
import { large, small } from './mock.js'
import { service } from './service.js'

const SHOWN = 20

/** The exact figures of the first rows. */
const values = (page: Page, key: string): Promise<number[]> =>
  page.$$eval(
    `tbody .column-${key}`,
    (cells, count) =>
      (cells as HTMLElement[]).slice(0, count).map((cell) => Number(cell.dataset['value'])),
    SHOWN,
  )

const texts = (page: Page, key: string): Promise<string[]> =>
  page.$$eval(
    `tbody .column-${key}`,
    (cells, count) => cells.slice(0, count).map((cell) => cell.textContent),
    SHOWN,
  )

async function sortBy(page: Page, key: string): Promise<string | null> {
  await page.click(`[data-key=${key}] button`)
  await settled(page)
  return page.$eval(`[data-key=${key}]`, (head) => head.getAttribute('aria-sort'))
}

const FIGURES = [
  'liveBytes',
  'liveBlocks',
  'allocs',
  'frees',
  'temporary',
  'peakBytes',
  'totalBytes',
] as const

/** The first rows of a profile's sites by a key; those alike in the profile's order. */
function expected(profile: LeakProfile, by: (a: Site, b: Site) => number): Site[] {
  return profile.sites.toSorted(by).slice(0, SHOWN)
}

describePages('the table of sites', (open) => {
  it('begins with the largest live bytes', async () => {
    const profile = service()
    const { page } = await open(profile)
    expect(await textOf(page, '.table-count')).toBe('340 sites')
    expect(await values(page, 'liveBytes')).toEqual(
      profile.sites.slice(0, SHOWN).map(({ liveBytes }) => liveBytes),
    )
    expect(await textOf(page, 'tbody th')).toBe('routes/upload.ts:97 copyBody')
  })

  it.each(FIGURES)('sorts by %s, and all figures stay with their rows', async (key) => {
    const profile = service()
    const { page } = await open(profile)
    // It begins sorted by these.
    const first = key === 'liveBytes' ? 'ascending' : 'descending'
    const second = key === 'liveBytes' ? 'descending' : 'ascending'
    for (const way of [first, second]) {
      expect(await sortBy(page, key)).toBe(way)
      const sign = way === 'descending' ? -1 : 1
      const rows = expected(profile, (a, b) => sign * (a[key] - b[key]))
      for (const figure of FIGURES) {
        expect(await values(page, figure), figure).toEqual(rows.map((row) => row[figure]))
      }
      expect(await texts(page, 'why')).toEqual(rows.map(({ why }) => why))
      expect(await texts(page, 'allocator')).toEqual(rows.map(({ allocator }) => allocator))
    }
    expect(await page.$$eval('[aria-sort=none]', (all) => all.length)).toBe(11)
  })

  it('sorts by words', async () => {
    const profile = service()
    const { page } = await open(profile)
    const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
    const words: [key: string, of: (site: Site) => string][] = [
      ['why', ({ why }) => why],
      ['scopes', ({ scopes }) => scopes.join(' › ')],
      ['allocator', ({ allocator }) => allocator],
    ]
    for (const [key, of] of words) {
      for (const way of ['ascending', 'descending']) {
        expect(await sortBy(page, key)).toBe(way)
        const sign = way === 'ascending' ? 1 : -1
        const rows = expected(profile, (a, b) => sign * order(of(a), of(b)))
        expect(await texts(page, key)).toEqual(rows.map(of))
        expect(await values(page, 'liveBytes')).toEqual(rows.map(({ liveBytes }) => liveBytes))
      }
    }
    await sortBy(page, 'site')
    const sites = await texts(page, 'site')
    expect(sites).toEqual(sites.toSorted())
    // The worst first, as of figures.
    expect(await sortBy(page, 'growth')).toBe('descending')
    expect(new Set(await texts(page, 'growth'))).toEqual(new Set(['growing']))
    await sortBy(page, 'growth')
    expect(new Set(await texts(page, 'growth'))).toEqual(new Set(['unknown']))
  })

  it('opens the stack of a row, with its exact figures and why it lives', async () => {
    const { page } = await open(small())
    await page.click('tr[data-site="1"]')
    await settled(page)
    const stack = await page.$$eval('.stack li', (all) => all.map((line) => line.textContent))
    expect(stack).toEqual([
      'thumbnail /app/src/image.ts:99:11',
      'handle /app/src/routes/upload.ts:42:17',
      'main /app/src/main.ts:10:3',
    ])
    const detail = await textOf(page, '.detail')
    expect(detail).toContain(
      'Handle lost: 2.9 KiB of 2.9 KiB in blocks whose handles were garbage-collected.',
    )
    expect(detail).toContain('Plateau: 2.8 KiB to 2.9 KiB over 3 snapshots.')
    const figures = await page.$$eval('.figures dd[data-value]', (all) =>
      (all as HTMLElement[]).map((one) => Number(one.dataset['value'])),
    )
    expect(figures).toEqual([3000, 3, 9000, 90_000, 503, 500, 480, 3000, 0])
    // The chart shows it beside the whole.
    expect(await textOf(page, '.chart-readout .part')).toBe('2.9 KiB of it in the open site')

    await page.click('.detail button')
    await settled(page)
    expect(await textOf(page, '.crumbs')).toBe(
      'all›main›handle›thumbnail2.9 KiB'.replaceAll('›', ''),
    )
    await page.click('tr[data-site="1"]')
    await settled(page)
    expect(await page.$('.detail')).toBeNull()
  })

  it('marks native and async frames of a stack', async () => {
    const { page } = await open(service())
    await page.type('#search', 'deflateInit2_')
    await settled(page)
    await page.click('tr[data-site]')
    await settled(page)
    const stack = await page.$$eval('.stack li', (all) => all.map((line) => line.textContent))
    expect(stack[0]).toBe(
      'nativedeflateInit2_ /usr/lib/x86_64-linux-gnu/libz.so.1.2.13 +0x5b10 build id a3f1c09be77d',
    )
    expect(stack[3]).toBe('asyncuploadRoute /srv/upload/src/routes/upload.ts:41:9')
    // The line that is named in the table is the user's, not the library's.
    expect(await textOf(page, '.stack .here')).toContain('/srv/upload/src/reply.ts:52:14')
  })

  it('is walked with keys', async () => {
    const { page } = await open(service())
    await page.focus('tr[data-site="0"]')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    const focused = (): Promise<string | undefined> =>
      page.evaluate(() => (document.activeElement as HTMLElement).dataset['site'])
    expect(await focused()).toBe('2')
    await page.keyboard.press('Enter')
    await settled(page)
    expect(await page.$eval('tr[data-site="2"]', (row) => row.ariaExpanded)).toBe('true')
    expect(await focused()).toBe('2')
    await page.keyboard.press('End')
    expect(await focused()).toBe('339')
    await page.keyboard.press('ArrowUp')
    expect(await focused()).toBe('338')
    await page.keyboard.press('Home')
    expect(await focused()).toBe('0')
  })

  it('has only the rows in sight in the document, wherever it is scrolled to', async () => {
    const profile = large(5000, 4, 3, 2)
    const { page } = await open(profile)
    const rows = (): Promise<number[]> =>
      page.$$eval('tr[data-site]', (all) =>
        (all as HTMLElement[]).map((row) => Number(row.dataset['site'])),
      )
    expect((await rows())[0]).toBe(0)
    for (const top of [1000, 60_000, 1e9]) {
      await page.$eval('.table-scroll', (scroller, to) => (scroller.scrollTop = to), top)
      await settled(page)
      const now = await rows()
      expect(now.length).toBeLessThan(90)
      expect(now).toEqual(now.map((_, i) => now[0]! + i))
      // What is in the middle of the table is a row, with the figures of its site.
      const seen = await page.evaluate(() => {
        const { x, y, height } = document.querySelector('.table-scroll')!.getBoundingClientRect()
        const row = document
          .elementFromPoint(x + 20, Math.min(y + height, innerHeight) - 40)!
          .closest('tr')!
        return [
          Number(row.dataset['site']),
          Number(row.querySelector<HTMLElement>('.column-liveBytes')!.dataset['value']),
        ]
      })
      expect(seen[1]).toBe(profile.sites[seen[0]!]!.liveBytes)
    }
    expect((await rows()).at(-1)).toBe(4999)
  })
})
