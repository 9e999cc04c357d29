// `offheap report` and `offheap diff`: every format, where it goes, and inputs that are not as they should
// be. Also what all commands share: help, usage errors, colours, the width of a terminal.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FORMATS } from '../../lib/leaks/render/index.js'
import {
  expectCode,
  filesIn,
  main,
  node,
  noTerminal,
  offheap,
  offheapOnTerminal,
  run,
  work,
} from './support/command.js'
import { earlier, fileWith, later } from './support/profiles.js'

const before = fileWith('before.json', earlier)
const after = fileWith('after.json', later)
const formats = Object.entries(FORMATS).map(([name, { extension }]) => ({ name, extension }))
const ESCAPE = '\u001B['

describe('help and usage', () => {
  test.each([[[]], [['leaks']], [['report']], [['diff']], [['top']], [['doctor']]])(
    '%j --help',
    async (command) => {
      const outcome = await offheap([...command, '--help'])
      expectCode(outcome, 0)
      expect(outcome.stdout).toContain(`Usage: offheap ${command.join('')}`)
      expect(outcome.stdout).toMatch(/Exit codes:\n {2}0 {2}done/)
      expect(outcome.stderr).toBe('')
    },
  )

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string }
    expect(await offheap(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })

  test.each([
    [[], 'Usage:'],
    [['leek'], 'Did you mean leaks?'],
    [['report'], "missing required argument 'file'"],
    [['report', 'a', 'b'], 'too many arguments'],
    [['diff', before], "missing required argument 'after'"],
    [['report', before, '--formt', 'json'], 'Did you mean --format?'],
    [['report', before, '--format', 'yaml'], 'Allowed choices are text, markdown, json'],
    [['leaks', '--every', '3 years', 'app.js'], 'Expected a time such as'],
    [['diff', '-', '-'], 'not both'],
  ])('%j is wrong', async (args, said) => {
    const outcome = await offheap(args)
    expectCode(outcome, 2)
    expect(outcome.stderr).toContain(said)
    expect(outcome.stdout).toBe('')
  })
})

test('the documentation names every option and every format', async () => {
  const textOf = (name: string) =>
    readFileSync(new URL(`../../docs/leaks/commands/${name}.md`, import.meta.url), 'utf8')
  const commands = ['leaks', 'report', 'diff', 'top', 'doctor']
  for (const command of commands) {
    const page = textOf(command)
    const { stdout } = await offheap([command, '--help'])
    const [own] = stdout.split('Exit codes:')
    const options = own!
      .match(/--[a-z][a-z-]+/g)!
      .filter((option) => !['--help', '--max-old-space-size'].includes(option))
    expect(options.filter((option) => !page.includes(option))).toEqual([])
    expect(page).toContain(`# offheap ${command}\n`)
  }
  const page = textOf('report')
  expect(formats.filter(({ name }) => !page.includes(`\`${name}\``))).toEqual([])
})

describe('report', () => {
  test.each(formats)('$name, by the extension of --out', async ({ name, extension }) => {
    const out = join(work, `by-extension.${extension}`)
    expectCode(await offheap(['report', after, '--out', out]), 0)
    const bytes = readFileSync(out)
    const made = FORMATS[name as keyof typeof FORMATS].render(later)
    const isZipped = typeof made !== 'string'
    if (isZipped) expect(gunzipSync(bytes)).toEqual(gunzipSync(made))
    else if (name !== 'text') expect(bytes.toString()).toBe(made)
    else expect(bytes.toString()).toContain('/app/src/upload.ts:41:9')
  })

  test('text names the lines, largest first', async () => {
    const { stdout } = await offheap(['report', after])
    expect(stdout).toMatch(/50\.0 KiB[^]*upload\.ts:41:9[^]*4\.0 KiB[^]*upload\.ts:80:9/)
  })

  test('--min-bytes and --limit leave sites out', async () => {
    const { stdout: few } = await offheap(['report', after, '--min-bytes', '5KiB'])
    const { stdout: one } = await offheap(['report', after, '--limit', '1'])
    for (const text of [few, one]) {
      expect(text).toContain('upload.ts:41:9')
      expect(text).not.toContain('upload.ts:80:9')
    }
  })

  test('JSON comes back as it went in', async () => {
    const { stdout } = await offheap(['report', after, '--format', 'json'])
    expect(JSON.parse(stdout)).toEqual(later)
  })

  test('- is standard input, and standard output', async () => {
    const args = ['report', '-', '--format', 'json', '--out', '-']
    const { stdout } = await offheap(args, { input: JSON.stringify(later) })
    expect(JSON.parse(stdout)).toEqual(later)
  })

  test('a directory is a run: its files as one, and a damaged one is told', async () => {
    const directory = join(work, 'run')
    mkdirSync(directory)
    writeFileSync(join(directory, '10.json'), JSON.stringify(earlier))
    writeFileSync(join(directory, '11.json'), JSON.stringify(earlier))
    writeFileSync(join(directory, '12.json'), JSON.stringify(earlier).slice(0, 700))
    writeFileSync(join(directory, '.10.json.10-0.tmp'), '{')
    const outcome = await offheap(['report', directory, '--format', 'json'])
    expectCode(outcome, 0)
    const { totals } = JSON.parse(outcome.stdout) as typeof earlier
    expect(totals.liveBytes).toBe(2 * earlier.totals.liveBytes)
    expect(outcome.stderr).toMatch(/left out .*12\.json: .*damaged or truncated/)
  })
})

