// Runs before every test file: how many random programs the property tests try. OFFHEAP_RUNS sets it;
// a test that names its own numRuns keeps it.

import fc from 'fast-check'

fc.configureGlobal({ numRuns: Number(process.env['OFFHEAP_RUNS'] ?? 100) })
