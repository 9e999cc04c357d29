/** Struct layouts against the C compiler of this machine: offsets, sizes and alignments. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Layout } from '../../lib/index.js'

const compiler = [process.env['CC'] ?? '', 'cc', 'gcc', 'clang'].find(
  (name) => name !== '' && spawnSync(name, ['--version']).status === 0,
)

const primitives: Record<string, Layout> = {
  int8_t: Layout.i8,
  uint8_t: Layout.u8,
  int16_t: Layout.i16,
  uint16_t: Layout.u16,
  int32_t: Layout.i32,
  uint32_t: Layout.u32,
  int64_t: Layout.i64,
  uint64_t: Layout.u64,
  float: Layout.f32,
  double: Layout.f64,
  pointer: Layout.ptr,
  size_t: Layout.usize,
}

/** A field: a primitive or an earlier struct, and how many of them. */
interface Field {
  readonly type: string
  readonly count: number
}

const f = (type: string, count = 1): Field => ({ type, count })

const chosen: readonly (readonly Field[])[] = [
  [f('uint8_t')],
  [f('uint8_t'), f('uint32_t')],
  [f('uint32_t'), f('uint8_t')],
  [f('uint8_t'), f('uint16_t'), f('uint32_t'), f('uint64_t')],
  [f('uint64_t'), f('uint32_t'), f('uint16_t'), f('uint8_t')],
  [f('uint8_t', 3), f('uint16_t')],
  [f('uint8_t', 17), f('double')],
  [f('pointer'), f('int32_t'), f('pointer')],
  [f('float', 3), f('size_t')],
  [f('int8_t'), f('double'), f('int8_t')],
  [f('uint8_t'), f('s1'), f('uint8_t')],
  [f('s3', 3), f('int16_t'), f('s9', 2)],
]

/** Made up, the same every time; each may hold the structs above it. */
const random = fc.sample(
  fc.array(fc.record({ type: fc.nat(1000), count: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 9,
  }),
  { numRuns: 60, seed: 7 },
)

const structs: (readonly Field[])[] = [...chosen]
for (const fields of random) {
  const names = [
    ...Object.keys(primitives),
    ...structs.slice(-6).map((_, i) => `s${structs.length - 1 - i}`),
  ]
  structs.push(fields.map(({ type, count }) => f(names[type % names.length]!, count)))
}

function layouts(): Layout[] {
  const made: Layout[] = []
  for (const fields of structs) {
    const entries = fields.map(({ type, count }, i) => {
      const one = primitives[type] ?? made[Number(type.slice(1))]!
      return [`f${i}`, count === 1 ? one : Layout.array(one, count)]
    })
    made.push(Layout.struct(Object.fromEntries(entries) as Record<string, Layout>))
  }
  return made
}

function program(): string {
  const declarations = structs.map((fields, s) => {
    const lines = fields.map(
      ({ type, count }, i) => `${type} f${i}${count > 1 ? `[${count}]` : ''};`,
    )
    return `typedef struct { ${lines.join(' ')} } s${s};`
  })
  const prints = structs.map((fields, s) => {
    const offsets = fields.map((_, i) => `offsetof(s${s}, f${i})`)
    const values = [`sizeof(s${s})`, `_Alignof(s${s})`, ...offsets]
    return values.map((value) => `printf("%zu ", ${value});`).join(' ') + ' puts("");'
  })
  return [
    '#include <stddef.h>',
    '#include <stdint.h>',
    '#include <stdio.h>',
    'typedef void *pointer;',
    ...declarations,
    'int main(void) {',
    ...prints,
    'return 0; }',
  ].join('\n')
}

function compiled(): number[][] {
  const folder = mkdtempSync(join(tmpdir(), 'offheap-layout-'))
  try {
    const source = join(folder, 'structs.c')
    const binary = join(folder, 'structs')
    writeFileSync(source, program())
    execFileSync(compiler!, ['-std=c11', '-o', binary, source])
    const lines = execFileSync(binary, { encoding: 'utf8' }).trimEnd().split('\n')
    return lines.map((line) => line.trim().split(' ').map(Number))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const figures = (layout: Layout): number[] => {
  const { offsets } = layout as Layout & { offsets: Record<string, number> }
  return [layout.size, layout.align, ...Object.values(offsets)]
}

describe('Layout.struct', () => {
  test('gives what the System V ABI and Windows give for well-known cases', () => {
    expect(layouts().slice(0, chosen.length).map(figures)).toEqual([
      [1, 1, 0],
      [8, 4, 0, 4],
      [8, 4, 0, 4],
      [16, 8, 0, 2, 4, 8],
      [16, 8, 0, 8, 12, 14],
      [6, 2, 0, 4],
      [32, 8, 0, 24],
      [24, 8, 0, 8, 16],
      [24, 8, 0, 16],
      [24, 8, 0, 8, 16],
      [16, 4, 0, 4, 12],
      [104, 8, 0, 48, 56],
    ])
  })

  test.skipIf(compiler === undefined)('gives what the C compiler gives, nested ones too', () => {
    expect(layouts().map(figures)).toEqual(compiled())
    expect(structs.length).toBeGreaterThan(70)
  })
})
