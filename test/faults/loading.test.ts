// What a program sees that cannot load the addon, or loads it in unusual ways.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectExit, facts, run, runtime, type RunOptions } from './support/child.js'

interface Refusal {
  code: string
  message: string
  hasCause: boolean
}

interface Uses {
  withAddon: Record<string, number | Refusal>
  bare: { value: number; aligned: number; address: unknown; none: null }
}

const here = import.meta.url
const NEEDS_ADDON = ['malloc', 'pages', 'shared', 'capacity', 'c', 'rawC', 'page', 'borrow']
// Node 20 spells it differently. Files have to be allowed too: the fixture, the library and the addon.
const PERMISSION = [
  runtime.major >= 22 ? '--permission' : '--experimental-permission',
  '--allow-fs-read=*',
]

const uses = (options: RunOptions) => facts<Uses>(here, 'fixtures/import-only.mjs', options)

function expectRefused(seen: Uses, code: string, text: RegExp): void {
  for (const use of NEEDS_ADDON) {
    expect(seen.withAddon[use], use).toMatchObject({ code, hasCause: true })
    expect((seen.withAddon[use] as Refusal).message, use).toMatch(text)
  }
}

function expectBareWorks(seen: Uses): void {
  expect(seen.bare).toMatchObject({ value: 1.5, aligned: 0, none: null })
  expect(seen.bare.address).toMatchObject({ code: 'ERR_OFFHEAP_UNSUPPORTED' })
}

describe('--permission', () => {
  test('without --allow-addons the error says what to add', async () => {
    const seen = await uses({ flags: PERMISSION })
    expectRefused(seen, 'ERR_OFFHEAP_UNSUPPORTED', /--allow-addons/)
    expectBareWorks(seen)
  })

  test('with it the addon loads', async () => {
    const seen = await uses({ flags: [...PERMISSION, '--allow-addons'] })
    for (const use of NEEDS_ADDON.filter((name) => name !== 'borrow')) {
      expect(seen.withAddon[use], use).toBeTypeOf('number')
    }
  })

  test('a policy that forbids addons in another way says so too: --no-addons', async () => {
    const seen = await uses({ flags: ['--no-addons'] })
    expectRefused(seen, 'ERR_OFFHEAP_UNSUPPORTED', /--no-addons|ERR_DLOPEN_DISABLED/)
    expectBareWorks(seen)
  })
})

describe('no addon', () => {
  test('not built: the error names the command that builds it, and what needs none works', async () => {
    const seen = await uses({ env: { OFFHEAP_ADDON: join(tmpdir(), 'nowhere', 'offheap.node') } })
    expectRefused(seen, 'ERR_OFFHEAP_LIBRARY_NOT_FOUND', /is not built.*npm run build:native/s)
    expectBareWorks(seen)
  })

  test.each([
    ['empty', ''],
    ['no library', 'this is no shared library'],
  ])('a file that is none: %s', async (_name, content) => {
    const folder = mkdtempSync(join(tmpdir(), 'offheap-addon-'))
    try {
      const path = join(folder, 'offheap.node')
      writeFileSync(path, content)
      const seen = await uses({ env: { OFFHEAP_ADDON: path } })
      expectRefused(seen, 'ERR_OFFHEAP_LIBRARY_NOT_FOUND', /does not load.*npm run build:native/s)
      expectBareWorks(seen)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a module that exports something else is refused, not called', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'offheap-addon-'))
    try {
      const path = join(folder, 'offheap.cjs')
      writeFileSync(path, 'module.exports = { abi: -1 }')
      const seen = await uses({ env: { OFFHEAP_ADDON: path } })
      for (const use of NEEDS_ADDON) {
        expect(seen.withAddon[use], use).toMatchObject({ code: 'ERR_OFFHEAP_LIBRARY_NOT_FOUND' })
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('two copies of the library over one addon', () => {
  test('serve side by side and never hand out the same block', async () => {
    const outcome = await run(here, 'fixtures/twice.mjs')
    expectExit(outcome)
    expect(JSON.parse(outcome.stdout)).toEqual({
      error: 'none',
      different: true,
      sound: true,
      free: 'none',
    })
  })
})
