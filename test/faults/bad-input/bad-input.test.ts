// Bad input, over every allocator and region: each call gives its documented coded error or its
// documented result, damages no other block, and leaves the allocator serving. In child processes,
// because the first thing that must not happen is that the process dies.

import { describe, expect, test } from 'vitest'
import { gcToTest } from '../../support/gc.js'
import { lacks, mimalloc } from '../../support/mallocs.js'
import { sanitized } from '../../support/memory.js'
import { facts } from '../support/child.js'

interface Table {
  calls: number
  violations: string[]
}

const SHOWN = 60

async function expectNone(script: string, args: string[], atLeast: number): Promise<void> {
  const options = { args, timeout: 180_000 }
  const { calls, violations } = await facts<Table>(import.meta.url, `fixtures/${script}`, options)
  expect(violations.slice(0, SHOWN), `${violations.length} violations in ${calls} calls`).toEqual(
    [],
  )
  // A table that lost its rows would find nothing too.
  expect(calls).toBeGreaterThan(atLeast)
}

// Each waits for a process of its own, so some of them run at a time. Where it is arithmetic in TypeScript
// a sanitizer of the addon has nothing to find, and takes minutes.
describe.concurrent('bad input', { timeout: 200_000 }, () => {
  test.each([
    ['cAllocator', 900],
    ['rawCAllocator', 900],
    ['pageAllocator', 900],
    ['threadSafe', 3500],
  ])('sizes, alignments and pointers that are wrong are refused with a code: %s', (name, atLeast) =>
    expectNone('allocators.mjs', [name], atLeast),
  )

  describe.skipIf(lacks(mimalloc))(mimalloc.title, () => {
    test('the same over a malloc in a shared library', () =>
      expectNone('allocators.mjs', ['DynamicAllocator'], 900))
  })

  test.skipIf(!gcToTest)('the same of the collected heap (libgc)', () =>
    expectNone('allocators.mjs', ['gc'], 900),
  )

  test('regions of no size, with no options, of no memory, and after their end', () =>
    expectNone('regions.mjs', [], 600))

  test('handles that are none, freed, or of another allocator, and copies of wrong bytes', () =>
    expectNone('handles.mjs', [], 12_000))

  test('what allocators are made of, argument by argument', () =>
    expectNone('constructors.mjs', [], 700))
})

describe
  .skipIf(sanitized)
  .concurrent('bad input of what is written in TypeScript', { timeout: 200_000 }, () => {
    test.each([
      ['nullAllocator', 900],
      ['own', 350],
      ['forwarding', 350],
      ['bump', 8000],
      ['stack', 7000],
      ['pool', 4000],
      ['freeList', 8000],
      ['slab', 3000],
      ['concurrentBump', 7000],
      ['arena', 1900],
      ['wrapper', 12_000],
    ])('sizes, alignments and pointers that are wrong: %s', (name, atLeast) =>
      expectNone('allocators.mjs', [name], atLeast),
    )

    test('a reset, a rewind and the end of a bump allocator, and what is called afterwards', () =>
      expectNone('endings.mjs', [], 1000))

    test('every strategy after a reset and after its end, and the next one in its region', () =>
      expectNone('strategies.mjs', [], 5000))

    test('layouts that are none, or overflow', () => expectNone('layouts.mjs', [], 200))
  })
