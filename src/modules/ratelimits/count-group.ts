/** As `limit-key.ts` writes a key of which each tenant has its own. */
const TENANT = 'tenant='

/**
 * What a key's counts lie together with on one server of a Redis Cluster: all of its tenant's, else all of the same key. It follows from the
 * key alone: whoever asks about it, for whichever tenant, meets the same counts.
 */
export const groupOf = (key: string): string => {
  if (!key.startsWith(TENANT)) return key
  const end = key.indexOf('|')
  return end < 0 ? key : key.slice(0, end)
}

const isOfTenant = (group: string): boolean => group.startsWith(TENANT)

/** By group, in the order in which they are asked: a tenant's own first, so that what it refuses never touches what all share. */
export const byGroup = <T extends { readonly key: string }>(asks: readonly T[]): readonly (readonly T[])[] =>
  [...Map.groupBy(asks, ({ key }) => groupOf(key))]
    .sort(([a], [b]) => Number(isOfTenant(b)) - Number(isOfTenant(a)))
    .map(([, group]) => group)
