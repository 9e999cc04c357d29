// What `--import offheap/register` does to an app: nothing that it can notice. Each app runs twice, traced
// and not, and must print and end the same; and whatever it does, a whole profile is left.

import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseProfile } from '../../lib/leaks/profile-json.js'
import {
  expectCode,
  filesIn,
  fixture,
  node,
  type Outcome,
  register,
  required,
  run,
  runs,
  type RunOptions,
  work,
} from './support/command.js'

const app = fixture('app.mjs')
let count = 0

interface Traced extends Outcome {
  /** The profiles that were left, by file. */
  files: Record<string, string>
}

/** Runs an app with the tracer in it, and settings that put its profiles into a directory of their own. */
async function traced(args: string[], settings = {}, options: RunOptions = {}): Promise<Traced> {
  const directory = join(work, `run-${(count += 1)}`)
  const env = {
    OFFHEAP_LEAKS: JSON.stringify({ directory, ...settings }),
    OFFHEAP_TEST_RUN: join(directory, 'x'),
    ...options.env,
  }
  const outcome = await run(node, ['--require', required, app, ...args], { ...options, env })
  const files = Object.entries(filesIn(directory)).filter(([name]) => name.endsWith('.json'))
  return { ...outcome, files: Object.fromEntries(files) }
}

/** The profile of the process; whole, or this fails. */
function mainProfile({ files }: Traced) {
  const name = Object.keys(files).find((file) => /^\d+\.json$/.test(file))
  expect(name).toBeDefined()
  return parseProfile(files[name!]!)
}

/** Warnings name the process; how Node calls one listener is on another line than how it calls several. */
const comparable = ({ code, signal, stdout, stderr }: Outcome) => ({
  code,
  signal,
  stdout,
  stderr: stderr
    .replaceAll(/\(node:\d+\)/g, '(node)')
    .replaceAll(/node:events:[\d:]+/g, 'node:events'),
})

describe('an app ends and prints as it does untraced', () => {
  test.concurrent.each([
    ...[
      'natural',
      'exit',
      'exitCode',
      'throw',
      'throwLater',
      'reject',
      'throwAtExit',
      'exitInExit',
    ],
    ...['badCall', 'noSuchProcess', 'manyListeners'],
    ...['killItself', 'killHard', 'killByNumber', 'interrupt'],
    ...['ownListener', 'onceThenAgain', 'addAndRemove', 'ignore'],
    ...['replaceAll', 'chdir', 'deleteDirectory'],
  ])('%s', async (way) => {
    const args = [way, 'an argument', '--flag']
    const [watched, plain] = await Promise.all([traced(args), run(node, [app, ...args])])
    expect(comparable(watched)).toEqual(comparable(plain))
    expect(mainProfile(watched)).toMatchObject({ version: 1, mode: 'exact' })
  })

  test('with a loader, whose hooks Node runs in a thread of their own', async () => {
    const flags = ['--import', fixture('loader.mjs')]
    const { stdout, stderr } = await run(node, [...flags, app, 'exitCode'])
    for (const how of ['--require', '--import']) {
      const tracer = [how, how === '--require' ? required : register]
      const env = { TMPDIR: join(work, how) }
      mkdirSync(env.TMPDIR)
      const watched = await run(node, [...tracer, ...flags, app, 'exitCode'], { env })
      expectCode(watched, 4)
      const plain = { code: 4, signal: null, stdout, stderr }
      expect(comparable(watched)).toEqual(comparable(plain))
    }
  })

  test('where ES modules cannot be required it runs untraced, and is told', async () => {
    const flags = ['--no-experimental-require-module', '--require', required]
    const outcome = await run(node, [...flags, app, 'exit'])
    expectCode(outcome, 3)
    expect(outcome.stderr).toMatch(/^offheap: this program is not traced: require\(\) of ES Module/)
  })

  test('abort', async () => {
    const watched = await traced(['abort'])
    expect(watched).toMatchObject({ code: null, signal: 'SIGABRT', stdout: '' })
    expect(mainProfile(watched).durationMs).toBeGreaterThan(0)
  })
})

describe('the profile', () => {
  test('says what ran, and in which process', async () => {
    const watched = await traced(['natural', 'an argument'], {}, { cwd: fixture('.') })
    const profile = mainProfile(watched)
    expect(profile.program).toBe('node app.mjs natural an argument')
    expect(Object.keys(watched.files)).toEqual([`${profile.pid}.json`])
    expect(statSync(join(work, `run-${count}`)).mode & 0o777).toBe(0o700)
  })

  test('is sampled when settings say so', async () => {
    const watched = await traced(['natural'], { sampleBytes: 524_288 })
    expect(mainProfile(watched)).toMatchObject({ mode: 'sampled', sampleBytes: 524_288 })
  })

  test('is one of all threads, whatever flags and environment a worker is given', async () => {
    const watched = await traced(['workers'])
    expectCode(watched, 0)
    expect(watched.stdout).toContain('exit 3\n')
    expect(watched.stdout).toContain('no env undefined\n')
    // One of the six has no flag left that it could be traced by.
    expect(watched.stdout.match(/^traced true$/gm)).toHaveLength(5)
    expect(Object.keys(watched.files)).toHaveLength(1)
  })

  test.each([
    ['none', 'natural', undefined],
    ['of another version', 'natural', JSON.stringify({ later: true })],
  ])('settings: %s', async (_name, way, variable) => {
    const env = { OFFHEAP_LEAKS: variable, TMPDIR: join(work, 'own') }
    mkdirSync(env.TMPDIR, { recursive: true })
    const outcome = await run(node, ['--import', register, app, way], { env })
    expectCode(outcome, 0)
    expect(outcome.stderr).toBe('')
  })

  test('settings that are wrong are told, and the app runs', async () => {
    const env = { OFFHEAP_LEAKS: '{' }
    const outcome = await run(node, ['--import', register, app, 'exit'], { env })
    expectCode(outcome, 3)
    expect(outcome.stderr).toBe('offheap: OFFHEAP_LEAKS is no JSON object, and is ignored\n')
  })
})

