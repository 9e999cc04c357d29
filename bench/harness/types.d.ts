// The words of the harness. Cases are written in them, results are made of them.

/** What an arm's process measures. */
export interface Arm {
  /** Does n operations; returns something made of the results. */
  batch: (n: number) => unknown
  /** n is always a multiple of it; default 1. */
  unit?: number
  /** Afterwards: throws when the arm did not do what it says. */
  check?: () => void
}

/** One way to do what a case measures: `setup`, or `batch` where there is nothing to set up, or `c`. */
export interface ArmSpec {
  label: string
  setup?: (size: number) => Arm | Promise<Arm>
  batch?: Arm['batch']
  /** A program of bench/c, and the arm's name in it. */
  c?: { program: string; arm: string }
  /** As the case's, which it overrides. */
  once?: number
  /** What the library does; the others are peers. */
  ours?: boolean
  /** It frees nothing: references are dropped, and the garbage collector's work falls where it falls. */
  dropped?: boolean
}

/** The arm takes at most so many times what the peer takes. */
interface AtMost {
  arm: string
  peer: string
  size?: number
  atMost: number
}
/** The peer takes at least so many times what the arm takes; 1: it takes more. */
interface AtLeast {
  arm: string
  peer: string
  size?: number
  atLeast: number
}
/** Resident memory grows by less. */
interface GrowthBelow {
  arm: string
  growthBelowMiB: number
}
/** What the library promises of its speed. */
export type Bar = AtMost | AtLeast | GrowthBelow

export interface Case {
  /** That of its file, and of --case. */
  name: string
  title: string
  /** What one operation is. */
  about: string
  /** Bytes; every arm runs with each. Without it: once. */
  sizes?: number[]
  /** Operations in the one batch of a round, for cases about memory. */
  once?: number
  arms: Record<string, ArmSpec>
  bars: Bar[]
}

export interface Settings {
  warmupMs: number
  /** How long one batch should take. */
  sampleMs: number
  /** For all samples of a round. */
  timeMs: number
  /** Exactly so many operations in one batch, without a warm-up. */
  once?: number
}

export interface RunSettings extends Settings {
  rounds: number
  /** Of the operations of arms that have a number of their own. */
  share: number
}

/** What one process measured. */
export interface Round {
  /** Of one operation: the median of the samples, their mean, and the least of them. */
  ns: number
  mean: number
  min: number
  samples: number
  /** Operations in a sample. */
  batch: number
  /** Bytes of resident memory since the set-up: at most, and in the end. C programs do not tell. */
  rssGrowth?: number
  rssKept?: number
}

/** An arm in all rounds. `size` is null in a case without sizes. */
export interface Series {
  arm: string
  size: number | null
  rounds: Round[]
}

/** With the medians of its rounds. */
export interface Measured extends Series {
  ns: number
  rssGrowth: number | null
}

export interface Judged {
  bar: Bar
  text: string
  /** The median of the rounds' ratios, or of their growth in MiB, and where the middle half lies. */
  value: number
  low: number
  high: number
  held: boolean
}

/** A case that was run. */
export interface Result {
  name: string
  title: string
  about: string
  sizes: number[] | null
  arms: { arm: string; label: string; ours: boolean; dropped: boolean }[]
  series: Measured[]
  bars: Judged[]
}

export interface Machine {
  date: string
  cpu: string
  cpus: number
  memoryGiB: number
  load: number
  system: string
  libc: string
  node: string
  v8: string
  nodeOptions: string
  compiler: string
  flags: string
  packages: Record<string, string>
}

export interface Run {
  quick: boolean
  machine: Machine
  settings: RunSettings
  results: Result[]
  seconds: number
}

export interface Table {
  head: string[]
  rows: string[][]
}
