/** Names that would be markup, program or a riddle stay text. */
import { expect, it } from 'vitest'
import { renderHtml } from '../../../lib/leaks/render/html.js'
import { describePages, settled, textOf } from './browser.js'
import { profileOf, site } from './mock.js'

const HOSTILE: readonly (readonly [name: string, shown: string])[] = [
  ['</script><script>window.hacked=1</script>', '</script><script>window.hacked=1</script>'],
  ['<img src=x onerror=window.hacked=1>', '<img src=x onerror=window.hacked=1>'],
  ['<!--<script>', '<!--<script>'],
  [']]></title></style>', ']]></title></style>'],
  ['"\'`&amp;&lt;${1}\\u0041', '"\'`&amp;&lt;${1}\\u0041'],
  ['nul\0tab\tline\nesc\x1b[31m', 'nul\\u{0}tab\\u{9}line\\u{a}esc\\u{1b}[31m'],
  ['next\u0085para\u2029line\u2028', 'next\\u{85}para\\u{2029}line\\u{2028}'],
  ['lone\ud800high', 'lone\\u{d800}high'],
  ['lone\udfff', 'lone\\u{dfff}'],
  ['exe\u202egpj.ts', 'exe\\u{202e}gpj.ts'],
  ['\u2067isolate\u2069\u200b\ufeff', '\\u{2067}isolate\\u{2069}\\u{200b}\\u{feff}'],
  ['שלום שורה', 'שלום שורה'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['😀 𝒻', '😀 𝒻'],
  ['x'.repeat(20_000), 'x'.repeat(20_000)],
]

const profile = (name: string) =>
  profileOf(
    [
      site([{ function: name, file: `/app/${name}`, line: 1, column: 1 }], {
        allocator: name,
        scopes: [name, name],
      }),
    ],
    { program: name, takenAt: name },
  )

describePages('hostile names', (open) => {
  it.each(HOSTILE)('%j', async (name, shown) => {
    const { page } = await open(profile(name))
    // White space at the ends and in rows is folded by the browser in a title.
    expect(await page.title()).toBe(`${shown}: leak profile`)
    expect(await textOf(page, 'h1')).toBe(shown)
    expect(await textOf(page, '.when')).toContain(`taken ${shown}`)
    expect(await textOf(page, 'tbody .name')).toBe(shown)
    expect(await textOf(page, '.column-allocator')).toBe(shown)
    expect(await textOf(page, '.column-scopes')).toBe(`${shown} › ${shown}`)
    await page.click('tr[data-site]')
    await settled(page)
    expect(await textOf(page, '.stack .name')).toBe(shown)
    expect(await textOf(page, '.stack .place')).toBe(`/app/${shown}:1:1`)
    const canvas = (await (await page.$('.flame-canvas'))!.boundingBox())!
    await page.mouse.move(canvas.x + 50, canvas.y + 30)
    expect(await textOf(page, '.tip-name')).toBe(shown)
    await page.mouse.click(canvas.x + 50, canvas.y + 30)
    expect(await textOf(page, '.crumb:disabled')).toBe(shown)

    expect(await page.evaluate('window.hacked')).toBeUndefined()
    const scripts = await page.$$eval('script, img, title, style', (all) =>
      all.map((e) => e.tagName),
    )
    expect(scripts).toEqual(['TITLE', 'STYLE', 'SCRIPT'])
  })

  it('leave the text before and after them where it is', async () => {
    const { page } = await open(profile('a\u202eb'))
    const html = await page.evaluate(() => document.documentElement.textContent)
    expect(html).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/)
  })

  it('cannot run: the policy allows one program only, and no markup from text', async () => {
    const { page, errors } = await open(profile('x'))
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      try {
        script.textContent = 'window.hacked = 1'
        document.body.append(script)
      } catch {
        return 'refused'
      }
      return String('hacked' in window)
    })
    expect(['refused', 'false']).toContain(ran)
    const inner = await page.evaluate(() => {
      try {
        document.body.innerHTML = '<b>x</b>'
        return 'taken'
      } catch (error) {
        return (error as Error).name
      }
    })
    expect(inner).toBe('TypeError')
    const fetched = await page.evaluate(() =>
      fetch('http://127.0.0.1:9/').then(
        () => 'fetched',
        () => 'refused',
      ),
    )
    expect(fetched).toBe('refused')
    // The browser says so, too; here that is what is wanted.
    expect(errors.length).toBeGreaterThan(0)
    errors.length = 0
  })
})

it('leave nothing in the page that ends its script', () => {
  for (const [name] of HOSTILE) {
    const [, json] = /<script type="application\/json" id="profile">(.*?)<\/script>/s.exec(
      renderHtml(profile(name)),
    )!
    expect(json).not.toContain('<')
    const strings = (JSON.parse(json!) as { strings: string[] }).strings
    expect(strings).toContain(name)
  }
})