describe('snapshots', () => {
  test('are there while the app runs, and stay when it is killed', async () => {
    const directory = join(work, 'killed')
    const taken = new Set<number>()
    const env = { OFFHEAP_LEAKS: JSON.stringify({ directory, everyMs: 20 }) }
    const script = `setInterval(() => console.log('.'), 20)`
    const read = (pid: number) =>
      parseProfile(readFileSync(join(directory, `${pid}.json`), 'utf8')).durationMs
    let tracedPid = 0
    const outcome = await run(node, ['--require', required, '-e', script], {
      env,
      onOutput: ({ pid }) => {
        taken.add(read((tracedPid = pid)))
        if (taken.size === 4) process.kill(pid, 'SIGKILL')
      },
    })
    expect(outcome.signal).toBe('SIGKILL')
    const times = [...taken]
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(read(tracedPid)).toBeGreaterThanOrEqual(times.at(-1)!)
  })

  test('come on a signal', async () => {
    const directory = join(work, 'asked')
    const env = { OFFHEAP_LEAKS: JSON.stringify({ directory, signal: 'SIGUSR2' }) }
    const file = join(directory, 'PID.json')
    const script = `const fs = require('node:fs'); const file = process.argv[1].replace('PID', process.pid)
      const read = () => JSON.parse(fs.readFileSync(file)).durationMs
      const first = read()
      process.kill(process.pid, 'SIGUSR2')
      const timer = setInterval(() => {
        if (read() <= first) return
        clearInterval(timer)
        console.log('taken', process.listenerCount('SIGUSR2'))
      }, 10)`
    const outcome = await run(node, ['--require', required, '-e', script, file], { env })
    expectCode(outcome, 0)
    expect(outcome.stdout).toBe('taken 1\n')
  })

  test('keep no app alive', async () => {
    // Kept alive, it would be killed long before its first snapshot.
    expectCode(await traced(['natural'], { everyMs: 3_600_000 }), 0)
  })
})

describe('a disk that is full', () => {
  test('is told at the end, and the first profile stays', async () => {
    const watched = await traced(['fullDisk'])
    expectCode(watched, 5)
    expect(watched.stdout).toBe('')
    expect(watched.stderr).toMatch(
      /^offheap: the leak profile could not be written to \S+: it would become larger .*; an earlier one is there\n$/,
    )
    expect(mainProfile(watched).durationMs).toBeGreaterThan(0)
    expect(Object.keys(filesIn(join(work, `run-${count}`)))).toHaveLength(2)
  })

  test('and standard error is closed', async () => {
    expectCode(await traced(['closeStreams']), 5)
  })
})

describe('the directory of profiles', () => {
  const plain = (TMPDIR: string, way = 'exit') =>
    run(node, ['--import', register, app, way], { env: { TMPDIR } })

  test('is for this user alone, and what an earlier process left is kept once', async () => {
    const base = join(work, 'private')
    mkdirSync(base)
    expectCode(await plain(base), 3)
    const inside = join(base, `offheap-${process.getuid!()}`)
    expect(statSync(inside).mode & 0o777).toBe(0o700)
  })

  test('is not used when somebody else has made it: the app runs untraced, and is told', async () => {
    const base = join(work, 'foreign')
    mkdirSync(base)
    symlinkSync('/tmp', join(base, `offheap-${process.getuid!()}`))
    const outcome = await plain(base)
    expectCode(outcome, 3)
    expect(outcome.stderr).toMatch(/^offheap: this program is not traced: .*somebody else.*\n$/)
  })

  test('cannot be made: the same', async () => {
    const base = join(work, 'a-file')
    writeFileSync(base, '')
    const outcome = await plain(base)
    expectCode(outcome, 3)
    expect(outcome.stderr).toMatch(/^offheap: this program is not traced: .*not a directory.*\n$/)
  })

  test('a process that gets the id of an earlier one moves its profiles aside', async () => {
    const script = `const fs = require('node:fs')
      const directory = process.argv[1] + '/' + process.pid
      fs.mkdirSync(directory, { recursive: true })
      fs.writeFileSync(directory + '/old.json', 'old')
      require(process.argv[2])
      console.log(fs.readFileSync(directory + '.before/old.json', 'utf8'), fs.readdirSync(directory))`
    const outcome = await run(node, ['-e', script, runs, required])
    expectCode(outcome, 0)
    expect(outcome.stdout).toMatch(/^old \[[^\]]*\d\.json/)
    rmSync(runs, { recursive: true })
  })
})

describe('two tracers', () => {
  test('of the same copy are one', async () => {
    const flags = ['--import', register, '--require', required]
    const outcome = await run(node, [...flags, app, 'exit'], {})
    expectCode(outcome, 3)
    expect(outcome.stderr).toBe('')
  })

  test('of two copies: the first traces, the second says so', async () => {
    const copy = join(work, 'copy')
    mkdirSync(copy)
    symlinkSync(join(register, '../..'), join(copy, 'dist'))
    copyFileSync(required, join(copy, 'register.cjs'))
    const flags = ['--preserve-symlinks', '--require', required]
    flags.push('--require', join(copy, 'register.cjs'))
    const outcome = await run(node, [...flags, app, 'exit'], {})
    expectCode(outcome, 3)
    expect(outcome.stderr).toMatch(/^offheap: already traced by .*register\.js; .*again\n$/)
  })
})