describe('diff', () => {
  test('has what has changed', async () => {
    const outcome = await offheap(['diff', before, after, '--format', 'json'])
    expectCode(outcome, 0)
    const changed = JSON.parse(outcome.stdout) as typeof later
    expect(changed.since).toBe(earlier.takenAt)
    expect(changed.sites[0]).toMatchObject({ liveBytes: 30 * 1024, stack: [{ line: 41 }, {}] })
    expect(changed.totals.liveBytes).toBe(30 * 1024)
  })

  test('in words, with signs', async () => {
    const { stdout } = await offheap(['diff', before, after])
    expect(stdout).toMatch(/\+30\.0 KiB/)
  })

  test('in another format', async () => {
    const { stdout } = await offheap(['diff', before, after, '--format', 'speedscope'])
    expect(JSON.parse(stdout)).toHaveProperty('profiles')
  })
})

/** One line, for people, and nothing of what may be in the file. */
async function expectRefused(args: string[], said: RegExp): Promise<void> {
  const outcome = await offheap(args)
  expectCode(outcome, 3)
  expect(outcome.stderr).toMatch(said)
  expect(outcome.stderr).toMatch(/^offheap: [^\n]+\n$/)
  expect(outcome.stderr).not.toContain(ESCAPE)
  expect(outcome.stdout).toBe('')
}

describe('an input that is bad', () => {
  const text = JSON.stringify(later)
  const damaged = { ...later, sites: [{ ...later.sites[0], liveBytes: 'many' }] }
  const cases: [string, string, RegExp][] = [
    ['missing', join(work, 'nowhere.json'), /nowhere\.json: there is no such file/],
    ['empty', fileWith('empty.json', ''), /damaged or truncated/],
    ['truncated', fileWith('truncated.json', text.slice(0, -40)), /damaged or truncated/],
    ['not JSON', fileWith('binary.json', '\u0000\u0001\u001B[31m'), /damaged or truncated/],
    ['something else', fileWith('else.json', '{"name":"offheap"}'), /Expected 1.* for version/],
    ['an array', fileWith('array.json', '[]'), /Expected an object/],
    [
      'another version',
      fileWith('version.json', JSON.stringify({ ...later, version: 2 })),
      /Expected 1.* for version but received 2/,
    ],
    [
      'a wrong type',
      fileWith('type.json', JSON.stringify(damaged)),
      /sites\[0\]\.liveBytes but received "many"/,
    ],
    ['a directory without profiles', work, /no profile is in this directory/],
  ]

  test.each(cases)('%s', async (_name, file, said) => {
    await expectRefused(['report', file], said)
  })

  test.each([['diff', before], ['diff'], ['top']])('as an argument of %s', async (...args) => {
    const file = fileWith('truncated.json', text.slice(0, -40))
    const rest = args.length === 1 && args[0] === 'diff' ? [before] : []
    await expectRefused([...args, file, ...rest], /truncated\.json: .*damaged or truncated/)
  })

  test('standard input without a profile', async () => {
    const outcome = await offheap(['report', '-'])
    expectCode(outcome, 3)
    expect(outcome.stderr).toContain('standard input: ')
  })
})

