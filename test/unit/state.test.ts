/**
 * State blocks: the words that TypeScript counts and the structs of offheap.h are the same. The C
 * compiler says where each field lies, and reads state that the allocators made.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { BumpAllocator, PoolAllocator, StackAllocator } from '../../lib/index.js'
import * as stateModule from '../../lib/core/state.js'

const compiler = [process.env['CC'] ?? '', 'cc', 'gcc', 'clang'].find(
  (name) => name !== '' && spawnSync(name, ['--version']).status === 0,
)

const include = fileURLToPath(new URL('../../native/include/', import.meta.url))
const header = readFileSync(join(include, 'offheap.h'), 'utf8')

/** The const enums of state.ts are objects here, where each file is transformed alone. */
const enums = stateModule as unknown as Readonly<Record<string, Record<string, number>>>

/** Members of an enum that are words, or counts of words, by the names that C has, and their values. */
const membersOf = (name: string): [string, number][] =>
  Object.entries(enums[name]!)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .filter(([member]) => !NO_INDEX.includes(`${name}.${member}`))
    .map(([member, at]) => [RENAMED[member] ?? member, at])

/** What state.ts has a number for and the header a macro. */
const MACROS: readonly (readonly [macro: string, name: string, value: number])[] = [
  ['OH_MAX_CAPACITY', 'MAX_CAPACITY', stateModule.MAX_CAPACITY],
  ['OH_STACK_HEADER', 'StackHeader.BYTES', enums['StackHeader']!['BYTES']!],
  ['OH_STACK_FACTOR', 'StackHeader.FACTOR', enums['StackHeader']!['FACTOR']!],
  ['OH_STACK_INVERSE', 'StackHeader.INVERSE', enums['StackHeader']!['INVERSE']!],
  ['OH_NO_GROUP', 'PoolGroup.NO_GROUP', enums['PoolGroup']!['NO_GROUP']!],
  ['OH_FREE_LIST_HINTS - 1', 'FreeListWord.MOST_HINT', enums['FreeListWord']!['MOST_HINT']!],
]

/** Enums that number no words. */
const NO_WORDS = ['StackHeader', 'SlabKind']

/** Members among those that do. */
const NO_INDEX = ['FreeListWord.MOST_HINT']
/** Words that the header has another name for. */
const RENAMED: Readonly<Record<string, string>> = { ORIGIN_LO: 'BASE_LO', ORIGIN_HI: 'BASE_HI' }

interface Struct {
  /** bump, pool_group */
  readonly name: string
  readonly fields: readonly string[]
}

/** The structs of the header that hold 32-bit words, or other such structs, and nothing else. */
function structsOf(text: string): Struct[] {
  const plain = text.replace(/\/\*.*?\*\//gs, '')
  const found: Struct[] = []
  for (const [, name, body] of plain.matchAll(/typedef struct oh_(\w+) \{([^}]*)\} oh_\1_t;/g)) {
    const types = ['uint32_t', ...found.map((struct) => `oh_${struct.name}_t`)].join('|')
    const field = new RegExp(`^(?:${types}) (\\w+)(?:\\[[^\\]]+\\])?$`)
    // Behind the last semicolon is nothing.
    const lines = body!.split(';').slice(0, -1)
    const fields = lines.map((line) => field.exec(line.trim())?.[1])
    const words = fields.filter((word) => word !== undefined)
    if (words.length === fields.length) found.push({ name: name!, fields: words })
  }
  return found
}

const structs = structsOf(header)

/** pool -> PoolWord, pool_group -> PoolGroup */
function enumFor({ name }: Struct): string {
  const camel = name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
  return `${camel}Word` in enums ? `${camel}Word` : camel
}

const folder = mkdtempSync(join(tmpdir(), 'offheap-state-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Compiles `lines` as the body of a main and runs it; each line of output is split at its spaces. */
function runC(
  name: string,
  lines: readonly string[],
  input: Uint8Array = Buffer.alloc(0),
): string[][] {
  const source = join(folder, `${name}.c`)
  const program = ['#include <stdio.h>', '#include "offheap.h"', 'int main(void) {', ...lines]
  writeFileSync(source, [...program, 'return 0; }'].join('\n'))
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', `-I${include}`]
  execFileSync(compiler!, [...flags, '-o', join(folder, name), source])
  const output = execFileSync(join(folder, name), { encoding: 'utf8', input })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
}

describe('the structs of the header', () => {
  test('are one for each strategy, and an enum for each', () => {
    expect(structs.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'bump',
        'stack',
        'pool',
        'pool_group',
        'free_list',
        'slab',
        'slab_record',
      ]),
    )
    // Every struct of the section on state is read by this test.
    const section = header.slice(header.indexOf('State blocks.'))
    expect(section).toContain('oh_bump_t')
    expect(structs.length).toBe([...section.matchAll(/^typedef struct/gm)].length)
    const named = Object.keys(enums).filter((name) => typeof enums[name] === 'object')
    expect(named.length).toBeGreaterThan(8)
    const mirrored = new Set(structs.map(enumFor))
    const missing = named.filter((name) => !mirrored.has(name) && !NO_WORDS.includes(name))
    expect(missing).toEqual([])
  })

  test.skipIf(compiler === undefined)('lie where TypeScript looks for their fields', () => {
    const seen = runC(
      'offsets',
      structs.flatMap(({ name, fields }) => [
        ...fields.map(
          (field) =>
            `printf("${name} ${field} %zu\\n", offsetof(oh_${name}_t, ${field}) / sizeof(uint32_t));`,
        ),
        `printf("${name} - %zu\\n", sizeof(oh_${name}_t) / sizeof(uint32_t));`,
      ]),
    )
    for (const struct of structs) {
      const own = seen.filter(([name]) => name === struct.name)
      const offsets = new Map(own.map(([, field, at]) => [field!, Number(at)]))
      const words = offsets.get('-')!
      offsets.delete('-')
      const members = membersOf(enumFor(struct))
      // An enum has more: how many words there are, or what follows them; and sentinels below 0.
      const rest = members.filter(([name, at]) => !offsets.has(name.toLowerCase()) && at >= 0)
      expect([...new Set(rest.map(([, at]) => at))], `${struct.name}: words`).toEqual([words])
      const mirrored = members.filter(([name]) => offsets.has(name.toLowerCase()))
      // The field that the enum leaves out, if it does: an empty line before the first.
      const unnamed = struct.name === 'free_list' ? ['before'] : []
      const expected = [...offsets]
        .filter(([field]) => !unnamed.includes(field))
        .map(([field, at]) => [field.toUpperCase(), at])
      expect(
        mirrored.toSorted(([, a], [, b]) => a - b),
        struct.name,
      ).toEqual(expected)
    }
  })

  test.skipIf(compiler === undefined)('come with constants that TypeScript has too', () => {
    const seen = runC(
      'macros',
      MACROS.map(([macro]) => `printf("%llu\\n", (unsigned long long)(${macro}));`),
    )
    expect(MACROS.map(([, name], i) => [name, Number(seen[i]![0])])).toEqual(
      MACROS.map(([, name, value]) => [name, value >>> 0]),
    )
    const { FACTOR, INVERSE } = enums['StackHeader']!
    expect(Math.imul(FACTOR!, INVERSE!)).toBe(1)
  })
})

