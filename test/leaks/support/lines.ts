/** Finds lines of fixtures by the comments that mark them. */

/** The number of the one line that ends with a comment `// MARK`. */
export function lineOf(source: string, mark: string): number {
  const lines = source.split('\n')
  const found = [...lines.keys()].filter((i) => new RegExp(`// ${mark}\\b`).test(lines[i]!))
  if (found.length !== 1) throw new Error(`${found.length} lines are marked ${mark}`)
  return found[0]! + 1
}
