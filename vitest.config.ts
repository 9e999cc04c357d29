import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process a file: a native memory error ends its own file and no other, and gauges of the
    // process (RSS, external) see one file's work only.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // Vitest leaves one processor for itself, which on two is half of them.
    maxWorkers: '100%',
    // Tests that wait for processes of their own: more at a time only get in each other's way.
    maxConcurrency: 2,
    // Only what hangs comes to these: a loaded machine takes ten times what is usual.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
