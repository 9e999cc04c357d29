/** How sizes, counts, times and frames read. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bar, columnsOf, cut, padded } from '../../../lib/leaks/render/columns.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  frameLabel,
  printable,
  signed,
  userFrameIndex,
} from '../../../lib/leaks/render/labels.js'
import { formatRate } from '../../../lib/leaks/render/summary.js'
import { RUNS } from '../../support/runs.js'
import { c, js, site } from './mock.js'

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1,023 B'],
  [1023.6, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [100 * 1024, '100 KiB'],
  [1023.99 * 1024, '1.0 MiB'],
  [20 * 1024 ** 2, '20.0 MiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [-1536, '-1.5 KiB'],
  [-0.2, '0 B'],
  [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
  [5000 * 1024 ** 5, '5,000 PiB'],
])('formatBytes(%d) is %s', (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected)
})

test.each([
  [0, '0'],
  [999.6, '1,000'],
  [1_234_567, '1,234,567'],
  [-1234, '-1,234'],
  [-0.4, '0'],
])('formatCount(%d) is %s', (count, expected) => {
  expect(formatCount(count)).toBe(expected)
})

test.each([
  [0, '0 ms'],
  [12.4, '12 ms'],
  [1500, '1.5 s'],
  [59_960, '1 min'],
  [250_000, '4 min 10 s'],
  [3_600_000, '1 h'],
  [11_100_000, '3 h 5 min'],
  [90_000_000, '1 d 1 h'],
])('formatDuration(%d) is %s', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})

test.each([
  [12 * 1024, '+12.0 KiB/s'],
  [20, '+1.2 KiB/min'],
  [1, '+3.5 KiB/h'],
  [-12 * 1024, '-12.0 KiB/s'],
  [0, '0 B/h'],
])('formatRate(%d) is %s', (rate, expected) => {
  expect(formatRate(rate)).toBe(expected)
})

test('signed says which way', () => {
  expect(['12 B', '-12 B', '0 B', '0', '0.5 KiB'].map(signed)).toEqual([
    ...['+12 B', '-12 B', '0 B', '0', '+0.5 KiB'],
  ])
})

test.each([
  [js('keep src/a.ts:4:7'), 'keep (src/a.ts:4:7)'],
  [js(' src/a.ts:4:7', { async: true }), 'async (anonymous) (src/a.ts:4:7)'],
  [js('keep src/a.ts:4:0'), 'keep (src/a.ts:4)'],
  [js('keep src/a.ts:0:0'), 'keep (src/a.ts)'],
  [c('deflate /usr/lib/libz.so.1 0x4f2'), 'deflate (/usr/lib/libz.so.1+0x4f2)'],
  [{ function: 'x', file: '', line: 0, column: 0 }, 'x'],
])('frameLabel of %j', (frame, expected) => {
  expect(frameLabel(frame)).toBe(expected)
})

describe('userFrameIndex', () => {
  const zlib = c('deflate libz.so 0x1')
  const node = js('write node:zlib:1:1')
  const inPackage = js('pack /app/node_modules/tar/index.js:1:1')
  const own = js('keep src/a.ts:1:1')
  test.each([
    ['the innermost of the user', [zlib, node, inPackage, own, own], 3],
    ['of packages only, the innermost of JavaScript', [zlib, inPackage, node], 1],
    ['of C only, the innermost', [zlib, zlib], 0],
    ['of nothing', [], 0],
  ])('%s', (_, stack, expected) => {
    expect(userFrameIndex(site({ stack }))).toBe(expected)
  })
})

describe('printable', () => {
  test('shows what a terminal would obey', () => {
    expect(printable('\x1b[31mred\x07\n\x9b2J\u202eexe\ud800\u2028')).toBe(
      '\\x1b[31mred\\x07\\x0a\\x9b2J\\u202eexe\\ud800\\u2028',
    )
  })

  test('leaves all other characters', () => {
    expect(printable('naïve 漢字 👩 | ` <b>')).toBe('naïve 漢字 👩 | ` <b>')
  })

  test('of any text leaves nothing to obey', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
      }),
      { numRuns: Math.min(RUNS, 2000) },
    )
  })
})

describe('columns', () => {
  test('characters of East Asia and emoji take two, accents none', () => {
    expect(['abc', '漢字', '👩', 'e\u0301', 'é'].map(columnsOf)).toEqual([3, 4, 2, 1, 1])
  })

  test('text is cut where it has to be', () => {
    expect(cut('abcdef', 6, 'end')).toBe('abcdef')
    expect(cut('abcdef', 4, 'end')).toBe('abc…')
    expect(cut('abcdef', 4, 'start')).toBe('…def')
    expect(cut('漢字漢字', 4, 'end')).toBe('漢…')
  })

  test('text that was cut, or filled up, has the width that was asked for', () => {
    const any = fc.string({ unit: 'grapheme-composite', maxLength: 20 }).map(printable)
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 30 }), (text, width) => {
        for (const at of ['start', 'end'] as const)
          expect(columnsOf(cut(text, width, at))).toBeLessThanOrEqual(width)
        expect(columnsOf(padded(cut(text, width, 'end'), width, 'left'))).toBe(width)
      }),
      { numRuns: Math.min(RUNS, 2000) },
    )
  })

  test('bars have eighths, and of what is little one', () => {
    expect([0, 1e-9, 0.5, 0.55, 1, 1.2].map((share) => bar(share, 4))).toEqual([
      ...['', '▏', '██', '██▎', '████', '████'],
    ])
  })
})
