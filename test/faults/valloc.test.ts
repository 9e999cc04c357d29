// Allocators in the hands of C, in ways that would end the process if they were not guarded against.

import { expect, test } from 'vitest'
import { buildHolder } from '../doors/holder.js'
import { expectExit, facts, run } from './support/child.js'

const env = { OFFHEAP_TEST_HOLDER: buildHolder() }
const here = import.meta.url
const see = (way: string) => facts(here, 'fixtures/valloc.mjs', { args: [way], env })

test('an allocator that calls itself through C runs out of stack, which is out of memory', async () => {
  expect(await see('recursion')).toEqual({ result: 0, deep: true, refused: true })
})

test('what C holds is not collected', async () => {
  const { near, given } = (await see('collected')) as { near: boolean; given: number }
  expect(near).toBe(true)
  expect(given).toBeGreaterThan(1000)
})

test('a worker may end with its allocators in the hands of C', async () => {
  expect(await see('worker')).toEqual({ ended: 20, left: 'none' })
})

test('and so may a process', async () => {
  expectExit(await run(here, 'fixtures/valloc.mjs', { args: ['exit'], env }), 3)
})
