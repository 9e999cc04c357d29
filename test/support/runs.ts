/** How many random programs a model test tries: OFFHEAP_RUNS, else 10,000 in CI and 100 elsewhere. */
export const RUNS = Number(process.env['OFFHEAP_RUNS'] ?? (process.env['CI'] ? 10_000 : 100))

/** Milliseconds that a property may take. */
export const RUNS_TIMEOUT = 30_000 + RUNS * 30
