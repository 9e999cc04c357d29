// memoryReport: each verdict in a process that is in that situation, and what it refuses.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cAllocator } from '../../lib/index.js'
import {
  BacktracingAllocator,
  type LeakProfile,
  memoryReport,
  type MemoryReport,
  renderMemoryReport,
} from '../../lib/leaks/index.js'
import { diffProfiles } from '../../lib/leaks/profile-diff.js'
import { findingsOf, type VerdictKind } from '../../lib/leaks/memory-verdict.js'
import { facts } from '../faults/support/child.js'
import { lineOf } from './support/lines.js'

const MIB = 1024 * 1024
const FIXTURE = 'fixtures/memory/situation.mjs'
const source = readFileSync(new URL(FIXTURE, import.meta.url), 'utf8')
const onGlibc = cAllocator.info() !== null
const sanitized = (process.env['LD_PRELOAD'] ?? '').includes('asan')

interface Seen {
  report: MemoryReport
  text: string
  givenBack: number
}

const inSituation = (...args: string[]): Promise<Seen> =>
  facts<Seen>(import.meta.url, FIXTURE, { args })

describe.skipIf(sanitized)('the verdict', () => {
  test('of a program with nothing special is that nothing stands out', async () => {
    const { report } = await inSituation('fine')
    expect(report.findings).toEqual([])
    expect(report.verdict).toMatchObject({ kind: 'fine', bytes: 0 })
    expect(report.traced).toMatchObject({ liveBytes: 1000, liveBlocks: 1, lostBytes: 0 })
    expect(report.process.rss).toBeGreaterThan(report.process.heapTotal)
  })

  test('names the line that grows, by how much and how fast', async () => {
    const { report } = await inSituation('leak')
    const { kind, bytes, text } = report.verdict
    expect({ kind, bytes }).toEqual({ kind: 'leak', bytes: 6 * MIB })
    expect(text).toContain(`upload (`)
    expect(text).toContain(`situation.mjs:${lineOf(source, 'LEAK')}:`)
    expect(text).toMatch(/growing by \+\S+ \S+\/\w+ over 13 snapshots/)
    expect(report.traced).toMatchObject({ growingBytes: 6 * MIB, isGrowthUnknown: false })
  })

  test('names the line whose handles are gone', async () => {
    const { report } = await inSituation('lost')
    const { kind, bytes, text } = report.verdict
    expect({ kind, bytes }).toEqual({ kind: 'leak', bytes: 100 * 4096 })
    expect(text).toContain(`forget (`)
    expect(text).toContain(`situation.mjs:${lineOf(source, 'LOST')}:`)
    expect(text).toContain('garbage-collected')
  })

  test('says of what is merely large that it is in use, and whether that grows', async () => {
    const once = await inSituation('held')
    expect(once.report.verdict).toMatchObject({ kind: 'held', bytes: 100 * MIB })
    expect(once.report.verdict.text).toContain('not known: it takes three snapshots')
    const later = await inSituation('heldLong')
    expect(later.report.verdict).toMatchObject({ kind: 'held', bytes: 100 * MIB })
    expect(later.report.verdict.text).toContain('None of that is known to grow')
  })

  test.runIf(onGlibc)('says what trim would give back, and it does', async () => {
    const { report, givenBack } = await inSituation('retention')
    expect(report.verdict.kind).toBe('retention')
    expect(report.verdict.text).toContain('cAllocator.trim() would give back up to that')
    expect(report.verdict.bytes).toBeGreaterThan(90 * MIB)
    expect(givenBack / report.verdict.bytes).toBeGreaterThan(0.9)
    expect(givenBack / report.verdict.bytes).toBeLessThan(1.1)
  })

  test.runIf(onGlibc)('tells holes that hold no page from what trim gives back', async () => {
    const { report } = await inSituation('fragmentation')
    const { kind, bytes, text } = report.verdict
    expect(kind).toBe('fragmentation')
    expect(bytes).toBeGreaterThan(50 * MIB)
    // Half of the 40,000 blocks, and what else malloc has free.
    expect(text).toMatch(/ (19|2\d),\d{3} holes of [23]\.\d KiB on average/)
    // The blocks between them are the other half.
    expect(report.findings.map((finding) => finding.kind)).toEqual(['fragmentation', 'held'])
  })

  test.each([
    ['heap', 'JavaScript objects'],
    ['buffers', 'Buffers'],
  ])('finds memory elsewhere: %s', async (situation, what) => {
    const { report } = await inSituation(situation)
    expect(report.verdict.kind).toBe('elsewhere')
    expect(report.verdict.text).toContain(what)
    expect(report.verdict.bytes).toBeGreaterThan(90 * MIB)
    expect(report.verdict.bytes).toBeLessThan(130 * MIB)
  })

  test('without a trace does not say who holds what', async () => {
    const { report } = await inSituation('held', 'untraced')
    expect(report.traced).toBeNull()
    expect(report.verdict.kind).toBe('untraced')
    expect(report.verdict.text).toContain('not known')
    const { report: fine } = await inSituation('fine', 'untraced')
    expect(fine.verdict.kind).toBe('fine')
    expect(fine.verdict.text).toContain('was not traced')
  })
})

