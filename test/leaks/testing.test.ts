// expectNoLeaks, under vitest itself and in node:test.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setImmediate as tick } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type Allocation,
  BumpAllocator,
  cAllocator,
  OffheapError,
  StackAllocator,
} from '../../lib/index.js'
import { type BacktracingAllocator, expectNoLeaks } from '../../lib/leaks/index.js'
import { lineOf } from './support/lines.js'

interface Padding {
  // What is a type alone is gone in the code that runs, and its lines with it.
  lines: number
}

const file = fileURLToPath(import.meta.url)
const source = readFileSync(file, 'utf8')
const padding: Padding = { lines: 1000 }

function keepOne(allocator: BacktracingAllocator): Allocation {
  return allocator.alloc(padding.lines) // ONE
}

async function failure(promise: Promise<unknown>): Promise<OffheapError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OffheapError)
  return error as OffheapError
}

describe('expectNoLeaks', () => {
  test('passes a result through, when all is freed', async () => {
    const used = cAllocator.stats().used
    expect(await expectNoLeaks(() => 7)).toBe(7)
    const read = await expectNoLeaks(async (allocator) => {
      const a = allocator.dupe('text')
      await tick()
      const text = a.buffer.toString()
      a.free()
      return text
    })
    expect(read).toBe('text')
    expect(cAllocator.stats().used).toBe(used)
  })

  test('names the line of the source, as it is before it is transformed', async () => {
    const error = await failure(expectNoLeaks((allocator) => void keepOne(allocator)))
    expect(error.code).toBe('ERR_OFFHEAP_LEAK')
    expect(error.message).toMatch(/^Expected that all is freed, but 1 block of 1,000 B is not:\n\n/)
    expect(error.message).toContain(`keepOne  `)
    expect(error.message).toMatch(new RegExp(`testing\\.test\\.ts:${lineOf(source, 'ONE')}:20\n`))
  })

  test('reports the largest first, and nothing that was freed', async () => {
    const held: Allocation[] = []
    const error = await failure(
      expectNoLeaks(async (allocator) => {
        held.push(allocator.alloc(10)) // SMALL
        await tick()
        for (let i = 0; i < 3; i++) held.push(allocator.alloc(100_000)) // LARGE
        allocator.alloc(50_000).free() // FREED
      }),
    )
    expect(error.message).toContain('but 4 blocks of 293 KiB are not')
    const at = (mark: string): number =>
      error.message.indexOf(`testing.test.ts:${lineOf(source, mark)}:`)
    expect(at('LARGE')).toBeGreaterThan(0)
    expect(at('SMALL')).toBeGreaterThan(at('LARGE'))
    expect(at('FREED')).toBe(-1)
    expect(held.length).toBe(4)
  })

  test('counts what the result still holds, and empty blocks', async () => {
    const error = await failure(expectNoLeaks((allocator) => allocator.alloc(0)))
    expect(error.message).toContain('but 1 block of 0 B is not')
  })

  test('tells handles that are gone from those that are held', async () => {
    const lost = await failure(
      expectNoLeaks((allocator) => {
        for (let i = 0; i < 10; i++) keepOne(allocator)
      }),
    )
    expect(lost.message).toContain('handle lost')
    const held: Allocation[] = []
    const kept = await failure(expectNoLeaks((allocator) => held.push(keepOne(allocator))))
    expect(kept.message).toContain('still held')
    expect(held.length).toBe(1)
  })

  test('throws what the function throws, leaks or not', async () => {
    const own = new RangeError('mine')
    const throwing = (allocator: BacktracingAllocator): never => {
      keepOne(allocator)
      throw own
    }
    await expect(expectNoLeaks(throwing)).rejects.toBe(own)
    await expect(expectNoLeaks((allocator) => Promise.reject(throwing(allocator)))).rejects.toBe(
      own,
    )
  })

  test('leaves nothing alive that has a handle, and no handle that reads freed memory', async () => {
    const used = cAllocator.stats().used
    const held: Allocation[] = []
    await failure(
      expectNoLeaks((allocator) => {
        for (let i = 0; i < 3000; i++) {
          const a = allocator.alloc(64)
          if (i % 3 === 0) held.push(a)
          else a.free()
        }
        held.push(allocator.realloc(allocator.alloc(8), 4000), allocator.tryAlloc(8)!)
      }),
    )
    expect(cAllocator.stats().used).toBe(used)
    expect(held.map((a) => a.freed)).toEqual(held.map(() => true))
    expect(() => held[0]!.bytes).toThrow(/has been freed/)
    let escaped: BacktracingAllocator | undefined
    await expectNoLeaks((allocator) => void (escaped = allocator))
    expect(() => escaped!.alloc(1)).toThrow(
      expect.objectContaining({ code: 'ERR_OFFHEAP_DISPOSED' }),
    )
  })

  test('leaves raw blocks to whoever has their address', async () => {
    let ptr = 0
    const raw = (allocator: BacktracingAllocator): void => void (ptr = allocator.rawAlloc(77, 16))
    const error = await failure(expectNoLeaks(raw))
    expect(error.message).toContain('never freed')
    cAllocator.rawFree(ptr, 77, 16)
  })

  test('allocates from another allocator, which stays the caller’s', async () => {
    const inner = new StackAllocator(4096)
    const error = await failure(
      expectNoLeaks((allocator) => [allocator.alloc(100), allocator.alloc(200)].length, { inner }),
    )
    expect(error.message).toContain('2 blocks of 300 B')
    expect(inner.stats().used).toBe(0)
    inner.alloc(10).free()
    const bump = new BumpAllocator(4096)
    await expectNoLeaks(
      (allocator) => {
        allocator.alloc(10)
        allocator.reset()
      },
      { inner: bump },
    )
  })

  test('mentions frees of what it did not hand out, which are no leaks', async () => {
    const ptr = cAllocator.rawAlloc(100, 16)
    await expectNoLeaks((allocator) => allocator.rawFree(ptr, 100, 16))
    const another = cAllocator.rawAlloc(100, 16)
    const error = await failure(
      expectNoLeaks((allocator) => {
        allocator.rawFree(another, 100, 16)
        return keepOne(allocator)
      }),
    )
    expect(error.message).toContain('1 free of blocks that were not recorded')
  })

  test('sees what is allocated through the C door, which need not be released', async () => {
    const count = await expectNoLeaks((allocator) => Number(allocator.valloc.address > 0n))
    expect(count).toBe(1)
  })

  test('has as many frames and as wide a report as is asked for', async () => {
    const report = { width: 200, frames: 10 }
    const call = (): Promise<unknown> => failure(expectNoLeaks(keepOne, { frames: 1, report }))
    const { message } = (await call()) as OffheapError
    expect(message.match(/testing\.test\.ts:/g)).toHaveLength(1)
    expect(message).toContain(`${file}:${lineOf(source, 'ONE')}`)
  })

  test.each([
    [undefined, {}],
    [{}, {}],
    [(): void => {}, null],
    [(): void => {}, 1],
    [(): void => {}, { inner: {} }],
    [(): void => {}, { inner: null }],
    [(): void => {}, { frames: 0 }],
    [(): void => {}, { report: { wide: 1 } }],
  ])('refuses %j with %j', async (run, options) => {
    const error = await failure(expectNoLeaks(run as never, options as never))
    expect(error.code).toBe('ERR_OFFHEAP_INVALID_ARGUMENT')
  })
})

describe('under fake timers', () => {
  afterEach(() => void vi.useRealTimers())

  test('does not wait for ever', async () => {
    vi.useFakeTimers()
    await failure(expectNoLeaks(keepOne))
  })
})

describe('in node:test', () => {
  test('fails the test with the report, and passes the one that frees', async () => {
    const fixture = fileURLToPath(new URL('fixtures/testing/node-test.mjs', import.meta.url))
    const leaking = lineOf(readFileSync(fixture, 'utf8'), 'LEAK')
    const output = await new Promise<string>((resolve) => {
      const flags = ['--expose-gc', '--test-reporter=tap', fixture]
      // Of vitest's own, which a child would take for its parent's.
      const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' }
      execFile(process.execPath, flags, { env }, (_, stdout) => resolve(stdout))
    })
    expect(output).toMatch(/^not ok 1 - leaks/m)
    expect(output).toMatch(/^ok 2 - frees/m)
    expect(output).toContain('ERR_OFFHEAP_LEAK')
    expect(output).toContain('but 1 block of 123 B is not')
    expect(output).toMatch(new RegExp(`node-test\\.mjs:${leaking}:\\d+`))
    expect(output).toContain('forgetful')
  })
})
