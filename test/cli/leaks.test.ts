// `offheap leaks`: the app runs as it would without, its end is the command's, and the report is of all its
// threads and processes.

import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LeakProfile } from '../../lib/leaks/profile.js'
import {
  expectCode,
  filesIn,
  fixture,
  main,
  node,
  noTerminal,
  offheap,
  offheapOnTerminal,
  type Outcome,
  run,
  runs,
  type RunOptions,
  work,
} from './support/command.js'

const app = fixture('app.mjs')
const leaky = fixture('leaky.mjs')

const leaks = (args: string[], options: RunOptions = {}): Promise<Outcome> =>
  offheap(['leaks', ...args], options)

/** The report as JSON on standard output, of an app that prints nothing. */
async function profileOf(args: string[]): Promise<LeakProfile> {
  const outcome = await leaks(['--format', 'json', ...args])
  return JSON.parse(outcome.stdout) as LeakProfile
}

describe('the end of the app is the end of the command', () => {
  test.concurrent.each([
    ['natural', 0],
    ['exit', 3],
    ['exitCode', 4],
    ['throw', 1],
    ['killItself', 128 + 15],
    ['killHard', 128 + 9],
    ['interrupt', 128 + 2],
    ['abort', 128 + 6],
    ['ownListener', 7],
  ])('%s: %d', async (way, code) => {
    const [watched, plain] = await Promise.all([leaks([app, way]), run(node, [app, way])])
    expectCode(watched, code)
    expect(watched.stdout).toBe(plain.stdout)
    if (way !== 'abort') expect(watched.stderr.startsWith(plain.stderr)).toBe(true)
    expect(watched.stderr).toContain('offheap: the profile is ')
  })

  test('killed by SIGKILL: the report is of the last snapshot, and says so', async () => {
    const outcome = await leaks(['--every', '50ms', app, 'killHard'])
    expectCode(outcome, 137)
    expect(outcome.stderr).toContain('this is the last snapshot')
  })

  test('an app that is not there', async () => {
    const outcome = await leaks(['nowhere.js'])
    expectCode(outcome, 3)
    expect(outcome.stderr).toBe('offheap: nowhere.js: there is no such app\n')
  })

  test('a flag that node does not know: its own message and code', async () => {
    const outcome = await leaks(['--node=--no-such-flag', app, 'natural'])
    expectCode(outcome, 9)
    expect(outcome.stderr).toContain('bad option')
    expect(outcome.stderr).toContain('the app has left no profile')
    expectCode(await leaks(['--fail-on-leak', leaky, 'leaveNothing']), 3)
  })
})

describe('what the app is given', () => {
  test('its arguments, also those that look like ours; its input; its directory', async () => {
    const outcome = await leaks(['app.mjs', 'natural', '--format', 'json', '--', '-h'], {
      cwd: fixture('.'),
    })
    expect(outcome.stdout).toContain("natural [ '--format', 'json', '--', '-h' ]")
    const { stdout } = await leaks([app, 'input'], { input: 'some input' })
    expect(stdout).toBe('read some input\n')
  })

  test('flags of node: those of the command, those of --node, and NODE_OPTIONS', async () => {
    const outcome = await run(
      node,
      ['--expose-gc', main, 'leaks', '--node=--conditions=x', leaky, 'flags'],
      { env: { NODE_OPTIONS: '--no-deprecation' } },
    )
    expect(JSON.parse(outcome.stdout)).toEqual({
      gc: 'function',
      conditions: true,
      deprecation: true,
    })
  })
})

