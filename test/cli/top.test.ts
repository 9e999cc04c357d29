// `offheap top`: one table where there is no terminal, a live one where there is, for a file or a process.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  expectCode,
  fixture,
  node,
  noTerminal,
  offheap,
  offheapOnTerminal,
  register,
  runs,
  work,
} from './support/command.js'
import { earlier, fileWith, later } from './support/profiles.js'
import { tableOf } from '../../lib/cli/top-table.js'

const looks = { width: 80, colors: false, rows: 20 }

describe('the table', () => {
  test('has the largest first, and what has changed since the one before', () => {
    expect(tableOf(later, earlier, looks).split('\n')).toEqual([
      'node server.js (4242), traced for 20 s',
      '54.0 KiB in 54 blocks at 2 sites, at most 54.0 KiB',
      '',
      '     LIVE    CHANGE/S    BLOCKS  GROWTH    WHERE',
      ' 50.0 KiB    +3.0 KiB        50  growing   keep /app/src/upload.ts:41:9',
      '  4.0 KiB         0 B         4  growing   parse /app/src/upload.ts:80:9',
      '',
    ])
  })

  test('has no changes the first time, fits, and shows no control characters', () => {
    const [site] = later.sites
    const stack = [{ function: '\u001B[31mred', file: 'x'.repeat(300), line: 1, column: 1 }]
    const text = tableOf(
      { ...later, program: 'a\u0007b', sites: [{ ...site!, stack }] },
      null,
      looks,
    )
    expect(text).not.toContain('\u001B')
    expect(text).toContain('a\\x07b')
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(80)
  })

  test('colours what grows', () => {
    expect(tableOf(later, null, { ...looks, colors: true })).toContain('\u001B[31mgrowing')
  })

  test('has as many rows as there is room for', () => {
    const lines = (rows: number) => tableOf(later, null, { ...looks, rows }).split('\n').length
    expect([lines(0), lines(1), lines(-3)]).toEqual([5, 6, 5])
  })
})

describe('a file', () => {
  test('where there is no terminal: one table', async () => {
    const outcome = await offheap(['top', fileWith('top.json', later), '--limit', '1'])
    expectCode(outcome, 0)
    expect(outcome.stdout).toContain('upload.ts:41:9')
    expect(outcome.stdout).not.toContain('upload.ts:80:9')
    expect(outcome.stdout).not.toContain('\u001B')
  })

  test.skipIf(noTerminal)('on a terminal: until q, and the terminal is as it was', async () => {
    const file = fileWith('top.json', later)
    const { stdout, code } = await offheapOnTerminal(['top', file], {
      input: 'q\n',
      prompt: 'q quits',
    })
    expect(code).toBe(0)
    expect(stdout).toContain('\u001B[?1049h')
    expect(stdout.indexOf('\u001B[?1049l')).toBeGreaterThan(stdout.indexOf('\u001B[?1049h'))
    expect(stripVTControlCharacters(stdout)).toContain('q quits')
  })
})

describe('a process', () => {
  let traced: ChildProcess
  beforeAll(async () => {
    const args = ['--import', register, fixture('leaky.mjs'), 'wait', 'SIGUSR2']
    // No snapshot comes but those that are asked for.
    const env = { ...process.env, TMPDIR: work, OFFHEAP_LEAKS: '{"everyMs":3600000}' }
    traced = spawn(node, args, { env, stdio: 'pipe' })
    await new Promise((resolve) => traced.stdout!.once('data', resolve))
  })
  afterAll(() => traced.kill('SIGKILL'))

  test('that is traced', async () => {
    const outcome = await offheap(['top', String(traced.pid)])
    expectCode(outcome, 0)
    expect(outcome.stdout).toMatch(
      new RegExp(`^node .*leaky\\.mjs wait SIGUSR2 \\(${traced.pid}\\)`),
    )
  })

  test('of a run of the command', async () => {
    const run = join(runs, '1')
    mkdirSync(run, { recursive: true })
    fileWith(join(`offheap-${process.getuid!()}`, '1', '2.json'), {
      ...later,
      program: 'node of-a-run.js',
    })
    expect((await offheap(['top', '2'])).stdout).toMatch(/^node of-a-run\.js/)
  })

  test.skipIf(noTerminal)('asks it for a snapshot each second', async () => {
    const { stdout } = await offheapOnTerminal(['top', String(traced.pid)], {
      // Three seconds and more.
      input: `${'\n'.repeat(12)}q\n`,
      prompt: 'q quits',
    })
    expect(existsSync(join(runs, String(traced.pid), '.watched'))).toBe(true)
    const seconds = [...stripVTControlCharacters(stdout).matchAll(/traced for ([\d.]+ \w+)/g)]
    expect(new Set(seconds.map(([, time]) => time)).size).toBeGreaterThan(1)
  })

  test('that is not traced, and one that does not run', async () => {
    const untraced = await offheap(['top', String(process.pid)])
    expectCode(untraced, 3)
    expect(untraced.stderr).toMatch(
      /is not traced: start it with `offheap leaks app\.js` or .*--import offheap\/register/,
    )
    const gone = await offheap(['top', '4194305'])
    expectCode(gone, 3)
    expect(gone.stderr).toContain('does not run, and has left no profile')
  })
})
