/** `go tool pprof` reads what is rendered, and symbolizers find what has no names. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Profile } from 'pprof-format'
import { afterAll, describe, expect, test } from 'vitest'
import type { LeakProfile } from '../../../lib/leaks/profile.js'
import { diffProfiles } from '../../../lib/leaks/profile-diff.js'
import { renderPprof } from '../../../lib/leaks/render/pprof.js'
import { RUNS, RUNS_TIMEOUT } from '../../support/runs.js'
import { outputOf, programPath } from '../support/programs.js'
import { anyProfile, c, js, profileOf, site, uploads } from './mock.js'

const folder = mkdtempSync(join(tmpdir(), 'offheap-pprof-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const go = programPath('go')
const gcc = programPath('gcc')

/** What `go tool pprof` prints of a profile. */
function pprof(profile: LeakProfile, ...args: string[]): string {
  const file = join(folder, 'profile.pb.gz')
  writeFileSync(file, renderPprof(profile))
  return outputOf(go!, ['tool', 'pprof', ...args, file])
}

/** The lines of a text with single blanks. */
const linesOf = (text: string): string[] =>
  text.split('\n').map((line) => line.trim().replace(/ +/g, ' '))

describe.skipIf(go === undefined)('go tool pprof', () => {
  test('reads every sample, label, location and mapping', () => {
    const raw = linesOf(pprof(uploads(), '-raw'))
    expect(raw).toEqual(
      expect.arrayContaining([
        'Comment: offheap: node app.js (pid 4711)',
        'PeriodType: space bytes',
        'Time: 2026-11-21 10:00:30 +0000 UTC',
        'Duration: 30s',
        'alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]',
        '1100 18874368 96 1572864: 1 2 3 4',
        'allocator:[cAllocator] scope:[request > upload]',
        '4 270336 4 270336: 5 6 7 2 3 4',
        'allocator:[SlabAllocator]',
        '103 105472 0 0: 9',
        '1: 0x0 M=1 keep src/upload.ts:41 s=0',
        '3: 0x0 M=1 async onRequest src/server.ts:30 s=0',
        '5: 0x9e1 M=2',
        '6: 0x4f2 M=2 deflateInit2_ /usr/lib/libz.so.1:0 s=0',
        '1: 0x0/0x0/0x0 node app.js [FN][FL][LN]',
        '2: 0x0/0x0/0x0 /usr/lib/libz.so.1 c0ffee0123456789abcdef0123456789abcdef01',
      ]),
    )
  })

  test('shows live bytes unless asked for another figure', () => {
    const top = pprof(uploads(), '-top', '-symbolize=none')
    expect(top).toContain('File: node app.js')
    expect(top).toContain('Type: inuse_space')
    expect(linesOf(top)).toContain('1536kB 82.40% 82.40% 1536kB 82.40% keep')
    const blocks = pprof(uploads(), '-top', '-symbolize=none', '-sample_index=alloc_objects')
    expect(linesOf(blocks)).toContain('1100 91.06% 91.06% 1100 91.06% keep')
  })

  test('filters by scope', () => {
    const focus = pprof(uploads(), '-top', '-symbolize=none', '-tagfocus=scope=upload')
    expect(focus).toContain('keep')
    expect(focus).not.toContain('compress')
  })

  test('shows what became less in a difference', () => {
    const one = { stack: [js('freed src/a.ts:1:1')], liveBlocks: 1, liveBytes: 4096 }
    const change = diffProfiles(
      profileOf([], { takenAt: '2026-11-21T10:05:00.000Z' }),
      profileOf([site(one)]),
    )
    expect(linesOf(pprof(change, '-raw'))).toContain('-1 -4096 -1 -4096: 1')
    expect(pprof(change, '-top', '-unit=B')).toMatch(/-4096B .* freed/)
  })

  test('has the rate of a sampled profile', () => {
    const raw = pprof({ ...uploads(), mode: 'sampled', sampleBytes: 524_288 }, '-raw')
    expect(raw).toContain('Period: 524288')
    expect(raw).toContain('Comment: estimates, one sample every 524288 bytes')
  })

  test.skipIf(gcc === undefined)('finds the names of native frames by their offsets', () => {
    const library = join(folder, 'libleaky.so')
    const source = join(folder, 'leaky.c')
    writeFileSync(
      source,
      '#include <stdlib.h>\n\nvoid *leak_here(void) {\n  return malloc(10);\n}\n',
    )
    outputOf(gcc!, ['-shared', '-fPIC', '-g', '-Wl,--build-id', '-o', library, source])
    const [, address] = /^([\da-f]+) T leak_here$/m.exec(outputOf('nm', [library]))!
    const [, buildId] = /Build ID: ([\da-f]+)/.exec(outputOf('readelf', ['-n', library]))!
    const offset = `0x${(Number.parseInt(address!, 16) + 8).toString(16)}`
    const stack = [c(`${offset} ${library} ${offset}`, buildId), js('main src/main.ts:1:1')]
    const top = pprof(
      profileOf([site({ stack, liveBlocks: 1, liveBytes: 10 })]),
      ...['-top', '-lines', '-unit=B'],
    )
    expect(top).toMatch(/10B .* leak_here .*leaky\.c:[34]/)
  })
})

describe('renderPprof', () => {
  test(
    'of any profile has its sums',
    () => {
      fc.assert(
        fc.property(anyProfile(), (profile) => {
          const { sample, stringTable, defaultSampleType } = Profile.decode(
            renderPprof(profile, { gzip: false }),
          )
          const sum = (index: number): number =>
            sample.reduce((total, { value }) => total + signed(value[index]!), 0)
          const { allocs, totalBytes, liveBlocks, liveBytes } = profile.totals
          expect([0, 1, 2, 3].map(sum)).toEqual([allocs, totalBytes, liveBlocks, liveBytes])
          expect(stringTable.strings[Number(defaultSampleType)]).toBe('inuse_space')
        }),
        { numRuns: Math.min(RUNS, 2000) },
      )
    },
    RUNS_TIMEOUT,
  )

  test(
    'of any profile refers to what is there only',
    () => {
      fc.assert(
        fc.property(anyProfile(), (profile) => {
          const read = Profile.decode(renderPprof(profile, { gzip: false }))
          const ids = (items: readonly { id: number | bigint }[]): Set<number> =>
            new Set(items.map(({ id }) => Number(id)))
          const [locations, mappings] = [ids(read.location), ids(read.mapping)]
          const functions = ids(read.function)
          for (const { locationId } of read.sample)
            for (const id of locationId) expect(locations).toContain(Number(id))
          for (const { mappingId, line } of read.location) {
            expect(mappings).toContain(Number(mappingId))
            for (const { functionId } of line) expect(functions).toContain(Number(functionId))
          }
        }),
        { numRuns: Math.min(RUNS, 1000) },
      )
    },
    RUNS_TIMEOUT,
  )

  test('is gzipped unless asked otherwise', () => {
    const plain = renderPprof(uploads(), { gzip: false })
    expect(new Uint8Array(gunzipSync(renderPprof(uploads())))).toEqual(new Uint8Array(plain))
  })
})

/** Values are read as if they had no sign. */
const signed = (value: number | bigint): number => Number(BigInt.asIntN(64, BigInt(value)))
