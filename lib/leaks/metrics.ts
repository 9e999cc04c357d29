/** metrics: figures of a trace for Prometheus, through the registry of prom-client that a program has. */
import { unexpected } from '../core/errors.js'
import type { AllocatorFigures, TraceFigures } from './trace.js'

/** What has figures: a BacktracingAllocator, and what traceEverything gives. */
export interface FiguresSource {
  figures(): TraceFigures
}

/** What a `Registry` of prom-client 13 to 15 has of what is used here. */
export interface MetricsRegistry {
  registerMetric(metric: object): void
  removeSingleMetric(name: string): void
}

/** Options of {@link metrics}. */
export interface MetricsOptions {
  /** What the names begin with. Another one for a second source in the same registry. Default 'offheap_'. */
  prefix?: string
}

/** Metrics that are in a registry. */
export interface RegisteredMetrics extends Disposable {
  /** Takes them out again. */
  remove(): void
}

interface Value {
  value: number
  labels: Record<string, string>
}

interface Described {
  name: string
  help: string
  type: 'gauge' | 'counter'
  values(figures: TraceFigures): Value[]
}

const byAllocator =
  (field: Exclude<keyof AllocatorFigures, 'allocator'>) =>
  ({ allocators }: TraceFigures): Value[] =>
    allocators.map((figures) => ({
      value: figures[field],
      labels: { allocator: figures.allocator },
    }))

const inAll =
  (field: Exclude<keyof TraceFigures, 'allocators'>) =>
  (figures: TraceFigures): Value[] => [{ value: figures[field], labels: {} }]

/** By Prometheus's rules: base units, and `_total` behind counters. */
const METRICS: readonly Described[] = [
  {
    ...{ name: 'live_bytes', type: 'gauge', values: byAllocator('liveBytes') },
    help: 'Bytes in blocks that are allocated and not freed.',
  },
  {
    ...{ name: 'live_blocks', type: 'gauge', values: byAllocator('liveBlocks') },
    help: 'Blocks that are allocated and not freed.',
  },
  {
    ...{ name: 'allocations_total', type: 'counter', values: byAllocator('allocs') },
    help: 'Blocks that were allocated.',
  },
  {
    ...{ name: 'frees_total', type: 'counter', values: byAllocator('frees') },
    help: 'Blocks that were freed.',
  },
  {
    ...{ name: 'allocated_bytes_total', type: 'counter', values: byAllocator('totalBytes') },
    help: 'Bytes that were allocated.',
  },
  {
    ...{ name: 'peak_bytes', type: 'gauge', values: inAll('peakBytes') },
    help: 'The most bytes that have been in blocks at once.',
  },
  {
    ...{ name: 'sites', type: 'gauge', values: inAll('sites') },
    help: 'Call stacks that allocated.',
  },
  {
    ...{ name: 'unknown_frees_total', type: 'counter', values: inAll('unknownFrees') },
    help: 'Frees of blocks that were not recorded.',
  },
  {
    ...{ name: 'unlisted_blocks', type: 'gauge', values: inAll('unlisted') },
    help: 'Blocks that are counted by their site only, as the ledger was full.',
  },
  {
    ...{ name: 'ledger_bytes', type: 'gauge', values: inAll('ledgerBytes') },
    help: 'Bytes that the ledger itself takes.',
  },
]

/**
 * Puts gauges and counters of a trace into a registry. They are read when the registry is, all at once. Of a
 * sampled trace they are estimates; counters never fall nevertheless.
 * @param registry prom-client's: `register`, or a `Registry` of your own.
 * @param source A BacktracingAllocator, or what traceEverything gives.
 * @throws {OffheapError} INVALID_ARGUMENT; and what the registry throws when a name is taken, with none of
 * them left in it.
 */
export function metrics(
  registry: MetricsRegistry,
  source: FiguresSource,
  options: MetricsOptions = {},
): RegisteredMetrics {
  check(registry, source, options)
  const { prefix = 'offheap_' } = options
  if (typeof prefix !== 'string' || !/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(prefix)) {
    throw unexpected('INVALID_ARGUMENT', 'the start of a metric name', 'prefix of metrics', prefix)
  }
  const figures = once(() => source.figures())
  const registered: string[] = []
  const remove = (): void => {
    for (const name of registered.splice(0)) registry.removeSingleMetric(name)
  }
  try {
    for (const described of METRICS) {
      const metric = metricOf(described, prefix, figures)
      registry.registerMetric(metric)
      registered.push(metric.name)
    }
  } catch (error) {
    remove()
    throw error
  }
  return { remove, [Symbol.dispose]: remove }
}

function check(registry: unknown, source: unknown, options: unknown): void {
  const { registerMetric, removeSingleMetric } = (registry ?? {}) as Partial<MetricsRegistry>
  if (typeof registerMetric !== 'function' || typeof removeSingleMetric !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a registry of prom-client', 'metrics', registry)
  }
  if (typeof ((source ?? {}) as Partial<FiguresSource>).figures !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'what has figures', 'metrics', source)
  }
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', 'an object', 'the options of metrics', options)
  }
}

/** The same figures for all that ask without a pause, as a registry asks its metrics. */
function once(ask: () => TraceFigures): () => TraceFigures {
  let known: TraceFigures | null = null
  return () => {
    if (known !== null) return known
    queueMicrotask(() => (known = null))
    return (known = ask())
  }
}

/** What a registry asks of a metric. For OpenMetrics it takes `_total` off the name, and adds it to each value. */
function metricOf(
  { name, help, type, values }: Described,
  prefix: string,
  figures: () => TraceFigures,
) {
  return {
    ...{ name: `${prefix}${name}`, help, type, aggregator: 'sum' },
    get() {
      const { name: now, aggregator } = this
      return { name: now, help, type, aggregator, values: values(figures()) }
    },
    /** Figures of what is cannot be set back. */
    reset() {},
  }
}
