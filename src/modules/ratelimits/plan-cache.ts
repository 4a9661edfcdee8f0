import { type KeptFresh, keptFresh } from '../../platform/kept-fresh.ts'

const MAX_TENANTS = 100_000

export interface PlanCache<T> {
  /** A promise only where nobody asked for this tenant within the last second; where it is known, a look is waited for no longer than `waitMs`. */
  of(tenantId: string, waitMs?: number): T | Promise<T>
}

/**
 * What tenants' plans say of one thing, at most a second old, one query for all who ask at once; the tenant looked at longest ago goes first. What is
 * known holds while the database is away or slow; where nothing is, the request fails as it does without an answer about its key.
 */
export const planCache = <T>(
  load: (tenantId: string) => Promise<T>,
  { monotonicMs, maxTenants = MAX_TENANTS }: { monotonicMs?: () => number; maxTenants?: number } = {},
): PlanCache<T> => {
  const known = new Map<string, KeptFresh<T>>()
  const asked = new Map<string, KeptFresh<T>>()

  const keep = (tenantId: string, plan: KeptFresh<T>): void => {
    known.delete(tenantId)
    known.set(tenantId, plan)
    const oldest = known.size > maxTenants ? known.keys().next().value : undefined
    if (oldest !== undefined) known.delete(oldest)
  }

  const begin = (tenantId: string): KeptFresh<T> => {
    const plan = keptFresh<T>({
      async look() {
        try {
          const value = await load(tenantId)
          keep(tenantId, plan)
          return value
        } finally {
          asked.delete(tenantId)
        }
      },
      ...(monotonicMs && { monotonicMs }),
    })
    asked.set(tenantId, plan)
    return plan
  }

  return { of: (tenantId, waitMs) => (known.get(tenantId) ?? asked.get(tenantId) ?? begin(tenantId)).current(waitMs) }
}
