/** Each command and each format has a page, and each page a picture of it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FORMATS } from '../../../lib/leaks/render/index.js'
import { pages, root } from '../../docs/markdown.js'
import { LARGEST } from './camera.js'

const commands = ['diff', 'doctor', 'leaks', 'report', 'top']
const all = pages().filter(({ path }) => /^docs\/leaks\/(commands|formats)\//.test(path))

test.each([
  ['commands', commands],
  ['formats', Object.keys(FORMATS).sort()],
])('there is a page for each of the %s, and no other', (folder, names) => {
  const files = readdirSync(join(root, 'docs/leaks', folder)).sort()
  expect(files).toEqual(names.map((name) => `${name}.md`))
})

describe.each(all)('$path', ({ path, text }) => {
  const pictures = [...text.matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)].map(([, says, link]) => ({
    says: says!,
    file: join(dirname(path), link!),
  }))

  test('has a picture, and says what is on it', () => {
    expect(pictures.map(({ file }) => dirname(file))).toEqual(['docs/img'])
    expect(pictures[0]!.says.length).toBeGreaterThan(40)
  })

  test('its picture is there, is small, and is taken by these tests', () => {
    const file = join(root, pictures[0]!.file)
    expect(existsSync(file)).toBe(true)
    expect(readFileSync(file).subarray(1, 4).toString()).toBe('PNG')
    expect(statSync(file).size).toBeLessThan(LARGEST)
    // Nobody sees what is wider.
    expect(readFileSync(file).readUInt32BE(16)).toBeLessThanOrEqual(1280)
    const own = /([^/]+)\.md$/.exec(path)![1]!
    expect(pictures[0]!.file).toBe(`docs/img/${own === 'html' ? 'leak-report' : own}.png`)
  })
})
