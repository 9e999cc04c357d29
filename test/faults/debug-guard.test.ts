// C that touches what it must not: the process says what it was and dies as it would have.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { expectExit, facts, type Outcome, run } from './support/child.js'

const here = import.meta.url
const FIXTURE = 'fixtures/debug-guard.mjs'
const source = readFileSync(new URL(FIXTURE, here), 'utf8').split('\n')

/** Where a stack in a report must begin: the line of the fixture with this comment. */
function place(comment: string): RegExp {
  const line = 1 + source.findIndex((text) => text.endsWith(`// ${comment}`))
  return new RegExp(`^    at \\w+ \\(.*debug-guard\\.mjs:${line}:\\d+\\)$`)
}

/** The lines of the report behind its first. */
function stacks(outcome: Outcome): Record<string, string[]> {
  const sections: Record<string, string[]> = {}
  const lines = outcome.stderr.split('\n')
  const start = lines.findIndex((line) => line.startsWith('offheap: '))
  let title = ''
  for (const line of lines.slice(start + 1)) {
    if (/^ {2}\w/.test(line)) sections[(title = line.trim())] = []
    else if (line.startsWith('    at ')) sections[title]?.push(line)
    else break
  }
  return sections
}

function expectCrash(outcome: Outcome): void {
  expect({ code: outcome.code, signal: outcome.signal }, outcome.stderr).toEqual({
    code: null,
    signal: 'SIGSEGV',
  })
}

const OWNER = String.raw`of DebugAllocator\(cAllocator\)`
const AT = '0x[0-9a-f]+'

describe.skipIf(process.platform === 'win32')('a guarded block', () => {
  test.each([
    ['overrun', `overrun: \\w+ at ${AT}, 12 bytes behind the end of the block of 100 bytes`],
    ['underrun', `underrun: \\w+ at ${AT}, 1 byte before the block of 8192 bytes`],
    ['in a worker', `overrun: \\w+ at ${AT}, 12 bytes behind the end of the block of 100 bytes`],
  ])('%s is told with the line that allocated', async (how, text) => {
    const outcome = await run(here, FIXTURE, { args: [how] })
    expectCrash(outcome)
    expect(outcome.stderr).toMatch(new RegExp(`offheap: ${text} aligned to 16 at ${AT} ${OWNER}`))
    const { allocated, freed } = stacks(outcome)
    expect(allocated![0]).toMatch(place('allocated here'))
    expect(freed).toBe(undefined)
  })

  test.each([
    ['write after free', 16],
    ['read after free', 0],
    ['sampled write after free', 0],
  ])('%s is told with the lines that allocated and freed', async (how, offset) => {
    const outcome = await run(here, FIXTURE, { args: [how] })
    expectCrash(outcome)
    const text = `use after free: \\w+ at ${AT}, ${offset} bytes into the block of 64 bytes`
    expect(outcome.stderr).toMatch(new RegExp(`offheap: ${text} aligned to 16 at ${AT} ${OWNER}`))
    const { allocated, freed } = stacks(outcome)
    expect(allocated![0]).toMatch(place('allocated here'))
    expect(freed![0]).toMatch(place('freed here'))
  })

  test('a fault elsewhere is nobody’s but the program’s', async () => {
    const outcome = await run(here, FIXTURE, { args: ['foreign'] })
    expectCrash(outcome)
    expect(outcome.stderr).not.toContain('offheap:')
  })

  test('WebAssembly still traps, and a program that does no wrong ends well', async () => {
    const trap = 'RuntimeError: memory access out of bounds'
    expect(await facts(here, FIXTURE, { args: ['ends well'] })).toEqual({
      before: trap,
      after: trap,
      again: trap,
      sum: 700,
      outcome: 'ok',
    })
    expectExit(await run(here, FIXTURE, { args: ['ends well'] }))
  })
})
