// The values that options take, and the settings that reach the app.

import { describe, expect, test } from 'vitest'
import * as values from '../../lib/cli/options.js'
import { DEFAULTS, readSettings } from '../../lib/cli/settings.js'

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['1b', 1],
    ['64kB', 64_000],
    ['512KiB', 2 ** 19],
    ['1.5 MiB', 1.5 * 2 ** 20],
    ['2g', 2e9],
  ])('%s', (text, size) => expect(values.bytes(text)).toBe(size))

  test.each(['', '-1', '1e3', 'KiB', '1 parsec', '0x10', '99999999999GiB', '1 constructor', 'NaN'])(
    '%j is none',
    (text) => expect(() => values.bytes(text)).toThrow('Expected a size such as 4096'),
  )

  test('of samples are at least a byte', () => {
    expect(values.someBytes('1')).toBe(1)
    expect(() => values.someBytes('0')).toThrow('at least 1 byte')
  })
})

describe('times', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
  ])('%s', (text, time) => expect(values.milliseconds(text)).toBe(time))

  test.each(['30', '', 's', '3 years', '-1s', '1000h'])('%j is none', (text) =>
    expect(() => values.milliseconds(text)).toThrow('Expected a time such as 500ms'),
  )

  test('shorter than a snapshot takes', () =>
    expect(() => values.milliseconds('1ms')).toThrow('at least 10ms'))
})

describe('counts', () => {
  test('from 1', () => expect(values.count('17')).toBe(17))

  test.each(['0', '-1', '1.5', 'many', '', '9'.repeat(20)])('%j is none', (text) =>
    expect(() => values.count(text)).toThrow('Expected a whole number from 1'),
  )

  test('of frames', () => {
    expect(values.frames('128')).toBe(128)
    expect(() => values.frames('129')).toThrow('at most 128')
  })
})

describe('signals', () => {
  test.each(['SIGUSR2', 'sigusr2', 'usr2'])('%s', (text) =>
    expect(values.signal(text)).toBe('SIGUSR2'),
  )

  test.each(['SIGKILL', 'SIGINT', 'SIGUSR1', 'SIGSEGV', 'HUGO', ''])(
    '%j asks for no snapshot',
    (text) => expect(() => values.signal(text)).toThrow('Expected one of SIGUSR2'),
  )
})

describe('settings in the environment', () => {
  const read = (text: string | undefined) => {
    const said: string[] = []
    const settings = readSettings(text, (what) => said.push(what))
    return { settings, said }
  }

  test('none: the defaults', () => {
    expect(read(undefined)).toEqual({ settings: DEFAULTS, said: [] })
    expect(read('')).toEqual({ settings: DEFAULTS, said: [] })
  })

  test('those that are given', () => {
    const given = {
      directory: '/tmp/x',
      sampleBytes: 524_288,
      frames: 8,
      everyMs: 100,
      signal: 'SIGUSR2',
      includeRegions: true,
    }
    expect(read(JSON.stringify(given))).toEqual({ settings: given, said: [] })
  })

  test.each(['{', 'null', '[]', '3', '"text"'])('%s is told and ignored', (text) => {
    const { settings, said } = read(text)
    expect(settings).toEqual(DEFAULTS)
    expect(said).toEqual(['OFFHEAP_LEAKS is no JSON object, and is ignored'])
  })

  test('each that is wrong is told, and the others count', () => {
    const wrong = {
      directory: 'relative',
      sampleBytes: -1,
      frames: 1.5,
      everyMs: 'soon',
      signal: 'SIGKILL',
      includeRegions: 1,
    }
    for (const [name, value] of Object.entries(wrong)) {
      const { settings, said } = read(JSON.stringify({ [name]: value, ofALaterVersion: 1 }))
      expect(settings).toEqual(DEFAULTS)
      expect(said).toHaveLength(1)
      expect(said[0]).toMatch(new RegExp(`^${name} in OFFHEAP_LEAKS is not .*, and is ignored$`))
    }
    expect(read('{"frames":"a","everyMs":50}').settings).toEqual({ ...DEFAULTS, everyMs: 50 })
  })
})
