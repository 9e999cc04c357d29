/** The flame graph: what a click, a key, a search and the controls do to it. */
import type { Page } from 'puppeteer-core'
import { expect, it } from 'vitest'
import { describePages, settled, textOf } from './browser.js'
import { change, frame, profileOf, site, small } from './mock.js'

const ROW = 20

/** The middle of a row, so far from the left as a part of the width. */
async function point(page: Page, row: number, part: number): Promise<[x: number, y: number]> {
  const box = (await (await page.$('.flame-canvas'))!.boundingBox())!
  return [box.x + part * box.width, box.y + (row + 0.5) * ROW]
}

async function click(page: Page, row: number, part: number): Promise<void> {
  await page.mouse.click(...(await point(page, row, part)))
  await settled(page)
}

/** What the tooltip says of the frame that is there. */
async function tip(page: Page, row: number, part: number): Promise<Record<string, string>> {
  await page.mouse.move(...(await point(page, row, part)))
  return page.evaluate(() => {
    const shown = document.querySelector<HTMLElement>('.tip')!
    if (shown.hidden) return {}
    const of = (name: string): string => shown.querySelector(name)?.textContent ?? ''
    const terms = [...shown.querySelectorAll('dt')].map((term) => [
      term.textContent,
      term.nextElementSibling!.textContent,
    ])
    return { name: of('.tip-name'), place: of('.tip-place'), ...Object.fromEntries(terms) }
  })
}

/** The colour in the lower right of a frame, where there is no text. */
const colour = async (page: Page, row: number, part: number): Promise<string> => {
  const box = (await (await page.$('.flame-canvas'))!.boundingBox())!
  return page.$eval(
    '.flame-canvas',
    (canvas, x, y) => {
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(x, y, 1, 1)
      return [...data].slice(0, 3).join()
    },
    Math.round(part * box.width) - 4,
    row * ROW + 16,
  )
}

const crumbs = (page: Page): Promise<string[]> =>
  page.$$eval('.crumb', (all) => all.map((one) => one.textContent))

const names = (page: Page): Promise<string[]> =>
  page.$$eval('tbody .name', (all) => all.map((one) => one.textContent))

