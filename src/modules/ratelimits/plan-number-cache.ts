/** What a tenant's plan allows of one thing. */
export type NumberOf = (tenantId: string) => Promise<number>

/** Looked at anew behind the request's back from here on. */
const FRESH_MS = 500
/** Not believed beyond this: a changed plan holds within a second. */
const HOLDS_MS = 1_000
const MAX_TENANTS = 100_000

interface Entry {
  readonly value: number
  /** When the look that found it began. */
  readonly asOf: number
}

export interface PlanNumbers {
  /** A number where the plan was looked at within the last second: no request waits for the database while others come. */
  of(tenantId: string): number | Promise<number>
}

/**
 * What tenants' plans allow, at most a second old, one query for all who ask at once; the tenant looked at longest ago goes first. A number
 * that is known holds while the database is away; where none is known, the request fails as it does without an answer about its key.
 */
export const planNumbers = (
  load: NumberOf,
  { monotonicMs = () => performance.now(), maxTenants = MAX_TENANTS }: { monotonicMs?: () => number; maxTenants?: number } = {},
): PlanNumbers => {
  const entries = new Map<string, Entry>()
  const looking = new Map<string, Promise<number>>()

  const keep = (tenantId: string, entry: Entry): number => {
    entries.delete(tenantId)
    entries.set(tenantId, entry)
    const oldest = entries.size > maxTenants ? entries.keys().next().value : undefined
    if (oldest !== undefined) entries.delete(oldest)
    return entry.value
  }

  const look = async (tenantId: string): Promise<number> => {
    const asOf = monotonicMs()
    const known = entries.get(tenantId)
    try {
      return keep(tenantId, { value: await load(tenantId), asOf })
    } catch (error) {
      if (!known) throw error
      return keep(tenantId, { value: known.value, asOf: monotonicMs() }) // one try in a while, not one a request
    }
  }

  const looked = (tenantId: string): Promise<number> => {
    const started = looking.get(tenantId)
    if (started) return started
    const began = look(tenantId).finally(() => looking.delete(tenantId))
    looking.set(tenantId, began)
    return began
  }

  return {
    of(tenantId) {
      const entry = entries.get(tenantId)
      const age = entry ? monotonicMs() - entry.asOf : Number.POSITIVE_INFINITY
      if (!entry || age >= HOLDS_MS) return looked(tenantId)
      if (age >= FRESH_MS) void looked(tenantId) // it has a number to fall back on, and does not fail
      return entry.value
    },
  }
}
