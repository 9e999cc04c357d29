/**
 * The pictures in the documentation: of the profile of service.ts, and of the one that
 * examples/leak-hunt gives. To make all pictures anew:
 * OFFHEAP_PICTURES=docs/img npx vitest run pictures
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { LeakProfile } from '../../../lib/leaks/profile.js'
import { parseProfile } from '../../../lib/leaks/profile-json.js'
import { describePages, settled } from './browser.js'
import { service } from './service.js'

const ROOT = new URL('../../../', import.meta.url)
const PICTURES = ['leak-report.png', 'leak-hunt.png']
const folder = process.env['OFFHEAP_PICTURES']

const pathTo = (file: string): string => fileURLToPath(new URL(file, ROOT))

/** What the service of the example leaves, with its files where a reader has his. */
function hunted(): LeakProfile {
  const work = mkdtempSync(join(tmpdir(), 'pictures-'))
  try {
    const file = join(work, 'profile.json')
    const options = ['--format', 'json', '--out', file, '--every', '250ms', '--node=--expose-gc']
    const command = [pathTo('dist/cli/main.js'), 'leaks', ...options]
    execFileSync(process.execPath, [...command, pathTo('examples/leak-hunt/service.mjs')])
    const text = readFileSync(file, 'utf8').replaceAll(pathTo('examples/leak-hunt'), '/srv/app')
    return { ...parseProfile(text), program: 'node service.mjs', pid: 4242 }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

describePages('the pictures of the report', (open) => {
  it.each([
    [PICTURES[0]!, service, 760],
    [PICTURES[1]!, hunted, 622],
  ])('%s can be taken', async (name, profile, height) => {
    const { page } = await open(profile(), { width: 1280, height })
    await settled(page)
    const picture = await page.screenshot({ type: 'png' })
    expect(picture.length).toBeGreaterThan(20_000)
    if (folder === undefined) return
    const target = new URL(`${folder}/`, ROOT)
    mkdirSync(target, { recursive: true })
    writeFileSync(new URL(name, target), picture)
  })

  it.each(PICTURES)('%s is in the documentation', (name) => {
    expect(statSync(pathTo(`docs/img/${name}`)).size).toBeLessThan(150_000)
  })
})
