/** The report in a terminal, and in Markdown. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LeakProfile } from '../../../lib/leaks/profile.js'
import { diffProfiles } from '../../../lib/leaks/profile-diff.js'
import { columnsOf } from '../../../lib/leaks/render/columns.js'
import { renderMarkdown } from '../../../lib/leaks/render/markdown.js'
import { renderText } from '../../../lib/leaks/render/text.js'
import { expectCode } from '../../support/errors.js'
import { RUNS, RUNS_TIMEOUT } from '../../support/runs.js'
import { anyProfile, js, profileOf, site, uploads } from './mock.js'

/** A text that is written indented, as it stands in the code. */
function golden(text: string): string {
  const lines = text.split('\n').slice(1, -1)
  const indent = Math.min(...lines.filter((line) => line !== '').map((line) => line.search(/\S|$/)))
  return lines.map((line) => `${line.slice(indent)}\n`).join('')
}

/** Two sites grew, one shrank, in 5 minutes. */
function change(): LeakProfile {
  const cache = { stack: [js('put src/cache.ts:7:9')], history: [] }
  const hash = { stack: [js('hash src/hash.ts:2:2')], history: [] }
  return diffProfiles(
    profileOf(
      [
        site({ ...cache, liveBlocks: 30, liveBytes: 3 * 1024 * 1024, growth: 'growing' }),
        site({ ...hash, liveBlocks: 1, liveBytes: 512 }),
      ],
      { takenAt: '2026-11-21T10:05:30.000Z' },
    ),
    profileOf([
      site({ ...cache, liveBlocks: 10, liveBytes: 1024 * 1024 }),
      site({ ...hash, liveBlocks: 5, liveBytes: 4096 }),
    ]),
  )
}

