// Medians and the like. Pure arithmetic.

/** Linear interpolation between the two nearest. @param {number[]} values @param {number} q in [0, 1] */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] ?? NaN
  const above = sorted[Math.ceil(place)] ?? NaN
  return below + (above - below) * (place % 1)
}

/** @param {number[]} values */
export const median = (values) => quantile(values, 0.5)

/** The median and where the middle half lies. @param {number[]} values */
export function spread(values) {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) }
}

/** @param {number[]} values */
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** @param {number[]} values */
export const geomean = (values) => Math.exp(mean(values.map(Math.log)))
