/** What holds for every format, whatever the profile. */
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LeakProfile, Site } from '../../../lib/leaks/profile.js'
import { parseProfile } from '../../../lib/leaks/profile-json.js'
import { type Format, FORMATS } from '../../../lib/leaks/render/index.js'
import { FIGURES } from '../../../lib/leaks/render/options.js'
import { expectCode } from '../../support/errors.js'
import { RUNS, RUNS_TIMEOUT } from '../../support/runs.js'
import { anyProfile, js, manySites, profileOf, site, uploads } from './mock.js'
import { schemaErrors } from './schema.js'

const formats = Object.entries(FORMATS) as [keyof typeof FORMATS, Format][]

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)
const figureOf = ({ sites }: LeakProfile, figure: keyof Site): number[] =>
  sites.map((each) => each[figure] as number)
const above = (values: readonly number[]): number[] => values.filter((value) => value > 0)

/** A property of any profile, and of any with sites left out. */
function forAny(check: (profile: LeakProfile, options: Record<string, number>) => void): void {
  const options = fc.oneof(
    fc.constant({}),
    fc.record({ limit: fc.nat(5) }),
    fc.record({ minBytes: fc.nat(2000) }),
  )
  fc.assert(fc.property(anyProfile(), options, check), { numRuns: Math.min(RUNS, 1000) })
}

interface SpeedscopeFile {
  shared: { frames: unknown[] }
  profiles: { name: string; weights: number[]; samples: number[][]; endValue: number }[]
}

interface HeapNode {
  id: number
  selfSize: number
  children: HeapNode[]
}

interface DhatFile {
  ftbl: string[]
  pps: (Record<'tb' | 'tbk' | 'mb' | 'gb' | 'eb' | 'ebk', number> & { fs: number[] })[]
}

describe('sums are the profile’s, also where sites are left out', { timeout: RUNS_TIMEOUT }, () => {
  test('in speedscope', () => {
    forAny((profile, options) => {
      const file = JSON.parse(FORMATS.speedscope.render(profile, options)) as SpeedscopeFile
      const sums = file.profiles.map(({ name, weights }) => [name, sumOf(weights)] as const)
      const change = Object.fromEntries(sums)
      const total = (name: string): number => change[name]! - (change[`${name}, less`] ?? 0)
      expect(total('inuse_space')).toBe(profile.totals.liveBytes)
      expect(total('alloc_space')).toBe(profile.totals.totalBytes)
      expect(total('inuse_objects')).toBe(profile.totals.liveBlocks)
      expect(total('alloc_objects')).toBe(profile.totals.allocs)
      for (const { samples, weights, endValue } of file.profiles) {
        expect(samples.length).toBe(weights.length)
        expect(endValue).toBe(sumOf(weights))
        const last = file.shared.frames.length - 1
        for (const stack of samples) expect(Math.max(...stack)).toBeLessThanOrEqual(last)
      }
    })
  })

  test('in heapprofile: of what is not below 0', () => {
    const sizeOf = ({ selfSize, children }: HeapNode): number =>
      selfSize + sumOf(children.map(sizeOf))
    forAny((profile) => {
      const file = JSON.parse(FORMATS.heapprofile.render(profile)) as {
        head: HeapNode
        samples: { size: number }[]
      }
      const expected = sumOf(above(figureOf(profile, 'liveBytes')))
      expect(sizeOf(file.head)).toBe(expected)
      expect(sumOf(file.samples.map(({ size }) => size))).toBe(expected)
    })
  })

  test('in dhat', () => {
    forAny((profile, options) => {
      const { pps, ftbl } = JSON.parse(FORMATS.dhat.render(profile, options)) as DhatFile
      const sum = (name: 'tb' | 'tbk' | 'eb' | 'ebk'): number => sumOf(pps.map((pp) => pp[name]))
      const { totalBytes, allocs, liveBytes, liveBlocks } = profile.totals
      expect(sum('tb')).toBe(totalBytes)
      expect(sum('tbk')).toBe(allocs)
      expect(sum('eb')).toBe(liveBytes)
      expect(sum('ebk')).toBe(liveBlocks)
      expect(new Set(pps.map(({ fs }) => fs.join())).size).toBe(pps.length)
      for (const { fs } of pps) for (const frame of fs) expect(ftbl[frame]).toMatch(/^0x/)
    })
  })

  test('in folded, of each figure: of what is not below 0', () => {
    forAny((profile) => {
      for (const figure of FIGURES) {
        const lines = FORMATS.folded.render(profile, { figure }).split('\n').slice(0, -1)
        const counts = lines.map((line) => Number(/ (\d+)$/.exec(line)![1]))
        expect(sumOf(counts)).toBe(sumOf(above(figureOf(profile, figure))))
      }
    })
  })

  test('in json: totals stay, and say how many sites there are', () => {
    forAny((profile, options) => {
      const cut = parseProfile(FORMATS.json.render(profile, options))
      expect(cut.totals).toEqual(profile.totals)
      expect(cut.sites.length).toBeLessThanOrEqual(options['limit'] ?? Infinity)
      // And what is rendered of that has all in its sums too.
      const again = JSON.parse(FORMATS.dhat.render(cut)) as DhatFile
      expect(sumOf(again.pps.map(({ eb }) => eb))).toBe(profile.totals.liveBytes)
    })
  })
})

