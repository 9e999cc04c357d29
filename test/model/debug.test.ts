/** DebugAllocator under random programs: no mistake goes unfound, and nothing else is taken for one. */
import { describe, expect, test } from 'vitest'
import {
  type Allocator,
  cAllocator,
  DebugAllocator,
  type DebugOptions,
  SlabAllocator,
} from '../../lib/index.js'
import { DebugMachine, MISTAKES } from './debug-machine.js'

const variants: Readonly<Record<string, [make: () => Allocator, DebugOptions]>> = {
  'as it is': [() => cAllocator, {}],
  'over a slab': [() => new SlabAllocator({ reserve: 2 ** 28 }), { pageSize: 4096 }],
  'with a small quarantine': [() => cAllocator, { quarantineBytes: 2 ** 20, pageSize: 4096 }],
  'that gives nothing back': [() => cAllocator, { neverUnmap: true }],
}

describe.each(Object.entries(variants))('DebugAllocator %s', (_, [make, options]) => {
  test('tells of nothing in 100,000 operations that are right', () => {
    const debug = new DebugAllocator(make(), { stackTraceFrames: 0, ...options })
    const machine = new DebugMachine(debug, 1, 200)
    const steps = options.neverUnmap === true ? 20_000 : 100_000
    for (let i = 1; i <= steps; i++) {
      machine.step()
      if (i % 20_000 === 0) debug.check()
    }
    machine.freeAll()
    expect(debug.errors).toEqual([])
    expect(debug.deinit()).toBe('ok')
  })

  test.each(MISTAKES)('finds each %s', (mistake) => {
    const debug = new DebugAllocator(make(), { stackTraceFrames: 1, ...options })
    const machine = new DebugMachine(debug, mistake.length, 40)
    let made = 0
    for (let i = 0; i < 1500; i++) {
      machine.step()
      if (i % 10 === 9 && machine.err(mistake)) made += 1
    }
    expect(made).toBeGreaterThan(120)
    machine.freeAll()
    expect(debug.deinit()).toBe('ok')
  })
})

test.skipIf(process.platform === 'win32')(
  'guarded blocks: nothing is told of what is right',
  () => {
    for (const options of [{ guard: true }, { guardEvery: 10 }] satisfies DebugOptions[]) {
      const debug = new DebugAllocator(cAllocator, { stackTraceFrames: 0, ...options })
      const machine = new DebugMachine(debug, 3, 100)
      for (let i = 0; i < 20_000; i++) machine.step()
      debug.check()
      machine.freeAll()
      expect(debug.errors).toEqual([])
      expect(debug.deinit()).toBe('ok')
    }
  },
)

/** Those that a process survives on guarded pages. */
const survivable = MISTAKES.filter((name) => !/run|write/.test(name))

test.skipIf(process.platform === 'win32').each(survivable)(
  'guarded blocks: finds each %s',
  (mistake) => {
    const debug = new DebugAllocator(cAllocator, { guard: true, stackTraceFrames: 1 })
    const machine = new DebugMachine(debug, 7, 40)
    let made = 0
    for (let i = 0; i < 1000; i++) {
      machine.step()
      if (i % 10 === 9 && machine.err(mistake)) made += 1
    }
    expect(made).toBeGreaterThan(60)
    machine.freeAll()
    expect(debug.deinit()).toBe('ok')
  },
)
