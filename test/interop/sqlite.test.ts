/**
 * SQLite on memory that it is lent, each way in a process of its own: its configuration is for the whole
 * process. What its build offers differs, and is asked.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const script = fileURLToPath(new URL('fixtures/sqlite.mjs', import.meta.url))
const run = (mode: string) =>
  JSON.parse(execFileSync(process.execPath, [script, mode], { encoding: 'utf8' }))

/** Of the rows' numbers, 2 to 40,000, whose names are 'row 1' or greater. */
const SUM = 400_020_000
const ERROR = 1

describeLibrary('libsqlite3.so.0', 'libsqlite3-0', () => {
  it('allocates all that it has from a slab heap, through SQLITE_CONFIG_MALLOC', () => {
    const { sum, working, closed } = run('malloc')
    expect(sum).toBe(SUM)
    const { blocks, bytes, heap, counted } = working
    expect(blocks).toBeGreaterThan(200)
    expect(bytes).toBe(counted) // by SQLite itself
    expect(heap).toBeLessThanOrEqual(bytes)
    expect(heap).toBeGreaterThan(500_000)
    expect(closed).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
  })

  it('keeps its pages in a region, through SQLITE_CONFIG_PAGECACHE', () => {
    const { sum, slots, used, most, touched, text } = run('pagecache')
    expect(sum).toBe(SUM)
    expect(slots).toBe(512)
    expect(used).toBeGreaterThan(150)
    expect(most).toBeGreaterThanOrEqual(used)
    expect(touched).toBeGreaterThan(400_000)
    expect(text).toBe(true) // a row, seen from JavaScript
  })

  // Debian's was compiled without SQLITE_ENABLE_MEMSYS5.
  it('takes all of its memory from a region, through SQLITE_CONFIG_HEAP, or says that it cannot', () => {
    const { able, code, sum, used } = run('heap')
    if (able) expect([code, sum, used > 500_000]).toEqual([0, SUM, true])
    else expect(code).toBe(ERROR)
  })

  // Debian's was compiled with SQLITE_OMIT_LOOKASIDE, and then writes nothing there.
  it('takes a region for lookaside, and uses it if it can', () => {
    const { able, code, sum, written } = run('lookaside')
    expect([code, sum, written]).toEqual([0, SUM, able])
  })
})
