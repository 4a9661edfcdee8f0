import type { Decimal12 } from '../../lib/decimal.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import type { Meter } from '../catalog/index.ts'
import { loadEntitlement } from './load-entitlement.ts'
import { isBefore } from './subscription.ts'

/** What a tenant on a plan with a hard stop may use in the period that runs, and not more. */
export interface HardLimits {
  readonly periodStart: Temporal.Instant
  /** When the present offer began, at the earliest with the period. */
  readonly since: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  readonly included: Readonly<Record<Meter, Decimal12>>
}

export type LimitsOf = (tenantId: string) => Promise<HardLimits | undefined>

const load = async (tx: ControlTx, tenantId: string, now: Temporal.Instant): Promise<HardLimits | undefined> => {
  const entitlement = await loadEntitlement(tx, tenantId, now)
  if (!entitlement?.version.hardStop) return undefined
  const { period } = entitlement.subscription
  // Gigabytes are a level, the same in each month of a longer period.
  const included = { ...entitlement.included, storage_gb: entitlement.version.included.storage_gb }
  const began = entitlement.phases.at(-1)?.startsAt
  const since = began && isBefore(period.start, began) ? began : period.start
  return { periodStart: period.start, since, periodEnd: period.end, included }
}

const FRESH_MS = 1_000
const MAX_TENANTS = 10_000

interface Entry {
  readonly limits: Promise<HardLimits | undefined>
  readonly until: number
}

/**
 * The hard limits of a tenant, asked for with every event: at most a second old, never of a period that is over, one query for all who ask
 * at once, and bounded: the tenant loaded longest ago goes first. undefined: nothing is refused.
 */
export const limitsOf = (
  db: Pick<Database, 'lookup'>,
  clock: Clock,
  { monotonicMs = () => performance.now(), capacity = MAX_TENANTS }: { monotonicMs?: () => number; capacity?: number } = {},
): LimitsOf => {
  const entries = new Map<string, Entry>()

  const fetch = (tenantId: string): Promise<HardLimits | undefined> => {
    const limits = db.lookup((tx) => load(tx, tenantId, clock.now()))
    entries.delete(tenantId)
    entries.set(tenantId, { limits, until: monotonicMs() + FRESH_MS })
    limits.catch(() => entries.get(tenantId)?.limits === limits && entries.delete(tenantId)) // a failure is not remembered
    const oldest = entries.size > capacity ? entries.keys().next().value : undefined
    if (oldest !== undefined) entries.delete(oldest)
    return limits
  }

  return async (tenantId) => {
    const entry = entries.get(tenantId)
    if (!entry || monotonicMs() >= entry.until) return fetch(tenantId)
    const limits = await entry.limits
    return limits && !isBefore(clock.now(), limits.periodEnd) ? fetch(tenantId) : limits
  }
}