describePages('the flame graph', (open) => {
  it('shows each frame with its figures', async () => {
    const { page } = await open(small())
    expect(await tip(page, 0, 0.5)).toMatchObject({ name: 'all', 'Live bytes': '9.8 KiB' })
    expect(await tip(page, 1, 0.5)).toMatchObject({
      name: 'main',
      place: '/app/src/main.ts:10:3',
      'of all': '100.0 %',
    })
    expect(await tip(page, 2, 0.5)).toEqual({
      name: 'handle',
      place: '/app/src/routes/upload.ts:42:17',
      'Live bytes': '8.8 KiB',
      '': '9,000 bytes',
      'of all': '90.0 %',
      'Allocated bytes': '97.7 KiB',
      "Sites' peak bytes": '15.6 KiB',
      Stacks: '2 sites',
    })
    expect(await tip(page, 2, 0.95)).toMatchObject({
      name: 'deflateInit_',
      place: '/usr/lib/libz.so.1.2.13 +0x4f20 build id a3f1c09be77d',
      'Live bytes': '1,000 B',
    })
    // Widest first: 6000, 3000, and nothing below the C library's.
    expect(await tip(page, 3, 0.59)).toMatchObject({ name: 'readBody' })
    expect(await tip(page, 3, 0.61)).toMatchObject({ name: 'thumbnail' })
    expect(await tip(page, 3, 0.95)).toEqual({})
  })

  it('zooms to what is clicked, and out by the way there', async () => {
    const { page } = await open(small())
    await click(page, 2, 0.5)
    expect(await crumbs(page)).toEqual(['all', 'main', 'handle'])
    expect(await textOf(page, '.crumb-figure')).toBe('8.8 KiB')
    // Two thirds of what is zoomed to, which has the whole width now, below its callers.
    expect(await tip(page, 1, 0.99)).toMatchObject({ name: 'main' })
    expect(await tip(page, 3, 0.66)).toMatchObject({
      name: 'readBody',
      'of all': '60.0 %',
      'of what is zoomed to': '66.7 %',
    })
    expect(await tip(page, 3, 0.68)).toMatchObject({ name: 'thumbnail' })
    // The table shows the sites below it.
    expect(await names(page)).toEqual(['readBody', 'thumbnail'])
    expect(await textOf(page, '.table-count')).toBe('2 sites of 3 sites, 8.8 KiB live')

    await click(page, 3, 0.3)
    expect(await crumbs(page)).toEqual(['all', 'main', 'handle', 'readBody'])
    await page.click('.crumbs li:nth-child(2) button')
    expect(await crumbs(page)).toEqual(['all', 'main'])
    await page.click('.crumbs li:nth-child(1) button')
    expect(await crumbs(page)).toEqual(['all'])
    expect(await names(page)).toHaveLength(3)
  })

  it("zooms out by Escape, by the callers' rows, and by the browser's way back", async () => {
    const { page } = await open(small())
    await click(page, 3, 0.3)
    await page.keyboard.press('Escape')
    expect(await crumbs(page)).toEqual(['all', 'main', 'handle'])
    await click(page, 1, 0.9)
    expect(await crumbs(page)).toEqual(['all', 'main'])
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => document.querySelectorAll('.crumb').length === 3)
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => document.querySelectorAll('.crumb').length === 4)
    await page.evaluate(() => history.forward())
    await page.waitForFunction(() => document.querySelectorAll('.crumb').length === 3)
  })

  it('is walked and zoomed with keys, and says where one is', async () => {
    const { page } = await open(small())
    await page.focus('.flame-scroll')
    const said = (): Promise<string> => textOf(page, '.flame [aria-live]')
    const press = async (...keys: string[]): Promise<string> => {
      for (const key of keys) await page.keyboard.press(key as 'Enter')
      return said()
    }
    expect(await press('ArrowDown')).toBe('all, 9.8 KiB live, 100.0 %')
    expect(await press('ArrowDown', 'ArrowDown')).toBe(
      'handle, /app/src/routes/upload.ts:42:17, 8.8 KiB live, 90.0 %',
    )
    expect(await press('ArrowRight')).toContain('deflateInit_')
    expect(await press('ArrowRight', 'ArrowDown')).toContain('deflateInit_')
    expect(await press('ArrowLeft', 'ArrowDown', 'ArrowRight')).toContain('thumbnail')
    expect(await press('ArrowUp')).toContain('handle')
    await press('Enter')
    expect(await crumbs(page)).toEqual(['all', 'main', 'handle'])
    await press('ArrowDown', 'Enter')
    expect(await crumbs(page)).toEqual(['all', 'main', 'handle', 'readBody'])
    await press('Home')
    expect(await crumbs(page)).toEqual(['all'])
  })

  it('draws the figure that is chosen', async () => {
    const { page } = await open(small())
    const widths: [choice: string, label: string, value: string][] = [
      ['Live blocks', 'Live blocks', '63'],
      ['Allocated bytes', 'Allocated bytes', '97.7 KiB'],
      ['Allocations', 'Allocations', '603'],
      ["Sites' peak bytes", "Sites' peak bytes", '15.6 KiB'],
    ]
    for (const [choice, label, value] of widths) {
      const option = await page.$$eval(
        '#metric option',
        (all, wanted) => all.find((one) => one.textContent === wanted)!.value,
        choice,
      )
      await page.select('#metric', option)
      expect(await tip(page, 2, 0.5)).toMatchObject({ name: 'handle', [label]: value })
    }
    // Of allocated bytes the thumbnail has nine tenths, and comes first.
    await page.select('#metric', '2')
    expect(await tip(page, 3, 0.85)).toMatchObject({ name: 'thumbnail' })
    // Where the figure is 0, there is nothing, and the zoom ends above it.
    const none = await open(
      profileOf([
        site([frame('inner a.js:2:1'), frame('outer a.js:1:1')], { liveBytes: 0, totalBytes: 500 }),
        site([frame('outer a.js:1:1')], { liveBytes: 10 }),
      ]),
    )
    await none.page.select('#metric', '2')
    await click(none.page, 2, 0.5)
    expect(await crumbs(none.page)).toEqual(['all', 'outer', 'inner'])
    await none.page.select('#metric', '0')
    expect(await crumbs(none.page)).toEqual(['all', 'outer'])
  })

  it('inverted begins with the allocating lines', async () => {
    const { page } = await open(small())
    await click(page, 2, 0.5)
    await page.click('#inverted')
    await settled(page)
    expect(await crumbs(page)).toEqual(['all'])
    expect(await tip(page, 1, 0.3)).toMatchObject({ name: 'readBody', 'Live bytes': '5.9 KiB' })
    expect(await tip(page, 2, 0.3)).toMatchObject({ name: 'handle', 'Live bytes': '5.9 KiB' })
    expect(await tip(page, 3, 0.3)).toMatchObject({ name: 'main', 'Live bytes': '5.9 KiB' })
    await page.click('#inverted')
    expect(await tip(page, 1, 0.3)).toMatchObject({ name: 'main' })
  })

  it('finds frames, and says how much leads through them', async () => {
    const { page } = await open(small())
    const before = await colour(page, 2, 0.9)
    await page.keyboard.press('/')
    await page.keyboard.type('HANDLE')
    await settled(page)
    expect(await textOf(page, '#found')).toBe('8.8 KiB live (90.0 %) in 2 sites')
    expect(await page.$eval('#found', (found) => (found as HTMLElement).dataset['value'])).toBe(
      '9000',
    )
    expect(await names(page)).toEqual(['readBody', 'thumbnail'])
    expect(await colour(page, 2, 0.9)).not.toBe(before)

    await page.select('#metric', '3')
    expect(await textOf(page, '#found')).toBe('603 allocations (99.3 %) in 2 sites')
    await page.select('#metric', '0')
    // A place, a scope, an allocator; a site that two of its frames fit counts once.
    const finds = async (query: string): Promise<string> => {
      await page.$eval('#search', (box) => ((box as HTMLInputElement).value = ''))
      await page.type('#search', query)
      return textOf(page, '#found')
    }
    expect(await finds('body.ts:7')).toBe('5.9 KiB live (60.0 %) in 1 site')
    expect(await finds('slab')).toBe('5.9 KiB live (60.0 %) in 1 site')
    expect(await finds('/app/src')).toBe('9.8 KiB live (100.0 %) in 3 sites')
    expect(await finds('libz')).toBe('1,000 B live (10.0 %) in 1 site')
    expect(await finds('nowhere')).toBe('0 B live (0.0 %) in 0 sites')
    expect(await textOf(page, '.sites .empty')).toBe('No site has that in its stack.')
    await page.keyboard.press('Escape')
    await settled(page)
    expect(await textOf(page, '#found')).toBe('')
    expect(await names(page)).toHaveLength(3)
    expect(await colour(page, 2, 0.9)).toBe(before)
  })

  it('colours native frames and user frames differently, and marks async ones', async () => {
    const waits = frame('waits /app/a.ts:3:1', { async: true })
    const { page } = await open(
      profileOf([
        site([frame('inner /app/a.ts:1:1'), waits], { liveBytes: 102 }),
        site([frame('lib /app/node_modules/pkg/b.js:1:1')], { liveBytes: 101 }),
        site([frame('emit node:events:1:1')], { liveBytes: 100 }),
      ]),
    )
    const seen = [0.33, 0.66, 0.999].map((part) => colour(page, 1, part))
    expect(new Set(await Promise.all(seen)).size).toBe(3)
    expect(await tip(page, 1, 0.2)).toMatchObject({ name: 'async waits' })
    const legend = await page.$$eval('.legend li', (all) => all.map((one) => one.textContent))
    expect(legend).toEqual(['your files', 'packages', 'Node.js', 'async caller'])
  })

  it('of a difference has signs, and red and blue', async () => {
    const { page } = await open(change())
    expect(await textOf(page, '.when')).toMatch(
      /^Changes from 2026-11-21 13:00:00 UTC to 2026-11-21 14:03:22 UTC/,
    )
    expect(await textOf(page, '[data-total=liveBytes]')).toBe('+1,000 B')
    expect(await textOf(page, '[data-total=sites]')).toBe('3')
    // 2500 more and 1500 less: widths are what changed.
    expect(await tip(page, 3, 0.62)).toMatchObject({ name: 'readBody', 'Live bytes': '+2.4 KiB' })
    expect(await tip(page, 3, 0.63)).toMatchObject({ name: 'thumbnail', 'Live bytes': '−1.5 KiB' })
    expect(await tip(page, 1, 0.5)).toMatchObject({ name: 'main', 'Live bytes': '+1,000 B' })
    const [red, , blue] = (await colour(page, 3, 0.62)).split(',').map(Number)
    expect(red).toBeGreaterThan(blue!)
    const [red2, , blue2] = (await colour(page, 3, 0.999)).split(',').map(Number)
    expect(blue2).toBeGreaterThan(red2!)
    const cells = await page.$$eval('tbody .column-liveBytes', (all) =>
      all.map((one) => [one.textContent, one.className.split(' ').at(-1)]),
    )
    expect(cells).toEqual([
      ['+2.4 KiB', 'more'],
      ['0 B', 'zero'],
      ['−1.5 KiB', 'less'],
    ])
    await page.type('#search', 'thumbnail')
    expect(await textOf(page, '#found')).toBe('−1.5 KiB live in 1 site')
    expect(await textOf(page, '.chart-readout')).toContain('+1,000 B in +23 blocks')
  })

  it('bears a recursion of 10,000 frames', async () => {
    const again = frame('again /app/deep.ts:3:10')
    const deep = Array.from({ length: 10_000 }, (_, i) =>
      i === 0 ? frame('end /app/deep.ts:9:1') : again,
    )
    const { page } = await open(profileOf([site(deep), site([again])]))
    expect(await page.$eval('.flame-space', (space) => (space as HTMLElement).offsetHeight)).toBe(
      10_001 * ROW,
    )
    await page.$eval('.flame-scroll', (scroller) => (scroller.scrollTop = 1e9))
    await settled(page)
    const box = (await (await page.$('.flame-scroll'))!.boundingBox())!
    await page.mouse.click(box.x + 100, box.y + box.height - 10)
    await settled(page)
    expect(await textOf(page, '.crumbs')).toMatch(/^allagain9,993 framesagain.*end1\.0 KiB$/)
    await page.click('tr[data-site]')
    await settled(page)
    expect(await textOf(page, '.stack')).toContain('9,800 frames left out')
  })
})
