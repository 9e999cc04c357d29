/** What the flame graph can draw, and how its figures are said. No DOM. */
import type { Figure } from '../html-data.js'
import type { Model } from './data.js'
import { formatBytes, formatCount, formatExactBytes } from './text.js'

export interface Metric {
  figure: Figure
  label: string
  /** In a sentence: 3 MiB of live bytes. */
  words: string
  bytes: boolean
}

export const METRICS: readonly Metric[] = [
  { figure: 'liveBytes', label: 'Live bytes', words: 'live', bytes: true },
  { figure: 'liveBlocks', label: 'Live blocks', words: 'live blocks', bytes: false },
  { figure: 'totalBytes', label: 'Allocated bytes', words: 'allocated', bytes: true },
  { figure: 'allocs', label: 'Allocations', words: 'allocations', bytes: false },
  { figure: 'peakBytes', label: "Sites' peak bytes", words: 'at the peaks', bytes: true },
]

/** A figure as it stands in a cell. Estimates are said so once, in the head of the page. */
export function formatFigure(model: Model, value: number, bytes: boolean): string {
  return bytes ? formatBytes(value, model.isDiff) : formatCount(value, model.isDiff)
}

/** With the exact bytes, for tooltips. */
export function formatExact(model: Model, value: number, bytes: boolean): string {
  return bytes ? formatExactBytes(value, model.isDiff) : formatCount(value, model.isDiff)
}

/** The same as a part of a sentence: 3.2 MiB live, 14 allocations. */
export function sayFigure(model: Model, value: number, metric: Metric): string {
  return `${formatFigure(model, value, metric.bytes)} ${metric.words}`
}
