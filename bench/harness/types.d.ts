// The words of the harness. Cases are written in them, results are made of them.

/** What an arm's process measures. */
export interface Arm {
  /** Does n operations; returns something made of the results. */
  batch: (n: number) => unknown
  /** n is always a multiple of it; default 1. */
  unit?: number
  /** n is always `unit`. */
  whole?: boolean
  /** After each batch, outside of the clock: makes ready for the next one. */
  after?: () => void
  /** Afterwards: throws when the arm did not do what it says. */
  check?: () => void
  /** Afterwards: peak payload / high-water of what it occupied, metadata and holes counted. */
  utilisation?: () => number
}

/** What differs from one row of a case's table to the next: bytes, a count, the name of a trace. */
export type Input = number | string

/** A program of bench/c. */
export interface CProgram {
  program: string
  /** The arm's name in a program made with bench.c. */
  arm?: string
  /** The arguments of a program that takes others. */
  args?: (input: Input, settings: Settings) => string[]
  /** Runs once more, in the first round, for its memory: arguments, and the bytes live at most. */
  memory?: (input: Input) => { args: string[]; peakPayload: number }
  /** With a malloc of another library (see harness/preload.mjs). */
  preload?: string
}

/** One way to do what a case measures: `setup`, or `batch` where there is nothing to set up, or `c`. */
export interface ArmSpec {
  label: string
  setup?: (input: Input) => Arm | Promise<Arm>
  batch?: Arm['batch']
  c?: CProgram
  /** A shared library that it loads itself, by its name in preload.mjs. */
  needs?: string
  /** As the case's, which it overrides. */
  once?: number
  /** What the library does; the others are peers. */
  ours?: boolean
  /** It frees nothing: references are dropped, and the garbage collector's work falls where it falls. */
  dropped?: boolean
}

/** The arm takes at most so many times what the peer takes. */
export interface AtMost {
  arm: string
  peer: string
  input?: Input
  atMost: number
}
/** The peer takes at least so many times what the arm takes; 1: it takes more. */
export interface AtLeast {
  arm: string
  peer: string
  input?: Input
  atLeast: number
}
/** As AtMost, of the geometric mean over all inputs. */
export interface GeomeanAtMost {
  arm: string
  peer: string
  geomeanAtMost: number
}
/** With no input does the arm take more than so many times what it takes with the first. */
export interface GrowsAtMost {
  arm: string
  /** What it does, for the text: the arms of two cases have the same labels. */
  which: string
  growsAtMost: number
}
/** Peak payload / high-water, on average over all inputs or with the worst of them. */
export interface UtilisationAtLeast {
  arm: string
  utilisation: 'average' | 'worst'
  atLeast: number
}
/** The arm takes at most so many ns more than the peer. */
export interface MoreAtMost {
  arm: string
  peer: string
  moreAtMostNs: number
}
/** Resident memory grows by less. */
export interface GrowthBelow {
  arm: string
  growthBelowMiB: number
}
/** The arm takes at most so many nanoseconds. */
export interface NsAtMost {
  arm: string
  nsAtMost: number
}
/** What the library promises of its speed. */
export type Bar =
  | NsAtMost
  | AtMost
  | AtLeast
  | GeomeanAtMost
  | GrowsAtMost
  | MoreAtMost
  | UtilisationAtLeast
  | GrowthBelow

export interface Case {
  /** That of its file, and of --case. */
  name: string
  title: string
  /** What one operation is. */
  about: string
  /** Every arm runs with each. Without it: once. */
  inputs?: Input[]
  /** What they are; default bytes. */
  inputsAre?: 'bytes' | 'blocks' | 'traces'
  /** The arm that the table compares with; default the first. */
  base?: string
  /** Operations in the one batch of a round, for cases about memory. */
  once?: number
  /**
   * All arms but those in C in one process, batch by batch: for operations that hardly depend on what V8
   * makes of an arm.
   */
  inTurns?: boolean
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
  /** Bytes of resident memory since the set-up: at most, and in the end. Not all C programs tell. */
  rssGrowth?: number
  rssKept?: number
  utilisation?: number
}

/** An arm in all rounds. `input` is null in a case without inputs. */
export interface Series {
  arm: string
  input: Input | null
  rounds: Round[]
}

/** With the medians of its rounds. */
export interface Measured extends Series {
  ns: number
  rssGrowth: number | null
  utilisation: number | null
}

export interface Judged {
  bar: Bar
  text: string
  /** The median of the rounds' figures, and where the middle half lies. */
  value: number
  low: number
  high: number
  unit: 'x' | 'MiB' | 'ns' | ''
  /** null: an arm of it did not run. */
  held: boolean | null
}

/** An arm that could not run here. */
export interface Skipped {
  label: string
  why: string
}

/** A case that was run. */
export interface Result {
  name: string
  title: string
  about: string
  inputs: Input[] | null
  inputsAre: 'bytes' | 'blocks' | 'traces'
  base: string
  arms: { arm: string; label: string; ours: boolean; dropped: boolean }[]
  skipped: Skipped[]
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
  /** Versions of the other mallocs, by name. */
  mallocs: Record<string, string>
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