const DHAT_FIELDS = ['tb', 'tbk', 'tl', 'mb', 'mbk', 'gb', 'gbk', 'eb', 'ebk']

/**
 * What `dhat/dh_main.c` of Valgrind says of version 2, with block lifetimes and without accesses.
 */
const DHAT_SCHEMA = {
  type: 'object',
  required: ['dhatFileVersion', 'mode', 'verb', 'bklt', 'bkacc', 'tu', 'Mtu', 'tuth', 'cmd', 'pid'],
  properties: {
    dhatFileVersion: { const: 2 },
    mode: { type: 'string' },
    verb: { type: 'string' },
    bklt: { const: true },
    bkacc: { const: false },
    tu: { type: 'string' },
    Mtu: { type: 'string' },
    tuth: { type: 'integer' },
    cmd: { type: 'string' },
    pid: { type: 'integer' },
    te: { type: 'integer' },
    tg: { type: 'integer' },
    pps: {
      type: 'array',
      items: {
        type: 'object',
        required: [...DHAT_FIELDS, 'fs'],
        properties: {
          ...Object.fromEntries(DHAT_FIELDS.map((name) => [name, { type: 'integer' }])),
          fs: { type: 'array', items: { type: 'integer' } },
        },
      },
    },
    ftbl: { type: 'array', items: { type: 'string' } },
  },
}

test(
  'dhat is as its description says',
  () => {
    forAny((profile) => {
      const file = JSON.parse(FORMATS.dhat.render(profile)) as Record<string, unknown>
      expect(schemaErrors(DHAT_SCHEMA, file)).toEqual([])
      expect(Object.keys(file)).toEqual(expect.arrayContaining(['te', 'tg', 'pps', 'ftbl']))
      expect((file['ftbl'] as string[])[0]).toBe('[root]')
    })
    expect(schemaErrors(DHAT_SCHEMA, { pps: [{ tb: 0.5 }] }).length).toBeGreaterThan(10)
  },
  RUNS_TIMEOUT,
)

test('dhat: what a maximum was made of, and how long blocks live', () => {
  const [kept, freed] = [js('kept src/a.ts:1:1'), js('freed src/b.ts:2:2')]
  const profile = profileOf(
    [
      site({ stack: [kept], liveBlocks: 3, liveBytes: 300, history: [100, 200, 300] }),
      site({ stack: [freed], frees: 5, totalBytes: 5000, peakBytes: 4000, history: [4000, 0] }),
    ],
    {
      snapshots: [
        { at: 0, liveBytes: 100, liveBlocks: 1 },
        { at: 10_000, liveBytes: 4200, liveBlocks: 6 },
        { at: 30_000, liveBytes: 300, liveBlocks: 3 },
      ],
    },
  )
  const { pps, tg } = JSON.parse(FORMATS.dhat.render(profile)) as DhatFile & { tg: number }
  expect(tg).toBe(10_000_000)
  expect(pps[0]).toMatchObject({ eb: 300, ebk: 3, gb: 200, gbk: 2, mb: 300, mbk: 3 })
  expect(pps[1]).toMatchObject({ eb: 0, ebk: 0, gb: 4000, gbk: 4, mb: 4000, mbk: 4 })
  // Bytes times seconds below the line, by the mean size: (1,500 + 5,000) / 100 blocks.
  expect(pps[0]).toMatchObject({ tl: 65_000_000 })
})

test('folded: outermost first, and nothing in a name ends a frame or a line', () => {
  const odd = js('x src/a.ts:1:1')
  odd.function = 'a;b\nc 12'
  const stack = [odd, js('main src/main.ts:9:1')]
  const text = FORMATS.folded.render(profileOf([site({ stack, liveBlocks: 2, liveBytes: 64 })]))
  expect(text).toBe('main (src/main.ts:9:1);a:b\\x0ac 12 (src/a.ts:1:1) 64\n')
})