describe('signals', () => {
  const when = (text: string, action: (pid: number) => void) => {
    let done = false
    return ({ pid, stdout }: { pid: number; stdout: string }) => {
      if (done || !stdout.includes(text)) return
      done = true
      action(pid)
    }
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('%s goes to the app', async (name) => {
    const onOutput = when('ready', (pid) => process.kill(pid, name))
    const outcome = await leaks([leaky, 'wait', name], { onOutput })
    expectCode(outcome, 11)
    expect(outcome.stdout).toBe(`ready\ngot ${name}\n`)
  })

  test('an app that does not listen is ended by it', async () => {
    const onOutput = when('ready', (pid) => process.kill(pid, 'SIGTERM'))
    const outcome = await leaks([leaky, 'wait', 'SIGUSR2'], { onOutput })
    expectCode(outcome, 128 + 15)
    expect(outcome.stderr).toContain('offheap: the profile is ')
  })

  test('an app too busy to notice is ended as it would have been', async () => {
    const onOutput = when('busy', (pid) => process.kill(pid, 'SIGTERM'))
    expectCode(await leaks([app, 'busy'], { onOutput }), 128 + 15)
  })

  test('--signal takes a snapshot', async () => {
    const onOutput = when('ready', (pid) => process.kill(pid, 'SIGUSR2'))
    const outcome = await leaks(['--signal', 'usr2', leaky, 'snapshot'], { onOutput })
    expectCode(outcome, 0)
    expect(outcome.stdout).toBe('ready\nwritten\n')
  })
})

describe('the report', () => {
  test('is of all processes', async () => {
    const profile = await profileOf([leaky, 'plant', '4', '100'])
    expect(profile.totals.liveBytes).toBe(400)
    expect(profile.sites[0]).toMatchObject({ liveBytes: 100 })
    expect(profile.program).toMatch(/^node \S*leaky\.mjs plant 4 100$/)
  })

  test.each([
    [[], 0],
    [['--fail-on-leak'], 1],
    [['--fail-on-leak', '--min-bytes', '100'], 1],
    [['--fail-on-leak', '--min-bytes', '101'], 0],
  ])('%j ends with %d', async (flags, code) => {
    expectCode(await leaks([...flags, leaky, 'plant', '1', '100']), code)
  })

  test('--fail-on-leak: no leak, no failure; and a failure of the app stays its own', async () => {
    expectCode(await leaks(['--fail-on-leak', app, 'natural']), 0)
    expectCode(await leaks(['--fail-on-leak', leaky, 'plant', '1', '100', '5']), 5)
  })

  test('is text on standard error, apart from what the app prints', async () => {
    const outcome = await leaks([leaky, 'plant', '1', '2048'])
    expectCode(outcome, 0)
    expect(outcome.stdout).toBe('')
    expect(outcome.stderr).toMatch(
      /2\.0 KiB[^]*leaky \(\/app\/leaky\.ts:7:3\)|2\.0 KiB[^]*leaky\.ts:7:3/,
    )
  })

  test('goes to a file, in the format of its name', async () => {
    const out = join(work, 'leaks.speedscope.json')
    const outcome = await leaks(['--out', out, leaky, 'plant', '1', '2048'])
    expectCode(outcome, 0)
    expect(JSON.parse(readFileSync(out, 'utf8'))).toHaveProperty('profiles')
    expect(outcome.stderr).not.toContain('leaky.ts')
  })

  test('that cannot be written: code 4, or the code of the app', async () => {
    expectCode(await leaks(['--out', '/dev/full', leaky, 'plant', '1', '2048']), 4)
    const failed = await leaks(['--out', '/dev/full', app, 'exit'])
    expectCode(failed, 3)
    expect(failed.stderr).toContain('/dev/full: the disk is full')
  })

  test('is printed and its parts stay when the disk has no room for one more', async () => {
    // Files of the command and of the app may have 1 KiB; three planted profiles together have more.
    const command = `ulimit -f 1; "${node}" "${main}" leaks "${leaky}" plant 3 100`
    const outcome = await run('bash', ['-c', command])
    expectCode(outcome, 4)
    expect(outcome.stderr).toContain('leaky.ts:7:3')
    const [, file = ''] = /offheap: (\S+): it would become larger.* there still/.exec(
      outcome.stderr,
    )!
    expect(
      Object.keys(filesIn(join(file, '..'))).filter((name) => name.endsWith('.json')),
    ).toHaveLength(4)
    const again = await offheap(['report', join(file, '..'), '--format', 'json'])
    expect((JSON.parse(again.stdout) as LeakProfile).totals.liveBytes).toBe(300)
  })

  test('says where the profile is, which `report` then shows', async () => {
    const outcome = await leaks([leaky, 'plant', '2', '1000'])
    const file = /the profile is (\S+profile\.json):/.exec(outcome.stderr)?.[1]
    expect(file?.startsWith(runs)).toBe(true)
    expect(
      Object.keys(filesIn(join(file!, '..'))).filter((name) => name.endsWith('.json')),
    ).toEqual(['profile.json'])
    const again = await offheap(['report', file!, '--format', 'json'])
    expect((JSON.parse(again.stdout) as LeakProfile).totals.liveBytes).toBe(2000)
  })

  test('a profile that is damaged is left out and kept', async () => {
    const outcome = await leaks([leaky, 'plant', '1', '1000', '0', '{"version":1,'])
    expectCode(outcome, 0)
    expect(outcome.stderr).toMatch(/left out \S+\/10001000\.json: .*damaged or truncated/)
    const damaged = /left out (\S+\/10001000\.json):/.exec(outcome.stderr)![1]!
    expect(existsSync(damaged)).toBe(true)
  })

  test('an app without offheap is told of', async () => {
    const outcome = await leaks([app, 'natural'])
    expect(outcome.stderr).toContain(
      'no block was allocated through offheap: the app does not use it',
    )
  })
})

describe('an app with an offheap of its own', () => {
  /** A project with a package of that name, which exports this. */
  function project(name: string, exports: object): string {
    const own = join(work, name, 'node_modules/offheap')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'package.json'), JSON.stringify({ name: 'offheap', exports }))
    writeFileSync(join(own, 'register.cjs'), `console.log('traced by its own')`)
    writeFileSync(join(work, name, 'app.cjs'), `console.log('runs')`)
    return join(work, name, 'app.cjs')
  }

  test('is traced by that', async () => {
    const outcome = await leaks([project('of-another-version', { './register': './register.cjs' })])
    expectCode(outcome, 0)
    expect(outcome.stdout).toBe('traced by its own\nruns\n')
    expect(outcome.stderr).toContain('the app has left no profile')
  })

  test('that cannot trace, is told of', async () => {
    const outcome = await leaks([project('of-an-old-version', { '.': './register.cjs' })])
    expectCode(outcome, 0)
    expect(outcome.stdout).toBe('runs\n')
    expect(outcome.stderr).toContain('older than `leaks` is: what it allocates is not seen')
  })
})

