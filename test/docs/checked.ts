/**
 * Turns the comments of an example into checks.
 *
 *     expression // => value          the value, as util.inspect shows it
 *     const name = ... // => value    the value of the name
 *     expression // throws CODE       it throws an error with this code
 *
 * Lines stay where they are, so that a stack trace points into the page. What is said about printing,
 * `// prints text`, is compared by run-blocks.mjs with what the block has printed.
 */
export function checked(code: string, firstLine: number): string {
  return code
    .split('\n')
    .map((line, index) => checkedLine(line, firstLine + index))
    .join('\n')
}

function checkedLine(line: string, number: number): string {
  const [, indent, statement, kind, expected] =
    /^(\s*)(.*?)\s*\/\/ (=>|throws(?= (?:ERR_\w+|\w*Error)$)) (.*?)\s*$/.exec(line) ?? []
  if (statement === undefined) return line
  if (statement === '') throw new Error(`Line ${number}: nothing to check before the comment`)
  const text = JSON.stringify(expected)
  if (kind === 'throws') return `${indent}__docs.throws(${number}, () => (${statement}), ${text})`
  const name = /^(?:const|let) (\w+) = /.exec(statement)?.[1]
  if (name !== undefined)
    return `${line.slice(0, line.indexOf('//'))}; __docs.is(${number}, ${name}, ${text})`
  return `${indent}__docs.is(${number}, (${statement}), ${text})`
}

/** What a block says that it prints, line by line. */
export function promisedOutput(code: string): string[] {
  return [...code.matchAll(/\/\/ prints (.*?)\s*$/gm)].map((match) => match[1]!)
}
