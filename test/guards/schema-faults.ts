type Node = Readonly<Record<string, unknown>>
const nodeOf = (value: unknown): Node => (typeof value === 'object' && value !== null ? { ...value } : {})
const entriesOf = (value: unknown): [string, unknown][] => Object.entries(nodeOf(value))
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** A text of these has a bound of its own. */
const BOUNDED_FORMATS = new Set(['date-time'])

/** Where a schema lets in an unknown field, or a value without a bound: the path of each place and what is missing there. */
export const schemaFaults = (schema: unknown, { inbound }: { readonly inbound: boolean }, path = ''): readonly string[] => {
  const node = nodeOf(schema)
  const at = path === '' ? '(root)' : path
  const inner = (value: unknown, name: string) => schemaFaults(value, { inbound }, `${path}/${name}`)
  const branches = [...listOf(node.anyOf), ...listOf(node.oneOf), ...listOf(node.allOf)]
  if (branches.length > 0) return branches.flatMap((branch, i) => inner(branch, `|${i}`))
  if (node.const !== undefined || node.enum !== undefined || node.type === 'null' || node.type === 'boolean') return []
  if (node.type === 'object') {
    const patterns = entriesOf(node.patternProperties)
    const closed = node.additionalProperties === false || patterns.length > 0
    return [
      ...(closed ? [] : [`${at}: unknown fields are let in`]),
      ...(inbound && patterns.length > 0 && node.maxProperties === undefined ? [`${at}: no maxProperties`] : []),
      ...entriesOf(node.properties).flatMap(([name, value]) => inner(value, name)),
      ...patterns.flatMap(([, value]) => (inbound ? inner(value, '*') : [])),
    ]
  }
  if (node.type === 'array')
    return [...(inbound && node.maxItems === undefined ? [`${at}: no maxItems`] : []), ...inner(node.items, '[]')]
  if (!inbound) return node.type === undefined ? [`${at}: anything is let out`] : []
  if (node.type === 'string') {
    const bounded =
      node.maxLength !== undefined || BOUNDED_FORMATS.has(String(node.format)) || isBoundedPattern(String(node.pattern ?? '.*'))
    return bounded ? [] : [`${at}: a text without maxLength`]
  }
  if (node.type === 'integer')
    return node.minimum === undefined || node.maximum === undefined ? [`${at}: no minimum or maximum`] : []
  if (node.type === 'number') return []
  return [`${at}: anything is let in`]
}

/** Whether a pattern is anchored and repeats nothing without end. */
const isBoundedPattern = (pattern: string): boolean => /^\^.*\$$/.test(pattern) && !/[*+]|\{\d+,\}/.test(pattern)