test("a directory for profiles that is somebody else's: nothing runs", async () => {
  const base = join(work, 'foreign')
  mkdirSync(base)
  symlinkSync('/tmp', join(base, `offheap-${process.getuid!()}`))
  const outcome = await leaks([app, 'exit'], { env: { TMPDIR: base } })
  expectCode(outcome, 4)
  expect(outcome.stderr).toMatch(/somebody else.*set TMPDIR/)
})

describe('children', () => {
  test('that are forked and spawned are traced too, whatever flags they are given', async () => {
    const outcome = await leaks([
      '--format',
      'json',
      '--out',
      join(work, 'children.json'),
      leaky,
      'count',
    ])
    expectCode(outcome, 0)
    // The app, one that is forked, one without flags, one that is spawned.
    expect(outcome.stdout).toBe('4 processes\n')
  })
})

describe.skipIf(noTerminal)('on a terminal', () => {
  test('Ctrl-C reaches the app once', async () => {
    const outcome = await offheapOnTerminal(['leaks', leaky, 'wait', 'SIGINT'], {
      input: '\u0003',
      prompt: 'ready',
    })
    expectCode(outcome, 11)
    expect(outcome.stdout.match(/got SIGINT/g)).toHaveLength(1)
  })

  test('a binary format is refused before the app runs', async () => {
    const outcome = await offheapOnTerminal(['leaks', '--format', 'pprof', leaky, 'wait', 'SIGINT'])
    expectCode(outcome, 2)
    expect(outcome.stdout).not.toContain('ready')
  })
})

test('an app in TypeScript runs where Node runs it, else the failure is explained', async () => {
  const { stdout } = await run(node, ['-p', 'Boolean(process.features.typescript)'])
  const outcome = await leaks([fixture('typed.ts')])
  if (stdout === 'true\n') expect(outcome).toMatchObject({ code: 0, stdout: 'typed\n' })
  else {
    expectCode(outcome, 1)
    expect(outcome.stderr).toContain('does not run TypeScript: take Node 22.18')
  }
})
