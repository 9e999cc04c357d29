/** The parts of the page that need no browser: packing, the tree, search, figures as words. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { Frame, LeakProfile } from '../../../lib/leaks/profile.js'
import { MOST_SNAPSHOTS, pack } from '../../../lib/leaks/render/html-data.js'
import { historyOf, unpack } from '../../../lib/leaks/render/page/data.js'
import { search } from '../../../lib/leaks/render/page/search.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMoment,
  formatShare,
  visible,
} from '../../../lib/leaks/render/page/text.js'
import {
  type FlameNode,
  childrenOf,
  follow,
  growTree,
  layOut,
  pathOf,
} from '../../../lib/leaks/render/page/tree.js'
import { frame, large, native, profileOf, site, small } from './mock.js'

const packedAndBack = (profile: LeakProfile) =>
  unpack(JSON.parse(JSON.stringify(pack(profile))) as ReturnType<typeof pack>)

/** Few names, so that frames and the beginnings of stacks come again. */
const frames: fc.Arbitrary<Frame> = fc.record({
  function: fc.constantFrom('', 'a', 'b', '0x10'),
  file: fc.constantFrom('', '/x/a.ts', '/x/b.ts', 'libc.so'),
  line: fc.constantFrom(0, 1, 2),
  column: fc.constantFrom(0, 3),
})
const profiles: fc.Arbitrary<LeakProfile> = fc
  .array(
    fc
      .record({
        stack: fc.array(
          fc.oneof(
            frames,
            frames.map((one) => ({ ...one, async: true })),
            fc
              .tuple(frames, fc.constantFrom(0, 16, 2 ** 40), fc.constantFrom('', 'ab'))
              .map(([one, offset, buildId]) => ({ ...one, native: true, offset, buildId })),
          ),
          { maxLength: 6 },
        ),
        liveBytes: fc.integer({ min: -1000, max: 1000 }),
        allocator: fc.constantFrom('a', 'b'),
        scopes: fc.array(fc.constantFrom('s', 't'), { maxLength: 2 }),
      })
      .map(({ stack, ...more }) => site(stack, more)),
    { maxLength: 30 },
  )
  .map((sites) => profileOf(sites))

describe('a packed profile', () => {
  test('is unpacked to the same stacks and figures', () => {
    fc.assert(
      fc.property(profiles, (profile) => {
        const model = packedAndBack(profile)
        expect(model.count).toBe(profile.sites.length)
        profile.sites.forEach((one, i) => {
          const [from, to] = [model.starts[i]!, model.starts[i + 1]!]
          const stack = [...model.stacks.subarray(from, to)]
            .toReversed()
            .map((id) => model.frames[id]!)
          expect(stack.map(({ name }) => name)).toEqual(
            one.stack.map((its) => its.function || '(anonymous)'),
          )
          expect(stack.map((its) => its.async)).toEqual(one.stack.map((its) => its.async === true))
          expect(stack.map((its) => its.kind === 'native')).toEqual(
            one.stack.map((its) => its.native === true),
          )
          expect(stack.map(({ symbol }) => symbol)).toEqual(
            one.stack.map(({ native: is, offset = 0, buildId = '' }) =>
              is ? `+0x${offset.toString(16)}${buildId && ` build id ${buildId}`}` : '',
            ),
          )
          expect(model.figures.liveBytes[i]).toBe(one.liveBytes)
          expect(model.allocators[i]).toBe(one.allocator)
          expect(model.scopes[i]).toBe(one.scopes.join(' › '))
        })
      }),
    )
  })

  test('holds each frame once, and what stacks have in common once', () => {
    const { frames: table, stacks } = pack(large(2000, 16, 1.05, 2))
    const keys = table.function.map((name, i) =>
      [name, table.file[i], table.line[i], table.column[i]].join(),
    )
    expect(new Set(keys).size).toBe(keys.length)
    expect(stacks.frames.length).toBeLessThan((2000 * 16) / 4)
  })

  test('thins many snapshots, and keeps the first, the last and the largest', () => {
    const count = 50_000
    const snapshots = Array.from({ length: count }, (_, at) => ({
      at,
      liveBytes: at === 12_345 ? 1e9 : at,
      liveBlocks: 1,
    }))
    const short = site([], { history: [5, 6, 7], liveBytes: 7 })
    const long = site([], { history: snapshots.map(({ liveBytes }) => liveBytes), liveBytes: 9 })
    const profile = profileOf([short, long], { snapshots })
    const packed = pack(profile)
    expect(packed.snapshots.at.length).toBeLessThanOrEqual(MOST_SNAPSHOTS + 1)
    expect(packed.snapshots.at[0]).toBe(0)
    expect(packed.snapshots.at.at(-1)).toBe(count - 1)
    expect(Math.max(...packed.snapshots.liveBytes)).toBe(1e9)
    const model = packedAndBack(profile)
    const [first, second] = [historyOf(model, 0), historyOf(model, 1)]
    expect(first).toHaveLength(second.length)
    expect(first.at(-1)).toBe(count - 1)
    // Nothing before it was.
    expect(second).toEqual([...Array.from({ length: second.length - 1 }, () => 0), 7])
  })
})

