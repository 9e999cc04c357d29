/**
 * The second act: a service with two leaks, run under `offheap leaks`, which names both lines. What the
 * report says is checked against what the service did.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FORMATS, parseProfile } from 'offheap/leaks'

const SERVICE = fileURLToPath(new URL('service.mjs', import.meta.url))
/** As in the service. */
const [UPLOADS, BYTES] = [300, 16 * 1024]

/** Where the installed package has its command. */
function command() {
  const manifest = createRequire(import.meta.url).resolve('offheap/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  return join(dirname(manifest), bin.offheap)
}

/** The lines of the service that are marked, by what is written there. */
function markedLines() {
  const lines = readFileSync(SERVICE, 'utf8').split('\n')
  const marked = lines.flatMap((text, i) => {
    const why = /\/\/ leak: (.*)$/.exec(text)?.[1]
    return why === undefined ? [] : [[why, i + 1]]
  })
  return Object.fromEntries(marked)
}

const folder = mkdtempSync(join(tmpdir(), 'leak-hunt-'))
try {
  const file = join(folder, 'profile.json')
  const options = ['--format', 'json', '--out', file, '--every', '250ms', '--node=--expose-gc']
  console.log('\nThe same kind of service with two leaks, under: offheap leaks service.mjs\n')
  const args = [command(), 'leaks', ...options, SERVICE]
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  assert.equal(status, 0, 'the service ends as it does without a tracer')

  const profile = parseProfile(readFileSync(file, 'utf8'))
  const colors = process.stdout.isTTY === true && process.stdout.hasColors()
  const width = process.stdout.columns ?? 100
  console.log(`\n${FORMATS.text.render(profile, { limit: 2, width, colors })}`)

  for (const [why, line] of Object.entries(markedLines())) {
    const site = profile.sites.find(
      ({ stack: [frame] }) => frame?.file === SERVICE && frame.line === line,
    )
    assert.ok(site, `line ${line} of the service is in the report`)
    assert.equal(site.why, why)
    assert.equal(site.liveBytes, UPLOADS * BYTES)
  }
  assert.equal(profile.totals.liveBytes, 2 * UPLOADS * BYTES)
  console.log('Both lines are named, with their bytes, and nothing else lives.')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
