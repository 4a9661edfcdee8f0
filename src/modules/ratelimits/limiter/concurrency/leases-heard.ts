import type { LeaseOf } from './memory.ts'

/** What this process's holders hold in which group of keys, by the server's answers. Instants are whole microseconds. */
export interface LeasesHeard {
  add(lease: LeaseOf, group: string, now: number): void
  /** The server said that it is held, and its holder was heard of since. */
  has(id: string, now: number): boolean
  remove(id: string): void
  /** The holder lives: which groups are to be told. */
  groupsOf(holder: string, now: number): readonly string[]
  /** It holds nothing there any more. */
  leave(holder: string, group: string): void
}

interface Holder {
  readonly until: number
  readonly groups: Map<string, Set<string>>
}

/** A holder that is not heard of for `ttlUs` is gone everywhere, and forgotten here. */
export const leasesHeard = (ttlUs: number): LeasesHeard => {
  /** In the order in which they were heard of last. */
  const byHolder = new Map<string, Holder>()
  const holderOf = new Map<string, string>()

  const forget = (ids: Iterable<string>): void => {
    for (const id of ids) holderOf.delete(id)
  }

  const heard = (name: string, now: number): Holder => {
    const holder = { until: now + ttlUs, groups: byHolder.get(name)?.groups ?? new Map<string, Set<string>>() }
    byHolder.delete(name)
    for (const [other, { until, groups }] of byHolder) {
      if (until > now) break
      byHolder.delete(other)
      for (const ids of groups.values()) forget(ids)
    }
    byHolder.set(name, holder)
    return holder
  }

  return {
    add({ id, holder }, group, now) {
      const { groups } = heard(holder, now)
      const ids = groups.get(group) ?? new Set<string>()
      groups.set(group, ids.add(id))
      holderOf.set(id, holder)
    },
    has(id, now) {
      const name = holderOf.get(id)
      return name !== undefined && (byHolder.get(name)?.until ?? 0) > now
    },
    remove(id) {
      const name = holderOf.get(id)
      if (name === undefined) return
      for (const ids of byHolder.get(name)?.groups.values() ?? []) ids.delete(id)
      holderOf.delete(id)
    },
    groupsOf: (holder, now) => (byHolder.has(holder) ? [...heard(holder, now).groups.keys()] : []),
    leave(name, group) {
      const groups = byHolder.get(name)?.groups
      forget(groups?.get(group) ?? [])
      groups?.delete(group)
      if (groups?.size === 0) byHolder.delete(name)
    },
  }
}
