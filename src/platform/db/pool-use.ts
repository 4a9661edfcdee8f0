import type { Pool } from 'pg'

/** What a pool is for: the operator's book, look-ups beside it, the database that tenants share, and those that tenants have alone. */
const POOL_KINDS = ['control', 'lookups', 'shared', 'database', 'cluster'] as const
export type PoolKind = (typeof POOL_KINDS)[number]

/** How full the pools of a kind are, in connections; `waiting` are transactions that no connection is free for. */
export interface PoolUse {
  readonly kind: PoolKind
  readonly used: number
  readonly idle: number
  readonly max: number
  readonly waiting: number
}

/** One sum for each kind, also where no pool is open: thousands of tenants' databases are two of them. */
export const poolUse = (pools: Iterable<readonly [PoolKind, Pool]>): readonly PoolUse[] => {
  const open = [...pools]
  return POOL_KINDS.map((kind) => {
    const sum = { kind, used: 0, idle: 0, max: 0, waiting: 0 }
    for (const [of, { totalCount, idleCount, waitingCount, options }] of open) {
      if (of !== kind) continue
      sum.used += totalCount - idleCount
      sum.idle += idleCount
      sum.max += options.max
      sum.waiting += waitingCount
    }
    return sum
  })
}