describe('an output that cannot be written', () => {
  test('a full disk', async () => {
    const outcome = await offheap(['report', after, '--out', '/dev/full'])
    expectCode(outcome, 4)
    expect(outcome.stderr).toBe('offheap: /dev/full: the disk is full (ENOSPC)\n')
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true)
  })

  test('standard output that is full', async () => {
    const outcome = await run('bash', ['-c', `"${node}" "${main}" report "${after}" > /dev/full`])
    expectCode(outcome, 4)
    expect(outcome.stderr).toContain('standard output: the disk is full')
  })

  test('no such directory', async () => {
    const outcome = await offheap(['report', after, '--out', join(work, 'no', 'report.txt')])
    expectCode(outcome, 4)
    expect(outcome.stderr).toContain('there is no such directory')
  })

  test('what was there stays there, whole, and no temporary file beside it', async () => {
    const folder = join(work, 'kept')
    mkdirSync(folder)
    const out = join(folder, 'report.txt')
    writeFileSync(out, 'the report of yesterday')
    // Files of this process may have 1 KiB.
    const command = `ulimit -f 1; "${node}" "${main}" report "${after}" --format json --out "${out}"`
    const outcome = await run('bash', ['-c', command])
    expectCode(outcome, 4)
    expect(outcome.stderr).toContain('it would become larger than files may be')
    expect(filesIn(folder)).toEqual({ 'report.txt': 'the report of yesterday' })
    expect(existsSync(join(folder, '.report.txt'))).toBe(false)
    expectCode(await offheap(['report', after, '--format', 'json', '--out', out]), 0)
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(later)
  })

  test('a link stays a link, and the file keeps its mode', async () => {
    const file = join(work, 'linked.txt')
    const link = join(work, 'link.txt')
    writeFileSync(file, '', { mode: 0o640 })
    symlinkSync(file, link)
    expectCode(await offheap(['report', after, '--out', link]), 0)
    expect(readFileSync(file, 'utf8')).toContain('upload.ts')
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  test('a reader that stops early is no failure', () => {
    const many = fileWith('many.json', {
      ...later,
      sites: Array.from({ length: 5000 }, () => later.sites[1]!),
    })
    const command = `"${node}" "${main}" report "${many}" --format folded | head -c 10; echo \${PIPESTATUS[0]}`
    const printed = execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: 'pipe' })
    expect(printed).toMatch(/0\n$/)
  })
})

describe('colours', () => {
  const report = async (env: Record<string, string>, ...args: string[]): Promise<boolean> =>
    (await offheap(['report', after, ...args], { env })).stdout.includes(ESCAPE)

  test('where they are asked for, unless they are refused', async () => {
    expect(await report({})).toBe(false)
    expect(await report({ FORCE_COLOR: '1' })).toBe(true)
    expect(await report({ FORCE_COLOR: '1' }, '--no-color')).toBe(false)
    expect(await report({ FORCE_COLOR: '0' })).toBe(false)
  })

  test('never in a file', async () => {
    const out = join(work, 'plain.txt')
    await offheap(['report', after, '--out', out], { env: { FORCE_COLOR: '1' } })
    expect(readFileSync(out, 'utf8')).not.toContain(ESCAPE)
  })
})

const widest = (text: string): number =>
  Math.max(...text.split(/[\r\n]+/).map((line) => stripVTControlCharacters(line).length))

test('the width is that of COLUMNS where there is no terminal', async () => {
  const { stdout: narrow } = await offheap(['report', after], { env: { COLUMNS: '60' } })
  const { stdout: wide } = await offheap(['report', after])
  expect(widest(narrow)).toBeLessThanOrEqual(60)
  expect(widest(wide)).toBeGreaterThan(60)
})

describe.skipIf(noTerminal)('on a terminal', () => {
  test('colours, and lines that fit', async () => {
    const outcome = await offheapOnTerminal(['report', after])
    expectCode(outcome, 0)
    expect(outcome.stdout).toContain(`${ESCAPE}1m`)
    expect(widest(outcome.stdout.replaceAll('\u001B[K', ''))).toBeLessThanOrEqual(100)
  })

  test('no colours with NO_COLOR, and on a dumb terminal', async () => {
    const { stdout } = await offheapOnTerminal(['report', after], { env: { NO_COLOR: '1' } })
    expect(stdout).toContain('upload.ts')
    expect(stdout).not.toContain(`${ESCAPE}1m`)
    expect(stdout).not.toContain(`${ESCAPE}0m`)
  })

  test('binary formats are refused, with what to do', async () => {
    const outcome = await offheapOnTerminal(['report', after, '--format', 'pprof'])
    expectCode(outcome, 2)
    expect(outcome.stdout).toMatch(/pprof is binary.*--out profile\.pb\.gz/)
    const out = join(work, 'terminal.pb.gz')
    expectCode(await offheapOnTerminal(['report', after, '--out', out]), 0)
    expect(gunzipSync(readFileSync(out)).length).toBeGreaterThan(0)
  })
})