test('heapprofile: lines and columns from 0, as DevTools has them', () => {
  const { head } = JSON.parse(FORMATS.heapprofile.render(uploads())) as { head: HeapNode }
  const frames = JSON.stringify(head)
  expect(frames).toContain('"url":"src/upload.ts","lineNumber":40,"columnNumber":17')
  expect(frames).toContain('"functionName":"deflateInit2_"')
})

describe.each(formats)('%s', (name, { render, extension, mime }) => {
  test('is text or bytes, with an extension and a media type', () => {
    const made = render(uploads())
    expect(typeof made === 'string' || made instanceof Uint8Array).toBe(true)
    expect(extension).toMatch(/^[a-z]+(\.[a-z]+)?$/)
    expect(mime).toMatch(/^[a-z]+\/[a-z-]+/)
  })

  test(
    'is made of any profile, the same each time',
    () => {
      forAny((profile, options) => {
        expect(render(profile, options)).toEqual(render(profile, options))
      })
    },
    RUNS_TIMEOUT,
  )

  test('is made of no sites, and of no snapshots', () => {
    expect(() => render(profileOf([], { snapshots: [] }))).not.toThrow()
    expect(
      render(profileOf([site({ liveBlocks: 1, liveBytes: 1 })], { snapshots: [] })),
    ).toBeDefined()
  })

  test('changes nothing in the profile', () => {
    const profile = uploads()
    render(profile, { limit: 1 })
    expect(profile).toEqual(uploads())
  })

  test('shows fewer sites on request', () => {
    const all = render(uploads(), { minBytes: 0, limit: Infinity })
    const large = render(uploads(), { minBytes: 1024 * 1024 })
    expect(render(uploads(), { limit: 1 })).toEqual(large)
    expect(textOf(all)).toContain('src/start.ts')
    expect(textOf(large)).not.toContain('src/start.ts')
    expect(textOf(large)).toContain('src/upload.ts')
  })

  test('refuses options that it does not have, or that are wrong', () => {
    const wrong: [string, unknown][] = [
      ['limit', -1],
      ['limit', 1.5],
      ['limit', '10'],
      ['minBytes', NaN],
      ['minBytes', null],
      ['depth', 3],
      ['__proto', 1],
      ['toString', 1],
    ]
    for (const [option, value] of wrong)
      expectCode('INVALID_ARGUMENT', () => render(uploads(), { [option]: value }), option)
    for (const options of [null, 7, 'limit'])
      expectCode('INVALID_ARGUMENT', () =>
        render(uploads(), options as unknown as Record<string, unknown>),
      )
  })

  test('takes an option that is undefined for one that is not given', () => {
    expect(render(uploads(), { limit: undefined })).toEqual(render(uploads()))
  })

  test('has options of its own that do something, or refuses them', () => {
    const options: Record<string, unknown[]> = {
      width: [50, Infinity],
      colors: [true, false],
      frames: [0, 2],
      pretty: [true, false],
      gzip: [true, false],
      figure: ['liveBytes', 'allocs'],
    }
    for (const [option, [one, other]] of Object.entries(options)) {
      if (OPTIONS[name].includes(option)) {
        expect(render(uploads(), { [option]: one })).not.toEqual(
          render(uploads(), { [option]: other }),
        )
        expectCode('INVALID_ARGUMENT', () => render(uploads(), { [option]: [] }))
      } else {
        expectCode('INVALID_ARGUMENT', () => render(uploads(), { [option]: one }))
      }
    }
  })
})

const OPTIONS: Record<keyof typeof FORMATS, string[]> = {
  text: ['width', 'colors', 'frames'],
  markdown: ['frames'],
  json: ['pretty'],
  pprof: ['gzip'],
  speedscope: [],
  heapprofile: [],
  dhat: [],
  html: ['title'],
  folded: ['figure'],
}

/** What is in a file, as far as it is text. */
function textOf(made: string | Uint8Array): string {
  if (typeof made === 'string') return made
  return gunzipSync(made).toString('latin1')
}

test('20,000 sites of 16 frames are rendered in seconds', () => {
  const many = manySites(20_000, 16)
  for (const [name, { render }] of formats) {
    const all = name === 'text' || name === 'markdown' ? { limit: Infinity } : {}
    const start = performance.now()
    render(many, all)
    // A tenth of that is usual. A loaded machine takes its time; what is quadratic takes minutes.
    expect(performance.now() - start, name).toBeLessThan(10_000)
  }
})
