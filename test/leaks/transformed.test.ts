// Lines of code that was transformed in memory, and programs that format stacks in ways of their own.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { facts } from '../faults/support/child.js'
import { lineOf } from './support/lines.js'

const FIXTURE = 'fixtures/transformed/hooks.mjs'
const fixture = fileURLToPath(new URL(FIXTURE, import.meta.url))
const original = fileURLToPath(new URL('fixtures/transformed/original.ts', import.meta.url))
const here = lineOf(readFileSync(fixture, 'utf8'), 'HERE')

interface Seen {
  file: string
  line: number
  column: number
  whileAllocating: number
  asked: number
  errors: number
  kept: { hook: boolean }
}

const seen = (variant: string): Promise<Seen> =>
  facts<Seen>(import.meta.url, FIXTURE, { args: [variant] })

describe('Error.prepareStackTrace of the program', () => {
  test.each(['source', 'url'])('says where a line came from: %s', async (variant) => {
    expect(await seen(variant)).toMatchObject({ file: original, line: 7, column: 3 })
  })

  test.each([
    ...['none', 'madeUp', 'relative', 'noLine', 'throws', 'callSites', 'everything', 'symbol'],
    ...['notCallable', 'getter', 'frozen'],
  ])('leaves a line where it is: %s', async (variant) => {
    const { file, line, errors } = await seen(variant)
    expect({ file, line, errors }).toEqual({ file: fixture, line: here, errors: 0 })
  })

  test('is not asked while the program allocates, and stays what it is', async () => {
    for (const variant of ['source', 'throws', 'callSites']) {
      const { whileAllocating, asked, kept } = await seen(variant)
      expect({ whileAllocating, kept }).toEqual({ whileAllocating: 0, kept: { hook: true } })
      expect(asked).toBeGreaterThan(0)
    }
  })
})

test('the maps that Node keeps of code in memory are used', async () => {
  expect(await seen('inMemory')).toMatchObject({ file: '/made/up/source.ts', line: 41, column: 3 })
})
