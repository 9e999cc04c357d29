// Ten million live blocks written down and reported, from C.

const BLOCKS = 10_000_000
const BYTES_A_BLOCK = 64
const SECONDS = 60

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'ledger',
  title: 'Ten million live blocks in the ledger',
  about: 'a block written down with its stack, and its part of the report at the end',
  arms: {
    ledger: {
      label: 'a block of ten million',
      c: { program: 'ledger', args: (_, { share }) => [String(BLOCKS * share)] },
      ours: true,
    },
  },
  bars: [
    { arm: 'ledger', nsAtMost: (SECONDS * 1e9) / BLOCKS },
    { arm: 'ledger', growthBelowMiB: (BLOCKS * BYTES_A_BLOCK) / 2 ** 20 },
  ],
}
