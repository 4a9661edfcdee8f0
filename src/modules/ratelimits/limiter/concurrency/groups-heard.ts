/** In which groups of keys the leases of this process's holders lie. Instants are whole microseconds. */
export interface GroupsHeard {
  add(holder: string, group: string, now: number): void
  /** The holder lives: of which groups it is to be told. */
  of(holder: string, now: number): readonly string[]
  /** It holds nothing there any more. */
  remove(holder: string, group: string): void
}

/** A holder that is not heard of for `ttlUs` is gone everywhere, and forgotten here. */
export const groupsHeard = (ttlUs: number): GroupsHeard => {
  /** In the order in which they were heard of last. */
  const byHolder = new Map<string, { readonly until: number; readonly groups: Set<string> }>()

  const heard = (holder: string, now: number): Set<string> => {
    const groups = byHolder.get(holder)?.groups ?? new Set<string>()
    byHolder.delete(holder)
    for (const [name, { until }] of byHolder) {
      if (until > now) break
      byHolder.delete(name)
    }
    byHolder.set(holder, { until: now + ttlUs, groups })
    return groups
  }

  return {
    add(holder, group, now) {
      heard(holder, now).add(group)
    },
    of: (holder, now) => (byHolder.has(holder) ? [...heard(holder, now)] : []),
    remove(holder, group) {
      const groups = byHolder.get(holder)?.groups
      groups?.delete(group)
      if (groups?.size === 0) byHolder.delete(holder)
    },
  }
}
