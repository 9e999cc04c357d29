// `offheap doctor`: what it says where all is well, and where something is missing.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../lib/cli/doctor/checks.js'
import { expectCode, main, node, offheap, run, type RunOptions, work } from './support/command.js'

const { stdout: version } = await run(node, ['-p', 'process.versions.node'])
const major = Number.parseInt(version, 10)

async function findings(options: RunOptions = {}): Promise<Map<string, Finding>> {
  const { stdout } = await offheap(['doctor', '--json'], options)
  return new Map((JSON.parse(stdout) as Finding[]).map((found) => [found.name, found]))
}

describe('where all is well', () => {
  test('a line each, with advice below what is not ok', async () => {
    const outcome = await offheap(['doctor'])
    expectCode(outcome, 0)
    expect(outcome.stdout).toMatch(/^ok {7}Node +\d+\.\d+\.\d+ on \w+-\w+$/m)
    expect(outcome.stdout).toMatch(/^ok {7}addon +is built and loads$/m)
    const bad = outcome.stdout.match(/^(limited|missing) .*\n {9}-> \S/gm) ?? []
    expect(bad).toHaveLength(outcome.stdout.match(/^(limited|missing)/gm)?.length ?? 0)
    expect(outcome.stderr).toBe('')
  })

  test('--json has the same, and says what this runtime can do', async () => {
    const found = await findings()
    expect(found.get('external ArrayBuffers')).toMatchObject({ state: 'ok' })
    expect(found.get('shared regions')).toMatchObject({ state: 'ok' })
    expect(found.get('ArrayBuffer transfer')).toMatchObject({
      state: major >= 22 ? 'ok' : 'limited',
    })
    expect(found.get('largest region')).toMatchObject({ state: major >= 22 ? 'ok' : 'limited' })
    for (const { state, advice } of found.values())
      expect(advice === undefined).toBe(state === 'ok')
    for (const name of ['libgc', 'mimalloc', 'jemalloc', 'tcmalloc', 'node:ffi', 'profiles'])
      expect([...found.keys()]).toContain(name)
  })

  test('colours where they are asked for', async () => {
    const { stdout } = await offheap(['doctor'], { env: { FORCE_COLOR: '1' } })
    expect(stdout).toContain('\u001B[32mok')
  })
})

describe('where something is missing', () => {
  test('the addon: exit code 1, and how to build it', async () => {
    const env = { OFFHEAP_ADDON: join(work, 'nowhere.node') }
    const outcome = await offheap(['doctor'], { env })
    expectCode(outcome, 1)
    expect(outcome.stdout).toMatch(/^missing {2}addon .*is not built/m)
    expect(outcome.stdout).toMatch(/-> .*npm run build:native/)
  })

  test('external ArrayBuffers', async () => {
    const found = await findings({ env: { OFFHEAP_NO_EXTERNAL_BUFFERS: '1' } })
    expect(found.get('external ArrayBuffers')).toMatchObject({ state: 'limited' })
  })

  test('permissions', async () => {
    const flag = major >= 22 ? '--permission' : '--experimental-permission'
    const flags = [flag, '--allow-fs-read=*', '--allow-addons']
    const outcome = await run(node, [...flags, main, 'doctor', '--json'])
    const list = JSON.parse(outcome.stdout) as Finding[]
    const found = list.find(({ name }) => name === 'permission model')
    expect(found).toMatchObject({ state: 'limited', found: 'is on, and refuses fs.write, child' })
    expect(found!.advice).toBe('add --allow-fs-write=* --allow-child-process')
  })

  test.runIf(process.platform === 'linux')('address space', async () => {
    const command = `ulimit -v 40000000; "${node}" "${main}" doctor`
    const { stdout } = await run('bash', ['-c', command])
    expect(stdout).toMatch(/^limited {2}address space \(ulimit -v\) +38\.1 GiB/m)
  })

  test('a directory for profiles', async () => {
    const found = await findings({ env: { TMPDIR: join(main, 'a-file') } })
    expect(found.get('profiles')).toMatchObject({
      state: 'limited',
      advice: expect.stringContaining('TMPDIR'),
    })
  })
})