describe('text', () => {
  test('is a table, largest first', () => {
    expect(renderText(uploads())).toBe(
      golden(`
        node app.js (pid 4711), traced for 30 s to 2026-11-21 10:00:30 UTC
        1.8 MiB live in 101 blocks at 4 sites, at most 1.8 MiB at once. 1,208
        allocations, 1,107 frees.

            live  blocks  growth               why
         1.5 MiB      96  growing +51.2 KiB/s  handle lost  ████████████████████████
          keep  src/upload.ts:41:18
            handle  src/server.ts:12:3
            async onRequest  src/server.ts:30:9
            parserOnIncoming  node:_http_server:1149:12
            scope request > upload, allocator cAllocator
         264 KiB       4  plateau              never freed  ████▏
          compress  src/zip.ts:8:5
            0x9e1  /usr/lib/libz.so.1+0x9e1
            deflateInit2_  /usr/lib/libz.so.1+0x4f2
            compress  src/zip.ts:8:5
            … 3 more frames
            allocator SlabAllocator
        64.0 KiB       1  startup              still held   █
          table  src/start.ts:3:20
            allocator cAllocator

        1 more site with nothing live
      `),
    )
  })

  test('fits a narrow terminal: columns are left out, and lines cut', () => {
    expect(renderText(uploads(), { width: 40, frames: 1, limit: 1 })).toBe(
      golden(`
        node app.js (pid 4711), traced for 30 s
        to 2026-11-21 10:00:30 UTC
        1.8 MiB live in 101 blocks at 4 sites,
        at most 1.8 MiB at once. 1,208
        allocations, 1,107 frees.

           live  blocks  why
        1.5 MiB      96  handle lost  ██████████
          keep  src/upload.ts:41:18
            handle  src/server.ts:12:3
            … 2 more frames
            scope request > upload, allocator c…

        3 more sites: 328 KiB in 5 blocks
      `),
    )
  })

  test('of a difference has signs', () => {
    expect(renderText(change())).toBe(
      golden(`
        node app.js (pid 4711), what changed in 5 min to 2026-11-21 10:05:30 UTC
        +2.0 MiB live in +16 blocks at 2 sites. +16 allocations, 0 frees.

            live  blocks  growth   why
        +2.0 MiB     +20  growing  never freed  ████████████████████████
          put  src/cache.ts:7:9
        -3.5 KiB      -4  unknown  never freed  ▏
          hash  src/hash.ts:2:2
      `),
    )
  })

  test('says what figures are worth', () => {
    const profile = { ...uploads(), mode: 'sampled' as const, sampleBytes: 512 * 1024 }
    profile.totals = { ...profile.totals, unknownFrees: 3, unlisted: 10_000 }
    expect(renderText(profile)).toContain('Figures are estimates, one sample every 512 KiB.\n')
    expect(renderText(profile)).toContain('3 frees of blocks that were not recorded.\n')
    expect(renderText(profile)).toContain('10,000 blocks counted by site only, as the ledger')
  })

  test('of nothing says so', () => {
    expect(renderText(profileOf([], { program: '' }))).toContain(
      '0 B live in 0 blocks at 0 sites, at most 0 B at once. 0 allocations, 0 frees.',
    )
  })

  test('has colours on request, which change no text', () => {
    const colored = renderText(uploads(), { colors: true })
    expect(colored).toContain('\x1b[1mkeep\x1b[0m')
    // oxlint-disable-next-line no-control-regex
    expect(colored.replace(/\x1b\[[\d;]+m/g, '')).toBe(renderText(uploads()))
  })

  test(
    'of any profile has no line that is too wide, and nothing that a terminal obeys',
    () => {
      const widths = fc.oneof(fc.integer({ min: 40, max: 200 }), fc.constant(Infinity))
      fc.assert(
        fc.property(anyProfile(), widths, fc.nat(4), (profile, width, frames) => {
          const text = renderText(profile, { width, frames })
          for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(width)
          expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
          expect(text.endsWith('\n')).toBe(true)
        }),
        { numRuns: Math.min(RUNS, 2000) },
      )
    },
    RUNS_TIMEOUT,
  )

  test('refuses a terminal of no width', () => {
    expectCode('INVALID_ARGUMENT', () => renderText(uploads(), { width: 0 }))
    expectCode('INVALID_ARGUMENT', () => renderText(uploads(), { frames: -1 }))
    expectCode('INVALID_ARGUMENT', () => renderText(uploads(), { colors: 1 as never }))
  })
})

describe('markdown', () => {
  test('is a table, and the stacks', () => {
    expect(renderMarkdown(uploads(), { limit: 2, frames: 3 })).toBe(
      golden(`
        ## Live memory

        \`node app.js (pid 4711), traced for 30 s to 2026-11-21 10:00:30 UTC\`

        1.8 MiB live in 101 blocks at 4 sites, at most 1.8 MiB at once. 1,208 allocations, 1,107 frees.

        | | live | blocks | growth | why | where |
        |--:|--:|--:|---|---|---|
        | 1 | 1.5 MiB | 96 | growing +51.2 KiB/s | handle lost | \`keep (src/upload.ts:41:18)\` |
        | 2 | 264 KiB | 4 | plateau | never freed | \`compress (src/zip.ts:8:5)\` |

        2 more sites: 64.0 KiB in 1 block.

        1. allocator \`cAllocator\`, scope \`request\`, scope \`upload\`
           - \`keep (src/upload.ts:41:18)\`
           - \`handle (src/server.ts:12:3)\`
           - \`async onRequest (src/server.ts:30:9)\`
           - 1 more

        2. allocator \`SlabAllocator\`
           - \`0x9e1 (/usr/lib/libz.so.1+0x9e1)\`
           - \`deflateInit2_ (/usr/lib/libz.so.1+0x4f2)\`
           - \`compress (src/zip.ts:8:5)\`
           - 3 more
      `),
    )
  })

  test('of a difference has signs', () => {
    const text = renderMarkdown(change(), { frames: 0 })
    expect(text).toContain('## Change of live memory')
    expect(text).toContain(
      '| 2 | -3.5 KiB | -4 | unknown | never freed | `hash (src/hash.ts:2:2)` |',
    )
  })

  test('leaves nothing of a name to Markdown or HTML', () => {
    const frame = js('x src/a.ts:1:1')
    frame.function = 'a|b`c\\|<img>*_[x](y)\n# h'
    const text = renderMarkdown(profileOf([site({ stack: [frame], liveBlocks: 1, liveBytes: 9 })]))
    const code =
      '<code>a&#124;b&#96;c&#92;&#124;&#60;img&#62;&#42;&#95;&#91;x&#93;&#40;y&#41;&#92;x0a&#35; h'
    expect(text).toContain(code)
  })

  test(
    'of any profile has rows of six cells',
    () => {
      fc.assert(
        fc.property(anyProfile(), (profile) => {
          const rows = renderMarkdown(profile)
            .split('\n')
            .filter((line) => line.startsWith('|'))
          for (const row of rows) expect(row.split('|').length).toBe(8)
        }),
        { numRuns: Math.min(RUNS, 2000) },
      )
    },
    RUNS_TIMEOUT,
  )
})
