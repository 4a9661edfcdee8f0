/** What is outside of a key's last part must not end it. */
const escaped = (text: string): string => text.replace(/[%:{}]/g, encodeURIComponent)

/** What stands in the first braces of a key, as Redis Cluster reads it; '': nothing. */
export const tagOf = (key: string): string => (key.includes('{') ? tagIn(key) : '')
const tagIn = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? ''

/** All keys of a group begin alike, up to and with the tag that puts them on one server of a Redis Cluster. Never empty: `{}` tags nothing. */
export const tagged = (prefix: string, group: string): string => `${escaped(prefix)}:{${group === '' ? '-' : escaped(group)}}`

export const rowKey = (prefix: string, group: string, limit: string, layout: string, key: string): string =>
  `${tagged(prefix, group)}:${escaped(limit)}:${layout}:${key}`

export const reservationKey = (prefix: string, group: string, id: string): string => `${tagged(prefix, group)}::${id}`

/** The one group of `names`. Throws RangeError in words: on a Redis Cluster each group may lie on another server. */
export const groupOfAll = (names: readonly string[], groupOf: (key: string) => string): string => {
  const [first] = names
  if (names.length === 1 && first !== undefined) return groupOf(first)
  const groups = [...new Set(names.map(groupOf))]
  if (groups.length > 1)
    throw new RangeError(
      `one request asks for keys of the groups ${groups.map((group) => `'${group}'`).join(', ')}, which may lie on different servers of a Redis Cluster; give its keys one {tag}, or ask in two requests`,
    )
  return groups[0] ?? ''
}
