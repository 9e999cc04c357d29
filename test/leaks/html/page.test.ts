/** The page as a whole: head, sums, themes, widths, paper, and profiles with next to nothing in them. */
import { expect, it } from 'vitest'
import { renderHtml } from '../../../lib/leaks/render/html.js'
import { describePages, settled, textOf } from './browser.js'
import { frame, profileOf, site, small } from './mock.js'
import { service } from './service.js'

const background = 'getComputedStyle(document.body).backgroundColor'

describePages('the page', (open) => {
  it('says what ran, when, and how it was traced', async () => {
    const { page } = await open(small())
    expect(await page.title()).toBe('node app.js: leak profile')
    expect(await textOf(page, 'h1')).toBe('node app.js')
    expect(await textOf(page, '.when')).toBe(
      'Leak profile, taken 2026-11-21 14:03:22 UTC · traced for 1 min · process 4242 · ' +
        'every allocation recorded',
    )
    expect(await page.$$('.note')).toEqual([])
  })

  it('has the totals of the profile', async () => {
    const profile = service()
    const { page } = await open(profile)
    const shown = await page.$$eval('[data-total]', (all) =>
      Object.fromEntries(
        (all as HTMLElement[]).map((one) => [one.dataset['total'], Number(one.dataset['value'])]),
      ),
    )
    const { unknownFrees: _, unlisted: __, ...totals } = profile.totals
    expect(shown).toEqual(totals)
    expect(await textOf(page, '[data-total=liveBytes]')).toBe(
      `${(totals.liveBytes / 2 ** 20).toFixed(1)} MiB`,
    )
    expect(await page.$eval('[data-total=liveBytes]', (one) => (one as HTMLElement).title)).toBe(
      `${totals.liveBytes.toLocaleString('en')} bytes`,
    )
    expect(await textOf(page, '[data-total=allocs]')).toBe(totals.allocs.toLocaleString('en'))
  })

  it('of a sampled profile says that figures are estimates, and their scale', async () => {
    const { page } = await open({ ...small(), mode: 'sampled', sampleBytes: 512 * 1024 })
    expect(await textOf(page, '.note')).toMatch(/^Figures are estimates: .* every 512\.0 KiB was/)
    expect(await textOf(page, '[data-total=liveBytes]')).toBe('≈\u20099.8 KiB')
    expect(await textOf(page, '.when')).toContain('sampled')
  })

  it('says what is missing from the figures', async () => {
    const profile = small()
    Object.assign(profile.totals, { sites: 10, unknownFrees: 1, unlisted: 2000 })
    const { page } = await open(profile)
    const notes = await page.$$eval('.note', (all) => all.map((one) => one.textContent))
    expect(notes).toEqual([
      expect.stringContaining('7 smaller sites of 10 left out'),
      expect.stringContaining('1 free of blocks that were not recorded'),
      expect.stringContaining('2,000 blocks counted by site only'),
    ])
  })

  it('is light or dark as the system is, and the button changes that', async () => {
    const light = await open(small())
    expect(await light.page.evaluate(background)).toBe('rgb(255, 255, 255)')
    expect(await textOf(light.page, '#theme')).toBe('Dark')
    await light.page.click('#theme')
    expect(await light.page.evaluate(background)).toBe('rgb(22, 25, 29)')
    expect(await textOf(light.page, '#theme')).toBe('Light')

    const { page } = await open(small(), { dark: true })
    expect(await page.evaluate(background)).toBe('rgb(22, 25, 29)')
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
    await page.waitForSelector('html[data-theme=light]')
    expect(await page.evaluate(background)).toBe('rgb(255, 255, 255)')
    // Chosen by hand it stays.
    await page.click('#theme')
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
    await settled(page)
    expect(await page.evaluate(background)).toBe('rgb(22, 25, 29)')
  })

  it.each([400, 768, 1280])(
    'fits into %i pixels, and follows when the window changes',
    async (width) => {
      const { page } = await open(service(), { width, height: 900 })
      const wide = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth)
      expect(await wide()).toBe(width)
      await page.setViewport({ width: width - 40, height: 900 })
      await settled(page)
      expect(await wide()).toBe(width - 40)
      const [canvas, room] = await page.evaluate(() =>
        ['.flame-canvas', '.flame-scroll'].map((name) => document.querySelector(name)!.clientWidth),
      )
      expect(canvas).toBe(room)
    },
  )

  it('prints light, with more rows than fit on the screen, and comes back', async () => {
    const { page } = await open(service(), { dark: true, height: 500 })
    const rows = (): Promise<number> => page.$$eval('tr[data-site]', (all) => all.length)
    const before = await rows()
    expect(before).toBeLessThan(60)
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    expect(await page.evaluate(background)).toBe('rgb(255, 255, 255)')
    expect(await rows()).toBe(100)
    await page.evaluate(() => dispatchEvent(new Event('afterprint')))
    expect(await page.evaluate(background)).toBe('rgb(22, 25, 29)')
    expect(await rows()).toBe(before)
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(20_000)
  })

  it('of an empty profile says so', async () => {
    const { page } = await open(profileOf([]))
    expect(await textOf(page, '.sites .empty')).toBe('Nothing was allocated while tracing was on.')
    expect(await textOf(page, '.flame .empty')).toBe(
      'Nothing to draw: live bytes are 0 at every site.',
    )
    expect(await textOf(page, '[data-total=liveBytes]')).toBe('0 B')
    expect(await textOf(page, '[data-total=sites]')).toBe('0')
    // Everything that can be pressed does nothing bad.
    await page.select('#metric', '3')
    await page.click('#inverted')
    await page.type('#search', 'x')
    await page.click('#theme')
    await page.keyboard.press('Escape')
    const none = await open({ ...profileOf([]), snapshots: [], program: '', pid: 0 })
    expect(await textOf(none.page, 'h1')).toBe('Leak profile')
  })

  it('shows a profile of one site, whose stack is not known', async () => {
    const { page } = await open(profileOf([site([], { liveBytes: 4096 })]))
    expect(await textOf(page, 'tbody th')).toBe('(stack not known)')
    expect(await textOf(page, '.crumbs')).toBe('all4.0 KiB')
    await page.click('tr[data-site]')
    await settled(page)
    expect(await textOf(page, '.detail')).toContain('The stack is not known.')
    expect(await textOf(page, '.chart .empty')).toContain('One snapshot only')
  })

  it('shows growth over time, and each snapshot when pointed at', async () => {
    const { page } = await open(small())
    expect(await textOf(page, '.chart-readout')).toBe(
      '9.8 KiB in 67 blocks at 1 min, +5.0 KiB since 1 s',
    )
    await page.focus('.chart-host')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    expect(await textOf(page, '.chart-readout')).toBe(
      '6.8 KiB in 40 blocks at 31 s, +2.1 KiB since 1 s',
    )
    const chart = (await (await page.$('.chart-host'))!.boundingBox())!
    await page.mouse.move(chart.x + 70, chart.y + 50)
    expect(await textOf(page, '.chart-readout')).toBe('4.8 KiB in 20 blocks at 1 s, 0 B since 1 s')
    // Beside it what is found, of which there are the sites' own histories.
    await page.type('#search', 'readBody')
    await page.focus('.chart-host')
    await page.keyboard.press('ArrowRight')
    expect(await textOf(page, '.chart-readout .part')).toBe('2.9 KiB of it in the sites below')
    expect(await page.$$('.chart-part')).toHaveLength(1)
  })

  it('takes a title of yours', async () => {
    const { page } = await open(small(), { title: 'Monday <b>night</b>' })
    expect(await page.title()).toBe('Monday <b>night</b>')
  })
})

it('is the same text each time', () => {
  expect(renderHtml(service())).toBe(renderHtml(service()))
})

it('does not change the profile', () => {
  const profile = service()
  const before = structuredClone(profile)
  renderHtml(profile)
  expect(profile).toEqual(before)
})

it('names no address that could be fetched', () => {
  const page = renderHtml(profileOf([site([frame('f a.js:1:1')])]))
  const addresses = [...page.matchAll(/\b(?:https?:)?\/\/[\w.-]+\.\w+/g)].map(
    ([address]) => address,
  )
  // The name space of drawings is a name, not an address.
  expect(addresses.filter((address) => !address.includes('www.w3.org'))).toEqual([])
  expect(page).not.toMatch(/\b(fetch|XMLHttpRequest|WebSocket|sendBeacon|import)\(/)
})