describe('the tree', () => {
  const check = (tree: ReturnType<typeof growTree>, node: FlameNode): void => {
    const children = childrenOf(tree, node)
    const sum = (of: (child: FlameNode) => number): number =>
      children.reduce((total, child) => total + of(child), 0)
    const ending = [...node.sites].filter(
      (one) => node.depth === tree.model.starts[one + 1]! - tree.model.starts[one]!,
    )
    const own = ending.reduce((total, one) => total + tree.values[one]!, 0)
    expect(sum(({ net }) => net) + own).toBe(node.net)
    expect(sum(({ sites }) => sites.length) + ending.length).toBe(node.sites.length)
    expect(new Set(children.map((child) => child.frame)).size).toBe(children.length)
    for (const child of children) {
      expect(child.weight).toBeGreaterThanOrEqual(Math.abs(child.net))
      expect(follow(tree, pathOf(child))).toBe(child)
      check(tree, child)
    }
  }

  test.each([false, true])('has each site once on each level; inverted: %s', (inverted) => {
    fc.assert(
      fc.property(profiles, (profile) => {
        const model = packedAndBack(profile)
        const tree = growTree(model, model.figures.liveBytes, inverted)
        expect(tree.root.net).toBe(profile.totals.liveBytes)
        check(tree, tree.root)
      }),
    )
  })

  test('is laid out side by side, and what is too narrow together', () => {
    const model = packedAndBack(
      profileOf([
        site([frame('wide a.ts:1:1')], { liveBytes: 100_000 }),
        ...Array.from({ length: 300 }, (_, i) =>
          site([frame(`n${i} a.ts:2:1`)], { liveBytes: 10 }),
        ),
      ]),
    )
    const tree = growTree(model, model.figures.liveBytes, false)
    const rows = layOut(tree, tree.root, 1000)
    expect(rows.map((row) => row.length)).toEqual([1, 2])
    const [wide, rest] = rows[1]!
    expect(rest).toMatchObject({ node: undefined, hidden: 300, net: 3000, parent: tree.root })
    expect(wide!.x + wide!.width).toBeCloseTo(rest!.x)
    expect(rest!.x + rest!.width).toBeCloseTo(1000)
    expect(layOut(tree, childrenOf(tree, tree.root)[0]!, 1000)).toHaveLength(2)
  })
})

test('a search finds frames, allocators and scopes, and each site once', () => {
  const model = packedAndBack(small())
  const found = (query: string): number[] => [...search(model, query).sites]
  expect(found('')).toEqual([1, 1, 1])
  expect(found('  ')).toEqual([1, 1, 1])
  expect(found('Handle')).toEqual([1, 1, 0])
  expect(found('image.ts:99')).toEqual([0, 1, 0])
  expect(found('slaballocator')).toEqual([1, 0, 0])
  expect(found('thumbnail')).toEqual([0, 1, 0])
  expect(found('.*')).toEqual([0, 0, 0])
  expect([...search(model, 'main').frames].filter((one) => one === 1)).toHaveLength(1)
})

