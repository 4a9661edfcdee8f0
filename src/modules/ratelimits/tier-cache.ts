import type { Tier } from '../catalog/index.ts'

export type TierOf = (tenantId: string) => Promise<Tier | undefined>

const FRESH_MS = 1_000
const MAX_TENANTS = 10_000

interface Entry {
  readonly tier: Promise<Tier | undefined>
  readonly until: number
}

/**
 * Tenants' tiers, at most a second old, one query for all who ask at once; the tenant asked for longest ago goes first. A tier that is known
 * holds while the database is away.
 */
export const tierCache = (load: TierOf, monotonicMs: () => number = () => performance.now()): TierOf => {
  const entries = new Map<string, Entry>()
  return (tenantId) => {
    const now = monotonicMs()
    const entry = entries.get(tenantId)
    if (entry && entry.until > now) return entry.tier
    const loaded = load(tenantId)
    const tier = entry ? loaded.catch(() => entry.tier) : loaded
    entries.delete(tenantId)
    entries.set(tenantId, { tier, until: now + FRESH_MS })
    tier.catch(() => entries.get(tenantId)?.tier === tier && entries.delete(tenantId)) // an outage is not an answer
    const oldest = entries.size > MAX_TENANTS ? entries.keys().next().value : undefined
    if (oldest !== undefined) entries.delete(oldest)
    return tier
  }
}
