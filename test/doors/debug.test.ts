/** DebugAllocator in the hands of C: what C does wrong is refused, and told to who asks. */
import { beforeEach, expect, test } from 'vitest'
import { cAllocator, DebugAllocator, refusedCalls } from '../../lib/index.js'
import { expectLine, here, misuseBy, poke } from '../support/debug.js'
import { loadHolder } from './holder.js'

const c = loadHolder()
const file = import.meta.url

let debug: DebugAllocator
beforeEach(() => {
  debug = new DebugAllocator(cAllocator)
})

test('C’s blocks are told by the line that called C', () => {
  using v = debug.valloc
  const start = here()
  const ptr = c.allocate(v, 100, 64, 5)
  expectLine(debug.detectLeaks()[0]!.stack, start + 1, file)
  expect(debug.view(Number(ptr), 100).every((byte) => byte === 5)).toBe(true)
  const moved = c.reallocate(v, ptr, 50_000, 64)
  expect(debug.totalRequestedBytes).toBe(50_000)
  misuseBy('USE_AFTER_FREE', () => debug.view(Number(ptr), 1))
  c.release(v, moved)
  expect(debug.detectLeaks()).toEqual([])
})

test('what C overran is refused once, and stands in errors', () => {
  using v = debug.valloc
  const ptr = c.allocate(v, 24, 8, 1)
  poke(Number(ptr) + 24, 0)
  const before = refusedCalls()
  c.release(v, ptr)
  expect(refusedCalls()).toBe(before + 1)
  expect(debug.errors.map(({ code }) => code)).toEqual(['ERR_OFFHEAP_CORRUPTED'])
  c.release(v, ptr)
  expect(refusedCalls()).toBe(before + 1)
  expect(debug.detectLeaks()).toEqual([])
})

test('a second free by C is refused', () => {
  using v = debug.valloc
  const ptr = c.allocate(v, 24, 8, 1)
  c.release(v, ptr)
  const before = refusedCalls()
  c.release(v, ptr)
  expect(refusedCalls()).toBe(before + 1)
})

test('JavaScript and C free each other’s blocks', () => {
  using v = debug.valloc
  const ptr = Number(c.allocate(v, 24, 8, 1))
  debug.rawFree(ptr, 24, 8)
  const a = debug.alloc(32, 8)
  const view = a.bytes
  debug.rawFree(a.ptr, 32, 8)
  expect(view.length).toBe(0)
  expect(debug.detectLeaks()).toEqual([])
})
