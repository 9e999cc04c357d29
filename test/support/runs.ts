/** How many random programs the tests try, and from which seed. */
import fc from 'fast-check'

/** How many random programs a model test tries: OFFHEAP_RUNS, else 10,000 in CI and 100 elsewhere. */
export const RUNS = Number(process.env['OFFHEAP_RUNS'] ?? (process.env['CI'] ? 10_000 : 100))

/** Milliseconds that a property may take. */
export const RUNS_TIMEOUT = 120_000 + RUNS * 30

/**
 * What random programs are made from: OFFHEAP_SEED, else another one each time. CI takes the same one each
 * time, so that a change is judged by what it changes; `npm test -- soak` is for what nobody found yet.
 */
export const SEED = Number(
  process.env['OFFHEAP_SEED'] ?? (process.env['CI'] ? 20_261_121 : Date.now() % 2 ** 31),
)

fc.configureGlobal({ seed: SEED })
