/** What callers pass by mistake. One list for every test that tries wrong input. */

/** No sizes: neither numbers nor in range. */
export const BAD_SIZES: readonly unknown[] = [
  -1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  '16',
  16n,
  null,
  true,
  {},
  [16],
  Symbol('16'),
  { valueOf: () => 16 },
]

/** No alignments: the same, 0 and what is no power of two. `undefined` stands for the default. */
export const BAD_ALIGNS: readonly unknown[] = [...BAD_SIZES, 0, 3, 6, 48, 2 ** 31 - 1, 2 ** 52 + 1]

/** No addresses. */
export const BAD_POINTERS: readonly unknown[] = [...BAD_SIZES, undefined]

/** A value that somebody else's type says is right. */
export const wrong = (value: unknown): never => value as never

/** For messages: any value, without calling into it. */
export function shown(value: unknown): string {
  if (typeof value === 'symbol' || typeof value === 'string') return JSON.stringify(String(value))
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'bigint' ? `${value}n` : String(value)
}
