// `offheap leaks` and blocks that several threads have to do with: one frees what another has allocated,
// a thread ends and leaves blocks behind, a heap is everybody's. What was freed is no leak, whoever did it.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LeakProfile, parseProfile } from '../../lib/leaks/index.js'
import { expectCode, fixture, node, offheap, required, run, work } from './support/command.js'

const app = fixture('threads.mjs')
const source = readFileSync(app, 'utf8').split('\n')

async function profileOf(way: string, ...flags: string[]): Promise<LeakProfile> {
  const outcome = await offheap([
    'leaks',
    '--format',
    'json',
    '--node=--expose-gc',
    ...flags,
    app,
    way,
  ])
  expectCode(outcome, 0)
  return JSON.parse(outcome.stdout) as LeakProfile
}

/** What lives, by the name at the end of its line. */
function live({ sites }: LeakProfile) {
  return sites
    .filter(({ liveBytes }) => liveBytes > 0)
    .map(({ stack: [frame], liveBytes, why, allocator }) => {
      const [, name = `line ${frame?.line}`] =
        /\/\/ ([A-Z ]+)$/.exec(source[frame!.line - 1]!) ?? []
      return { name, liveBytes, why, allocator }
    })
    .sort((a, b) => a.liveBytes - b.liveBytes)
}

describe('a block that another thread allocated', () => {
  test.runIf(process.platform === 'linux')(
    'is freed or moved there: in every heap of the process',
    async () => {
      const profile = await profileOf('freedElsewhere')
      const why = 'never freed'
      const left = live(profile).toSorted((a, b) => (a.allocator < b.allocator ? -1 : 1))
      expect(left).toEqual(
        [
          ...['DynamicAllocator(libc.so.6)', 'ThreadSafeAllocator', 'cAllocator', 'pageAllocator'],
          'rawCAllocator',
        ].map((allocator) => ({ name: 'THREE', liveBytes: 100, why, allocator })),
      )
      expect(profile.totals).toMatchObject({ allocs: 15, frees: 10, unknownFrees: 0 })
    },
  )

  test('is held by the handle that adopts it', async () => {
    const profile = await profileOf('adopted')
    expect(live(profile)).toMatchObject([{ name: 'ADOPTED', liveBytes: 700, why: 'still held' }])
    expect(profile.totals.allocs).toBe(1)
  })

  test.each([[], ['--sample', '1000']])('of many at once: sums are even (%s)', async (...flags) => {
    const profile = await profileOf('storm', ...flags)
    expect(live(profile)).toEqual([])
    expect(profile.totals.unknownFrees).toBe(0)
    if (flags.length === 0) expect(profile.totals).toMatchObject({ allocs: 24_000, frees: 24_000 })
    else expect(profile.totals.allocs).toBeGreaterThan(12_000)
  })
})

describe('a thread that has ended', () => {
  test('leaves what is the process’s, and its handles are lost; its own memory is gone', async () => {
    const profile = await profileOf('leftBehind', '--include-regions')
    const allocator = 'cAllocator'
    expect(live(profile)).toEqual([
      { name: 'RAW', liveBytes: 100, why: 'never freed', allocator },
      { name: 'HANDLE', liveBytes: 200, why: 'handle lost', allocator },
      { name: 'SHOWN', liveBytes: 300, why: 'handle lost', allocator },
    ])
  })

  test('by terminate() as well', async () => {
    const left = live(await profileOf('terminated'))
    expect(left).toMatchObject([{ name: 'RUNNING', liveBytes: 1000, why: 'handle lost' }])
  })

  test('with the process: what it held then is in the profile', async () => {
    const left = live(await profileOf('running'))
    expect(left).toMatchObject([{ name: 'RUNNING', liveBytes: 1000, why: 'still held' }])
  })

  test('has said where its lines were written', async () => {
    const { sites } = await profileOf('transformed')
    expect(sites[0]!.stack[0]).toMatchObject({ file: fixture('app.mjs'), line: 7, column: 3 })
  })
})

describe('a heap of many threads', () => {
  test('has its blocks as long as anybody has it', async () => {
    expect(live(await profileOf('heldHeap'))).toMatchObject([{ name: 'HELD HEAP', liveBytes: 300 }])
    expect(live(await profileOf('disposedHeap'))).toEqual([])
  })

  test('loses none by one that lets go of it', async () => {
    const left = live(await profileOf('letGo'))
    expect(left).toMatchObject([
      { name: 'OWN', liveBytes: 50, why: 'still held' },
      { name: 'LET GO', liveBytes: 300, why: 'never freed' },
    ])
  })

  test('is empty after a reset, whoever allocated', async () => {
    expect(live(await profileOf('bumpReset'))).toMatchObject([
      { name: 'AFTER RESET', liveBytes: 40 },
    ])
  })

  test.runIf(process.platform === 'linux')('may be two allocators of one thread', async () => {
    const { totals } = await profileOf('dynamicTwice')
    expect(totals).toMatchObject({ liveBlocks: 0, frees: 1, unknownFrees: 0 })
  })
})

test('dispose() hides no block that lives on', async () => {
  const left = live(await profileOf('disposedWrappers'))
  expect(left.map(({ allocator, liveBytes }) => [allocator, liveBytes])).toEqual([
    ['LimitAllocator(cAllocator)', 10],
    ['cAllocator', 20],
  ])
})

test('a worker that is traced in a process that is not writes the profile itself', async () => {
  const script = `const { Worker } = require('node:worker_threads')
    const code = "require('offheap').cAllocator.rawAlloc(1234, 16)"
    new Worker(code, { eval: true, execArgv: ['--require', process.argv[1]] })`
  const directory = join(work, 'only-a-worker')
  mkdirSync(directory)
  const args = ['-e', script, required]
  expectCode(await run(node, args, { env: { TMPDIR: directory }, cwd: fixture('.') }), 0)
  const [file, ...others] = filesBelow(directory).filter((name) => name.endsWith('.json'))
  expect(others).toEqual([])
  const { totals } = parseProfile(readFileSync(file!, 'utf8'))
  expect(totals).toMatchObject({ liveBytes: 1234, liveBlocks: 1 })
})

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))
