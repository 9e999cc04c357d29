// metrics: what prom-client's registry prints of a trace.

import { Counter, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { BumpAllocator, cAllocator } from '../../lib/index.js'
import { BacktracingAllocator, metrics, type MetricsRegistry } from '../../lib/leaks/index.js'

const parse = (text: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ]),
  )

const scrape = async (registry: Registry): Promise<Record<string, number>> =>
  parse(await registry.metrics())

describe('metrics', () => {
  test('are read when the registry is', async () => {
    const registry = new Registry()
    const traced = new BacktracingAllocator(cAllocator)
    metrics(registry, traced)
    expect((await scrape(registry))['offheap_sites']).toBe(0)
    const blocks = [100, 200, 300].map((size) => traced.alloc(size))
    blocks[2]!.free()
    const of = '{allocator="cAllocator"}'
    const first = await scrape(registry)
    expect(first).toMatchObject({
      [`offheap_live_bytes${of}`]: 300,
      [`offheap_live_blocks${of}`]: 2,
      [`offheap_allocations_total${of}`]: 3,
      [`offheap_frees_total${of}`]: 1,
      [`offheap_allocated_bytes_total${of}`]: 600,
      offheap_peak_bytes: 600,
      offheap_sites: 1,
      offheap_unknown_frees_total: 0,
      offheap_unlisted_blocks: 0,
    })
    expect(first['offheap_ledger_bytes']).toBeGreaterThan(0)
    blocks.slice(0, 2).forEach((a) => a.free())
    expect(await scrape(registry)).toMatchObject({
      [`offheap_live_bytes${of}`]: 0,
      [`offheap_allocations_total${of}`]: 3,
      [`offheap_frees_total${of}`]: 3,
    })
  })

  test('have names, types and help as Prometheus has rules for', async () => {
    const registry = new Registry()
    const traced = new BacktracingAllocator(cAllocator)
    metrics(registry, traced)
    const described = await registry.getMetricsAsJSON()
    expect(described).toHaveLength(10)
    for (const { name, type, help } of described) {
      expect(name).toMatch(/^offheap_[a-z]+(_[a-z]+)*$/)
      expect(name.endsWith('_total')).toBe((type as unknown) === 'counter')
      expect(help).toMatch(/^[A-Z].*\.$/)
    }
    const text = await registry.metrics()
    for (const { name, type } of described) expect(text).toContain(`# TYPE ${name} ${type}\n`)
  })

  test('stay the same in OpenMetrics', async () => {
    const registry = new Registry()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    const traced = new BacktracingAllocator(cAllocator)
    metrics(registry, traced)
    traced.alloc(64).free()
    for (let i = 0; i < 2; i++) {
      const text = await registry.metrics()
      expect(text).toContain('# TYPE offheap_allocations counter\n')
      expect(text).toContain('offheap_allocations_total{allocator="cAllocator"} 1\n')
      expect(text).not.toContain('_total_total')
    }
  })

  test('tell allocators apart by name, whatever is in it', async () => {
    class Named extends BumpAllocator {
      override get name(): string {
        return 'of "quotes"\\\n'
      }
    }
    const registry = new Registry()
    const traced = new BacktracingAllocator(new Named(1000))
    metrics(registry, traced)
    traced.alloc(10)
    const escaped = String.raw`{allocator="of \"quotes\"\\\n"}`
    expect(await registry.metrics()).toContain(`offheap_live_bytes${escaped} 10\n`)
  })

  test('never fall where they are counters, of a sample and after a reset neither', async () => {
    const registry = new Registry()
    const traced = new BacktracingAllocator(new BumpAllocator(1 << 20), {
      ...{ mode: 'sampled', sampleBytes: 500 },
    })
    metrics(registry, traced)
    let before: Record<string, number> = {}
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 50; i++) traced.alloc(100)
      if (round % 3 === 0) traced.reset()
      if (round === 10) registry.resetMetrics()
      if (round === 12) traced.mode = 'off'
      const now = await scrape(registry)
      for (const [name, value] of Object.entries(before)) {
        if (name.includes('_total')) expect(now[name], name).toBeGreaterThanOrEqual(value)
      }
      before = now
    }
    expect(before['offheap_allocations_total{allocator="BumpAllocator"}']).toBeGreaterThan(0)
  })

  test('ask the source once a scrape', async () => {
    let asked = 0
    const traced = new BacktracingAllocator(cAllocator)
    const registry = new Registry()
    metrics(registry, { figures: () => (asked++, traced.figures()) })
    await registry.metrics()
    expect(asked).toBe(1)
    await registry.metrics()
    expect(asked).toBe(2)
  })

  test('can be taken out again, and be of two sources', async () => {
    const registry = new Registry()
    const [a, b] = [new BacktracingAllocator(cAllocator), new BacktracingAllocator(cAllocator)]
    const first = metrics(registry, a)
    const second = metrics(registry, b, { prefix: 'cache_' })
    const block = b.alloc(5)
    expect(await scrape(registry)).toMatchObject({
      ...{ offheap_peak_bytes: 0, cache_peak_bytes: 5 },
    })
    block.free()
    first.remove()
    first.remove()
    expect(await registry.metrics()).not.toContain('offheap_')
    second[Symbol.dispose]()
    expect((await registry.metrics()).trim()).toBe('')
  })

  test('are all in a registry or none, where a name is taken', async () => {
    const registry = new Registry()
    const mine = new Counter({ name: 'offheap_frees_total', help: 'Mine.', registers: [registry] })
    mine.inc(7)
    const traced = new BacktracingAllocator(cAllocator)
    expect(() => metrics(registry, traced)).toThrow(/already been registered/)
    expect((await registry.getMetricsAsJSON()).map(({ name }) => name)).toEqual([
      'offheap_frees_total',
    ])
  })

  const traced = new BacktracingAllocator(cAllocator)
  const registry = new Registry() as MetricsRegistry
  test.each([
    [null, traced, {}],
    [{}, traced, {}],
    [registry, null, {}],
    [registry, {}, {}],
    [registry, traced, null],
    [registry, traced, { prefix: 1 }],
    [registry, traced, { prefix: '1x' }],
    [registry, traced, { prefix: 'a-b' }],
  ])('refuse wrong arguments', (...args) => {
    expect(() => metrics(...(args as unknown as Parameters<typeof metrics>))).toThrow(
      expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }),
    )
  })
})
