/** The samples in docs/leaks/formats/ are what the renderers make. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FORMATS } from '../../../lib/leaks/render/index.js'
import { pages } from '../../docs/markdown.js'
import { programPath } from '../support/programs.js'
import { uploads } from './mock.js'

const all = pages()
const textOf = (path: string): string => all.find((page) => page.path === path)!.text

/** The sample of a format's page, cut where it says `...`. Blanks and line ends do not count. */
function sampleOf(name: string): string[] {
  const [, sample] = /^```text\n([^]*?)^```/m.exec(textOf(`docs/leaks/formats/${name}.md`))!
  return sample!.split(/^\.\.\.$/m).map(packed)
}

const packed = (lines: string): string => lines.replace(/\s/g, '')

/** The parts come in this order, the first one first. */
function expectParts(whole: string, parts: readonly string[]): void {
  expect(whole.startsWith(parts[0]!), parts[0]).toBe(true)
  let from = 0
  for (const part of parts) {
    const found = whole.indexOf(part, from)
    expect(found, part).toBeGreaterThanOrEqual(from)
    from = found + part.length
  }
}

const names = Object.keys(FORMATS) as (keyof typeof FORMATS)[]

/** Of the others, one is read by a program, and one is a page with a picture. */
const shown = names.filter((name) => name !== 'pprof' && name !== 'html')

describe.each(shown)('the sample of %s', (name) => {
  test('is made by its renderer', () => {
    expectParts(packed(FORMATS[name].render(uploads()) as string), sampleOf(name))
  })
})

const go = programPath('go')

test.skipIf(go === undefined)('the sample of pprof is made by go tool pprof', () => {
  const folder = mkdtempSync(join(tmpdir(), 'offheap-docs-'))
  const file = join(folder, 'app.pb.gz')
  writeFileSync(file, FORMATS.pprof.render(uploads()))
  const args = ['tool', 'pprof', '-top', '-symbolize=none', file]
  const env = { ...process.env, TZ: 'UTC' }
  const printed = execFileSync(go!, args, { encoding: 'utf8', stdio: 'pipe', env })
  rmSync(folder, { recursive: true })
  expectParts(
    packed(`$ go tool pprof -top -symbolize=none app.pb.gz\n${printed}`),
    sampleOf('pprof'),
  )
})

test('the table has all formats, with their extensions', () => {
  const text = textOf('docs/leaks/formats.md')
  for (const name of names) {
    const { extension } = FORMATS[name]
    expect(text).toContain(`| [\`${name}\`](formats/${name}.md) | \`.${extension}\` |`)
  }
})
