/** What is outside of a key's last part must not end it. */
const escaped = (text: string): string => (/[%:{}]/.test(text) ? text.replace(/[%:{}]/g, encodeURIComponent) : text)

/** What stands in the first braces of a key, as Redis Cluster reads it; '': nothing. */
export const tagOf = (key: string): string => (key.includes('{') ? tagIn(key) : '')
const tagIn = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? ''

/** All keys of a group begin alike, up to and with the tag that puts them on one server of a Redis Cluster. Never empty: `{}` tags nothing. */
export const tagged = (prefix: string, group: string): string => `${escaped(prefix)}:{${group === '' ? '-' : escaped(group)}}`

export type RowKey = (group: string, key: string) => string

/** The keys of a limit's rows. What they all share is put together once. */
export const rowKeys = (prefix: string, limit: string, layout: string): RowKey => {
  const rest = `:${escaped(limit)}:${layout}:`
  const begin = `${escaped(prefix)}:{`
  const untagged = tagged(prefix, '') + rest
  return (group, key) => (group === '' ? untagged + key : `${begin}${escaped(group)}}${rest}${key}`)
}

export const reservationKey = (prefix: string, group: string, id: string): string => `${tagged(prefix, group)}::${id}`

/** The one group of `names`. Throws RangeError in words: on a Redis Cluster each group may lie on another server. */
export const groupOfAll = (names: readonly string[], groupOf: (key: string) => string): string => {
  const [first = ''] = names
  const group = groupOf(first)
  if (names.every((name) => name === first || groupOf(name) === group)) return group
  const groups = [...new Set(names.map(groupOf))]
  throw new RangeError(
    `one request asks for keys of the groups ${groups.map((one) => `'${one}'`).join(', ')}, which may lie on different servers of a Redis Cluster; give its keys one {tag}, or ask in two requests`,
  )
}
