/** The page's program is made of its sources as they are, by a linker that refuses what it cannot do. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { script, scriptHash, style } from '../../../lib/leaks/render/html-page.generated.js'

const build = (await import(new URL('../../../scripts/build-page.mjs', import.meta.url).href)) as {
  pageModule: () => Promise<string>
  link: (entry: string) => string
  generated: string
}

it('is what the sources say: npm run build:lib makes it anew', async () => {
  expect(readFileSync(build.generated, 'utf8')).toBe(await build.pageModule())
})

it('is program and style, with a hash as a policy names it', () => {
  expect(script).toMatch(/^'use strict';\n\{\n/)
  expect(style).toContain('@media print')
  expect(scriptHash).toMatch(/^sha256-[A-Za-z0-9+/]{43}=$/)
})

describe('the linker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'offheap-link-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const linked = (files: Record<string, string>): string => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return build.link(join(folder, 'main.js'))
  }

  it('puts a module after those that it imports, and each once', () => {
    const text = linked({
      'main.js': "import { a } from './a.js';\nimport { b } from './b.js';\nout.push(a, b);\n",
      'a.js': "import {\n  b\n} from './b.js';\nexport const a = b + 1;\n",
      'b.js': 'export const b = 1;\nexport {};\n',
    })
    const out: number[] = []
    // oxlint-disable-next-line no-new-func
    new Function('out', text)(out)
    expect(out).toEqual([2, 1])
  })

  it.each([
    ['a default import', "import a from './a.js';\n"],
    ['a name of its own', "import { b as c } from './b.js';\n"],
    ['another package', "import { readFileSync } from 'node:fs';\n"],
    ['a default export', 'export default 1;\n'],
    ['an export of another module', "export { b } from './b.js';\n"],
    ['two things of one name', "import { b } from './b.js';\nfunction b() {}\n"],
    ['what is no program', 'const = 1;\n'],
  ])('refuses %s', (_, text) => {
    const files = {
      'main.js': text,
      'a.js': 'export const a = 1;\n',
      'b.js': 'export const b = 1;\n',
    }
    expect(() => linked(files)).toThrow(/cannot be linked|wrong as one script/)
  })
})
