/** Values of every type that are neither an object of ours, nor a size, nor an address. */
export const notValues: readonly unknown[] = [
  undefined,
  null,
  true,
  '',
  '64',
  -1,
  1.5,
  NaN,
  Infinity,
  -1n,
  Symbol('x'),
  () => 64,
  [],
  {},
]
