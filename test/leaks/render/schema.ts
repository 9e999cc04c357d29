/** As much of JSON Schema as the schemas here use. A keyword that is not known is an error. */

type Schema = Readonly<Record<string, unknown>>

/** What is wrong with a value: '$.profiles[0]: lacks name'. Empty: nothing. */
export function schemaErrors(root: object, value: unknown): string[] {
  return errorsOf(root as Schema, root as Schema, value, '$')
}

function errorsOf(root: Schema, schema: Schema, value: unknown, path: string): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    const check = KEYWORDS[keyword]
    if (check === undefined) throw new Error(`The schema has ${keyword}, which is not known`)
    return check({ root, rule, value, path })
  })
}

interface Check {
  root: Schema
  rule: unknown
  value: unknown
  path: string
}

const fields = (value: unknown): Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {}
const items = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const nothing = (): string[] => []

const KEYWORDS: Readonly<Record<string, (check: Check) => string[]>> = {
  $schema: nothing,
  definitions: nothing,
  title: nothing,
  description: nothing,
  $ref: ({ root, rule, value, path }) => {
    const name = (rule as string).replace('#/definitions/', '')
    return errorsOf(root, (root['definitions'] as Record<string, Schema>)[name]!, value, path)
  },
  type: ({ rule, value, path }) => (isOf(rule as string, value) ? [] : [`${path}: no ${rule}`]),
  const: ({ rule, value, path }) => (value === rule ? [] : [`${path}: not ${rule}`]),
  enum: ({ rule, value, path }) => (items(rule).includes(value) ? [] : [`${path}: not in ${rule}`]),
  anyOf: ({ root, rule, value, path }) => {
    const all = (rule as Schema[]).map((each) => errorsOf(root, each, value, path))
    return all.some((errors) => errors.length === 0) ? [] : all.flat()
  },
  required: ({ rule, value, path }) =>
    (rule as string[])
      .filter((name) => !Object.hasOwn(fields(value), name))
      .map((name) => `${path}: lacks ${name}`),
  properties: ({ root, rule, value, path }) =>
    Object.entries(rule as Record<string, Schema>).flatMap(([name, each]) =>
      Object.hasOwn(fields(value), name)
        ? errorsOf(root, each, fields(value)[name], `${path}.${name}`)
        : [],
    ),
  additionalProperties: nothing,
  items: ({ root, rule, value, path }) =>
    items(value).flatMap((item, i) => errorsOf(root, rule as Schema, item, `${path}[${i}]`)),
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return fields(value) === value
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}