describe('of figures', () => {
  const process = {
    rss: 100 * MIB,
    heap: 5 * MIB,
    heapTotal: 8 * MIB,
    external: 2 * MIB,
    arrayBuffers: MIB,
  }
  const malloc = {
    ...{ inUse: 4 * MIB, free: MIB, freeBlocks: 10, mmapped: 0 },
    ...{ arena: 5 * MIB, retained: MIB },
  }
  const traced = {
    ...{ liveBytes: 0, liveBlocks: 0, peakBytes: 0, growingBytes: 0, lostBytes: 0 },
    ...{ isEstimate: false, isGrowthUnknown: false },
  }
  const base = { takenAt: '', program: '', pid: 1, process, malloc, traced }
  const kinds = (figures: object): VerdictKind[] =>
    findingsOf({ ...base, ...figures }, null).map(({ kind }) => kind)

  test('says nothing of a small process', () => {
    expect(kinds({})).toEqual([])
  })

  test('needs 32 MiB and a quarter of what is resident', () => {
    const retained = (bytes: number, rss: number): VerdictKind[] =>
      kinds({ process: { ...process, rss }, malloc: { ...malloc, free: bytes, retained: bytes } })
    expect(retained(32 * MIB, 128 * MIB)).toEqual(['retention'])
    expect(retained(32 * MIB - 1, 60 * MIB)).toEqual([])
    expect(retained(32 * MIB, 128 * MIB + 4)).toEqual([])
  })

  test('takes from the C heap what the trace and the runtime know, before others have it', () => {
    const others = (liveBytes: number): VerdictKind[] =>
      kinds({ malloc: { ...malloc, inUse: 90 * MIB }, traced: { ...traced, liveBytes } })
    expect(others(0)).toEqual(['elsewhere'])
    expect(others(60 * MIB)).toEqual([])
  })

  test('finds what nobody counts, without a C library that tells too', () => {
    const large = { ...process, rss: 400 * MIB }
    for (const each of [malloc, null]) {
      const [finding] = findingsOf({ ...base, process: large, malloc: each }, null)
      expect(finding).toMatchObject({ kind: 'elsewhere' })
      expect(finding!.text).toContain('mapped files')
      expect(finding!.bytes).toBeLessThan(300 * MIB)
    }
  })

  test('puts the largest first', () => {
    const figures = {
      process: { ...process, heap: 80 * MIB, rss: 120 * MIB },
      malloc: { ...malloc, free: 90 * MIB, retained: 90 * MIB },
    }
    expect(kinds(figures)).toEqual(['retention', 'elsewhere'])
  })
})

describe('memoryReport', () => {
  test('takes an allocator, or a profile of this process', () => {
    const traced = new BacktracingAllocator(cAllocator)
    const a = traced.alloc(1000)
    for (const trace of [traced, traced.profile()]) {
      expect(memoryReport({ trace }).traced).toMatchObject({ liveBytes: 1000, liveBlocks: 1 })
    }
    a.free()
    expect(memoryReport({ trace: traced }).traced).toMatchObject({ liveBytes: 0, peakBytes: 1000 })
  })

  test('says of a sample that it is one', () => {
    const trace = new BacktracingAllocator(cAllocator, { mode: 'sampled', sampleBytes: 1 })
    const a = trace.alloc(1000)
    const report = memoryReport({ trace })
    expect(report.traced!.isEstimate).toBe(true)
    expect(renderMemoryReport(report)).toContain('estimates')
    a.free()
  })

  test('is plain data', () => {
    const report = memoryReport({ trace: new BacktracingAllocator(cAllocator) })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  test.each([
    null,
    1,
    'x',
    { trace: 1 },
    { trace: null },
    { trace: {} },
    { trace: { version: 1 } },
  ])('refuses %j', (options) => {
    const call = (): unknown => memoryReport(options as never)
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }))
  })

  test('refuses what is of another process, and a difference', () => {
    const profile = new BacktracingAllocator(cAllocator).profile()
    const others: LeakProfile = { ...profile, pid: profile.pid + 1 }
    expect(() => memoryReport({ trace: others })).toThrow(/of this process/)
    const difference = diffProfiles(profile, profile)
    expect(() => memoryReport({ trace: difference })).toThrow(/difference/)
  })
})

describe('renderMemoryReport', () => {
  test('has a row for each who counts, and the verdict', async () => {
    const report = memoryReport({ trace: new BacktracingAllocator(cAllocator) })
    const text = renderMemoryReport({ ...report, program: 'a\u001b[31m.js' })
    expect(text).toContain('Memory of a\\x1b[31m.js (pid')
    for (const row of ['resident', 'JavaScript heap', 'external', 'C heap', 'traced, live']) {
      expect(text).toMatch(new RegExp(`^  ${row}`, 'm'))
    }
    expect(text.replaceAll(/\s+/g, ' ')).toContain(report.verdict.text)
    const blind = renderMemoryReport({ ...report, malloc: null, traced: null })
    expect(blind).toMatch(/C heap +not known +this C library cannot tell/)
    expect(blind).toMatch(/traced +nothing/)
  })

  test.each([null, undefined, 1, {}])('refuses %j', (report) => {
    const call = (): unknown => renderMemoryReport(report as never)
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }))
  })
})
