import type { Period } from '../../lib/period.ts'
import type { Database } from '../../platform/db/database.ts'
import { unprocessable } from '../../platform/errors.ts'
import { type EventFilter, lastEventAt, listEvents } from './list-events.ts'
import { loadRealtime } from './load-realtime.ts'
import { loadSummary, type SummaryQuery } from './load-summary.ts'
import { loadTotals } from './load-totals.ts'

const MAX_DAYS = 400
const READ = { readOnly: true }

export type UsageReads = ReturnType<typeof usageReads>

/** What is known of a tenant's use; all of it read in its own place. */
export const usageReads = ({ db }: { readonly db: Database }) => ({
  /** Throws 422 `range_invalid` for a reversed or too long range. */
  summary(tenantId: string, query: SummaryQuery) {
    const days = Number(query.end.epochNanoseconds - query.start.epochNanoseconds) / 86_400e9
    if (days < 0 || days > MAX_DAYS)
      throw unprocessable('range_invalid', `from must not be after to, and the range at most ${MAX_DAYS} days`)
    return db.plane.inTenant(tenantId, (tx) => loadSummary(tx, query), READ)
  },
  realtime: (tenantId: string, now: Temporal.Instant) => db.plane.inTenant(tenantId, (tx) => loadRealtime(tx, now), READ),
  events: (tenantId: string, filter: EventFilter) => db.plane.inTenant(tenantId, (tx) => listEvents(tx, filter), READ),
  /** For billing: one answer for each period, in their order. */
  totals: (tenantId: string, periods: readonly Period[]) => db.plane.inTenant(tenantId, (tx) => loadTotals(tx, periods), READ),
  lastEventAt: (tenantId: string) => db.plane.inTenant(tenantId, lastEventAt, READ),
})