test('the line that is named is the innermost of the user', () => {
  const cases: [stack: Frame[], name: string][] = [
    [
      [native('malloc', 'libc.so', 1), frame('mine /a/x.ts:1:1'), frame('main /a/y.ts:1:1')],
      'mine',
    ],
    [[frame('emit node:events:1:1'), frame('dep /a/node_modules/d/i.js:1:1')], 'dep'],
    [[frame('dep /a/node_modules/d/i.js:1:1'), frame('mine file:///a/x.ts:1:1')], 'mine'],
    [[frame('emit node:events:1:1'), native('malloc', 'libc.so', 1)], 'malloc'],
    [[frame('emit node:events:1:1')], 'emit'],
  ]
  for (const [stack, name] of cases) {
    const model = packedAndBack(profileOf([site(stack)]))
    expect(model.frames[model.userFrame[0]!]!.name).toBe(name)
  }
})

test.each([
  [
    ['/srv/app/src/a.ts', '/srv/app/src/b/c.ts'],
    ['a.ts:1', 'b/c.ts:1'],
  ],
  [
    ['/srv/app/a.ts', '/other/a.ts'],
    ['srv/app/a.ts:1', 'other/a.ts:1'],
  ],
  [['/one.ts'], ['one.ts:1']],
  [
    ['C:\\app\\src\\a.ts', 'C:\\app\\b.ts'],
    ['src/a.ts:1', 'b.ts:1'],
  ],
  [
    ['file:///app/a.ts', '/app/b.ts'],
    ['a.ts:1', 'b.ts:1'],
  ],
  [
    ['/app/node_modules/@scope/name/lib/x.js', '/app/node_modules/.pnpm/d@1/node_modules/d/y.js'],
    ['@scope/name/lib/x.js:1', 'd/y.js:1'],
  ],
])('files %j are shown as %j', (files, shown) => {
  const model = packedAndBack(
    profileOf(files.map((file, i) => site([frame(`f ${file}:1:1`)], { liveBytes: 100 - i }))),
  )
  const places = files.map((_, i) => model.frames[model.userFrame[i]!]!.place)
  expect(places).toEqual(shown)
})

describe('figures as words', () => {
  it.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1,023 B'],
    [1024, '1.0 KiB'],
    [1_048_575, '1.0 MiB'],
    [52_428_800, '50.0 MiB'],
    [-1536, '−1.5 KiB'],
    [2 ** 60, '1024.0 PiB'],
    [1023.6, '1.0 KiB'],
  ])('%d bytes: %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it('have signs in a difference, and 0 has none', () => {
    expect([1536, -1536, 0].map((n) => formatBytes(n, true))).toEqual([
      '+1.5 KiB',
      '−1.5 KiB',
      '0 B',
    ])
    expect([12_345, -1, 0].map((n) => formatCount(n, true))).toEqual(['+12,345', '−1', '0'])
    expect(formatShare(-1, 8)).toBe('−12.5 %')
    expect(formatShare(1, 0)).toBe('')
  })

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1500, '1.5 s'],
    [59_990, '1 min'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [3_660_000, '1 h 1 min'],
    [180_000_000, '2 d 2 h'],
    [86_400_000 + 5000, '1 d'],
  ])('%d ms: %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  it('leave what is no date as it is', () => {
    expect(formatMoment('2026-11-21T14:03:22.512Z')).toBe('2026-11-21 14:03:22 UTC')
    expect(formatMoment('2026-13-41T99:00:00Z')).toBe('2026-13-41T99:00:00Z')
    expect(formatMoment('build 7')).toBe('build 7')
  })

  it('spell out what is not seen', () => {
    expect(visible('plain, шрифт, 日本, 😀')).toBe('plain, шрифт, 日本, 😀')
    expect(visible('a\u202e\ud800\0')).toBe('a\\u{202e}\\u{d800}\\u{0}')
  })
})
