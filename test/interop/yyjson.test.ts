/**
 * yyjson's allocator struct, used by a small program in C that follows yyjson's contract: Debian 12 has
 * no yyjson.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'
import { BumpAllocator, SlabAllocator } from '../../lib/index.js'
import { yyjsonAdapter } from '../../lib/interop/index.js'

const compiler = [process.env['CC'] ?? '', 'cc', 'gcc', 'clang'].find(
  (name) => name !== '' && spawnSync(name, ['--version']).status === 0,
)
const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']

interface Reader {
  read(text: string, size: number, alc: bigint): bigint | null
  sumOf(doc: bigint | null): number | bigint
  free(doc: bigint | null): void
}

let reader: Reader | undefined

/** The program, compiled when it is first asked for. Its file is gone again once it is loaded. */
function load(): Reader {
  if (reader !== undefined) return reader
  const cache = fileURLToPath(new URL('../../.cache', import.meta.url))
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'yyjson-'))
  try {
    const shared = join(folder, 'yyjson.so')
    const source = fileURLToPath(new URL('yyjson.c', import.meta.url))
    execFileSync(compiler ?? 'cc', [...flags, source, '-o', shared], { stdio: 'pipe' })
    const library = koffi.load(shared)
    reader = {
      read: library.func('void *doc_read(const char *text, size_t size, void *alc)'),
      sumOf: library.func('int64_t doc_sum(void *)'),
      free: library.func('void doc_free(void *)'),
    }
    return reader
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const numbers = Array.from({ length: 10_000 }, (_, i) => i * 3)
const text = `[${numbers.join(',')}]`
const sum = BigInt(numbers.reduce((a, b) => a + b))

const lacking = compiler === undefined && !process.env['CI']

describe.skipIf(lacking)('a reader with a yyjson_alc, compiled by cc', () => {
  it.each([
    ['a slab heap', () => new SlabAllocator({ reserve: 2 ** 22 })],
    ['a bump arena', () => new BumpAllocator(2 ** 20)],
  ])('reads and frees in %s', (_, make) => {
    const { read, sumOf, free } = load()
    using heap = make()
    using adapter = yyjsonAdapter(heap)
    const doc = read(text, text.length, adapter.address)
    expect(BigInt(sumOf(doc))).toBe(sum)
    expect(adapter.stats()).toMatchObject({ blocks: 3, allocations: 3 })
    expect(adapter.stats().bytes).toBeGreaterThan(text.length + 10_000 * 8)
    free(doc)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(heap.stats().used).toBe(0)
  })

  it('goes with a reset', () => {
    const { read, sumOf } = load()
    using arena = new BumpAllocator(2 ** 20)
    using adapter = yyjsonAdapter(arena)
    for (let i = 0; i < 20; i++) {
      expect(BigInt(sumOf(read(text, text.length, adapter.address)))).toBe(sum)
      expect(adapter.stats().blocks).toBe(3)
      arena.reset()
      adapter.forget()
    }
  })

  it('says that memory is out, and leaves nothing', () => {
    const { read } = load()
    using arena = new BumpAllocator(100_000)
    using adapter = yyjsonAdapter(arena)
    expect(read(text, text.length, adapter.address)).toBe(null)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 1, refused: 0 })
  })
})