/** An allocator's state as C's struct sees it, by field. */
function readByC(name: string, allocator: object, state: string): Record<string, number> {
  const words = (allocator as Record<string, Int32Array>)[state]!
  const { fields } = structs.find((struct) => struct.name === name)!
  const input = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const lines = runC(
    `read-${name}`,
    [
      `oh_${name}_t state;`,
      'if (fread(&state, sizeof(state), 1, stdin) != 1) return 1;',
      ...fields.map((field) => `printf("${field} %u\\n", (unsigned)state.${field});`),
    ],
    input,
  )
  return Object.fromEntries(lines.map(([field, value]) => [field!, Number(value)]))
}

const low = (address: number): number => address % 2 ** 32
const high = (address: number): number => Math.floor(address / 2 ** 32)

describe.skipIf(compiler === undefined)('C reads the state of', () => {
  test('a bump', () => {
    using bump = new BumpAllocator(10_000)
    bump.rawAlloc(100, 16)
    const { ptr } = bump.alloc(50, 64)
    bump.checkpoint()
    bump.rawFree(bump.rawAlloc(3000, 1), 3000, 1)
    const { address } = bump.region
    const taken = bump.totalAllocated
    expect(readByC('bump', bump, '_words')).toEqual({
      limit: low(address + 10_000),
      cursor: low(ptr + 50),
      base_lo: low(address),
      base_hi: high(address),
      gaps: taken - bump.stats().used,
      peak_used: bump.stats().peak,
      peak_offset: bump.stats().peakFootprint,
      floor: taken,
    })
    expect(taken).toBe(ptr + 50 - address)
  })

  test('a stack', () => {
    using stack = new StackAllocator(10_000)
    const { address } = stack.region
    const below = stack.rawAlloc(100, 16)
    const top = stack.rawAlloc(50, 64)
    stack.rawFree(stack.rawAlloc(3000, 16), 3000, 16)
    const state = readByC('stack', stack, '_words')
    expect(state).toMatchObject({
      limit: 10_000,
      cursor: top + 50 - address,
      top: top - address,
      used: 150,
      peak_used: stack.stats().peak,
      peak_offset: stack.stats().peakFootprint,
      base_lo: low(address),
      base_hi: high(address),
    })
    // Known, or to be asked of the header.
    expect([below - address, 0xffffffff]).toContain(state['below'])
    const newest = stack.rawAlloc(7, 8)
    const header_ = stack.view(newest - 8, 8)
    const words = new DataView(header_.buffer, header_.byteOffset, 8)
    const now = readByC('stack', stack, '_words')
    expect(now).toMatchObject({
      top: newest - address,
      below: top - address,
      below_end: top + 50 - address,
    })
    expect([now['size_word'], now['below_word']]).toEqual([
      words.getUint32(0, true),
      words.getUint32(4, true),
    ])
    expect(Math.imul(8, 0x7ca6e3ab) >>> 0).toBe(now['size_word'])
  })

  test('a pool', () => {
    using pool = new PoolAllocator(24, 100, { align: 8, growTo: 300 })
    const ptrs = Array.from({ length: 40 }, () => pool.allocBlock())
    for (const ptr of ptrs.slice(3, 9)) pool.freeBlock(ptr)
    const part = pool.rawAlloc(5, 1)
    const state = readByC('pool', pool, '_words')
    const { inverse, shift, head, last } = state
    expect(state).toMatchObject({
      begun: 64,
      blocks: 100,
      most_blocks: 300,
      live: pool.allocatedBlocks,
      used: pool.stats().used,
      base_lo: low(ptrs[0]!),
      base_hi: high(ptrs[0]!),
      stride: 24,
      shift: 3,
      block_size: 24,
      align: 8,
      sizes: 4,
    })
    expect([Math.imul(inverse!, 24 >> shift!), head, last]).toEqual([1, 0, 3])
    const words = (pool as unknown as { _words: Int32Array })._words.subarray(17)
    const groups = { _words: words }
    const free = readByC('pool_group', groups, '_words')
    expect([free['free'], part]).toEqual([0b111110000, ptrs[3]])
    expect(free['parts']).toBe(1 << 3)
  })
})
