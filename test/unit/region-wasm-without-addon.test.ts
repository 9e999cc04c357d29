/**
 * Allocators over WebAssembly memory need nothing native. Each test file is a process of its own: this
 * one never loads the addon.
 */
import { expect, test, vi } from 'vitest'
import { BumpAllocator, cAllocator, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { instantiate, PAGE } from '../support/wasm.js'

vi.hoisted(() => {
  process.env['OFFHEAP_ADDON'] = '/nonexistent/offheap.node'
})

test('a region over a module, growing', () => {
  expectCode('LIBRARY_NOT_FOUND', () => cAllocator.alloc(8))
  const { memory, sum, __heap_base: start } = instantiate('module')
  using region = Region.wasm(memory, { start })
  const bump = new BumpAllocator(region)
  const block = bump.alloc(2 * PAGE)
  block.as(Int32Array).fill(2)
  expect(sum(block.ptr, block.size / 4)).toBe(PAGE)
  expect(bump.dupeZ('Grüße').buffer.toString()).toBe('Grüße\0')
  expect(bump.realloc(block, 3 * PAGE).as(Int32Array)[PAGE / 2 - 1]).toBe(2)
  expect(region.addressable).toBe(false)
  expect(expectCode('UNSUPPORTED', () => block.address).message).not.toContain('addon')
  bump.reset()
  expect(block.freed).toBe(true)
})
