/**
 * Pictures of the commands, as a terminal shows them: of examples/leak-hunt, run once and watched
 * meanwhile, and of the profile of a larger service. To make all pictures of the documentation anew:
 * OFFHEAP_PICTURES=docs/img npx vitest run pictures
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderJson } from '../../../lib/leaks/render/json.js'
import {
  expectCode,
  node,
  noTerminal,
  offheap,
  offheapOnTerminal,
  onTerminal,
  runs,
  work,
} from '../../cli/support/command.js'
import { root } from '../../docs/markdown.js'
import { service } from '../html/service.js'
import { CHROMIUM, openBrowser } from '../support/browser.js'
import { takeTerminal, typed } from './window.js'

const COLUMNS = 100
const WIDE = 116
const NARROW = 72
const app = join(root, 'examples/leak-hunt')
const HUNT = ['--every', '250ms', '--node=--expose-gc', 'service.mjs']
/** What `offheap top` shows instead of the lines before, and how it ends. */
const LEAVE = '\u001B[?25h\u001B[?1049l'

/** Paths as a reader has them, and not those of the machine that takes the picture. */
const tidy = (text: string): string => text.replaceAll(app, '/srv/app').replaceAll(work, '/tmp')

/** A command and what it shows; each has to end with exit code 0. */
async function session(commands: string[][], columns = COLUMNS): Promise<string> {
  let shown = ''
  for (const args of commands) {
    const outcome = await offheapOnTerminal(args, { cwd: work, size: [columns, 200] })
    expectCode(outcome, 0)
    if (shown !== '') shown += '\r\n'
    shown += typed(`offheap ${args.join(' ')}`) + outcome.stdout
  }
  return tidy(shown)
}

/** The directory of a run that has just begun, and the process of the app, once both are there. */
async function begun(): Promise<{ directory: string; pid: string }> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const [run] = existsSync(runs) ? readdirSync(runs) : []
    const directory = join(runs, run ?? '')
    const file = run && readdirSync(directory).find((name) => /^\d+\.json$/.test(name))
    if (file) return { directory, pid: file.split('.')[0]! }
    await sleep(10)
  }
  throw new Error('The app has taken no snapshot in ten seconds')
}

describe.skipIf(CHROMIUM === undefined || noTerminal)('pictures of a terminal, in Chromium', () => {
  let browser: Browser
  let leaks = ''
  let top = ''

  beforeAll(async () => {
    browser = await openBrowser()
    const options = { cwd: app, size: [COLUMNS, 40] as const }
    const hunt = offheapOnTerminal(['leaks', ...HUNT], options)
    const { directory, pid } = await begun()
    // Ends when the app does.
    const watched = offheapOnTerminal(['top', pid], { size: [COLUMNS, 12] })
    await sleep(300)
    expectCode(await offheap(['report', directory, '--out', join(work, 'before.json')]), 0)
    const [{ stdout }, outcome] = await Promise.all([watched, hunt])
    expectCode(outcome, 0)
    leaks = tidy(outcome.stdout)
    top = tidy(stdout.slice(0, stdout.indexOf(LEAVE)))
    expectCode(await offheap(['report', directory, '--out', join(work, 'after.json')]), 0)
    writeFileSync(join(work, 'profile.json'), renderJson(service()))
  })
  afterAll(() => browser?.close())

  test('offheap leaks', async () => {
    expect(leaks).toMatch(/still held[^]*forget[^]*handle lost[^]*lose/)
    await takeTerminal(browser, 'leaks', typed(`offheap leaks ${HUNT.join(' ')}`) + leaks, [
      COLUMNS,
    ])
  })

  test('offheap report', async () => {
    const shown = await session([
      ['report', 'after.json', '--limit', '1'],
      ['report', 'after.json', '--format', 'markdown', '--limit', '1'],
      ['report', 'after.json', '--out', 'leaks.speedscope.json'],
    ])
    await takeTerminal(browser, 'report', shown, [COLUMNS])
  })

  test('offheap diff', async () => {
    const shown = await session([['diff', 'before.json', 'after.json']])
    expect(shown).toContain('+')
    await takeTerminal(browser, 'diff', shown, [COLUMNS])
  })

  test('offheap top', async () => {
    expect(top).toMatch(/CHANGE\/S[^]*forget/)
    await takeTerminal(browser, 'top', top, [COLUMNS, 12])
  })

  test('offheap doctor', async () => {
    await takeTerminal(browser, 'doctor', await session([['doctor']]), [COLUMNS])
  })

  test('text', async () => {
    const shown = await session([['report', 'profile.json', '--limit', '4']], WIDE)
    expect(shown).toMatch(/growing[^]*handle lost[^]*more sites/)
    await takeTerminal(browser, 'text', shown, [WIDE])
  })

  test('json', async () => {
    const read = "JSON.parse(fs.readFileSync('after.json')).sites[0]"
    const size = [NARROW, 200] as const
    const outcome = await onTerminal([node, '-p', read], { cwd: work, size })
    expectCode(outcome, 0)
    await takeTerminal(browser, 'json', typed(`node -p "${read}"`) + tidy(outcome.stdout), size)
  })
})
