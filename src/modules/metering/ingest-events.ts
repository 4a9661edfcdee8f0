import { CompiledQuery } from 'kysely'
import type { Clock } from '../../platform/clock.ts'
import type { Database, TenantStatement } from '../../platform/db/database.ts'
import { acceptWithin, useOfAll } from './allowance.ts'
import type { HardLimits, Outcome, UsageEvent } from './event.ts'
import { distinct, type Inserted, insertStatement } from './insert-events.ts'
import { addUse, knownIds, lockUse } from './store.ts'

export interface Submission {
  readonly tenantId: string
  readonly events: readonly UsageEvent[]
}

export interface IngestDeps {
  readonly db: Database
  readonly clock: Clock
  readonly limitsOf: (tenantId: string) => Promise<HardLimits | undefined>
}

const outcomes = (events: readonly UsageEvent[], stored: readonly UsageEvent[], { ids }: Inserted): Outcome[] => {
  if (ids === null && stored.length === events.length) return events.map(() => 'accepted')
  const fresh = new Set(ids ?? stored.map(({ id }) => id))
  // The first of several with one id is the one that was stored; deleting it makes the rest duplicates.
  return events.map(({ id }) => (fresh.delete(id) ? 'accepted' : 'duplicate'))
}

/** Which singles may wait for one commit: those of one place; a tenant with limits waits for nobody but itself. */
export const laneOf =
  ({ db, limitsOf }: IngestDeps) =>
  async (tenantId: string): Promise<string> =>
    (await limitsOf(tenantId)) ? tenantId : db.plane.placeName(tenantId)

/**
 * Makes events durable: when this answers, they are committed with their roll-ups, each once. Submissions that share a place share a
 * commit; a tenant with hard limits has one of its own, under a lock on what it has used.
 */
export const ingestEvents = ({ db, clock, limitsOf }: IngestDeps) => {
  const limited = (tenantId: string, events: readonly UsageEvent[], limits: HardLimits): Promise<Outcome[]> =>
    db.plane.inTenant(tenantId, async (tx) => {
      const rows = distinct(events)
      const used = await lockUse(tx, tenantId, limits)
      const known = await knownIds(
        tx,
        rows.map(({ id }) => id),
      )
      const { fitting, use } = acceptWithin(
        rows.filter(({ id }) => !known.has(id)),
        limits.included,
        used,
      )
      const within = new Set(fitting)
      if (fitting.length > 0) {
        const { text, values } = insertStatement(tenantId, fitting, clock.now())
        const { rows: answer } = await tx.executeQuery<Inserted>(CompiledQuery.raw(text, values))
        const fresh = new Set(answer[0]?.ids ?? fitting.map(({ id }) => id))
        // Another writer holds no lock on this period if it saw other limits: what it stored meanwhile is not counted here again.
        const added = fresh.size === fitting.length ? use : useOfAll(fitting.filter(({ id }) => fresh.has(id)))
        for (const { id } of fitting) if (!fresh.has(id)) known.add(id)
        await addUse(tx, tenantId, limits, added)
      }
      const counted = new Set(known)
      return events.map((event) => {
        if (counted.has(event.id)) return 'duplicate'
        if (!within.has(event)) return 'quota_exceeded'
        counted.add(event.id)
        return 'accepted'
      })
    })

  const unlimited = async (submissions: readonly Submission[]): Promise<Outcome[][]> => {
    const now = clock.now()
    const rows = submissions.map(({ events }) => distinct(events))
    const statements = submissions.map(({ tenantId }, i): TenantStatement => insertStatement(tenantId, rows[i] ?? [], now))
    const answers = await db.plane.oneEach<Inserted>(statements)
    return submissions.map(({ events }, i) => outcomes(events, rows[i] ?? [], answers[i]?.[0] ?? { ids: [] }))
  }

  return async (submissions: readonly Submission[]): Promise<Outcome[][]> => {
    const limits = await Promise.all(submissions.map(({ tenantId }) => limitsOf(tenantId)))
    const free = submissions.filter((_, i) => limits[i] === undefined)
    const [rest, ...results] = await Promise.all([
      free.length > 0 ? unlimited(free) : [],
      ...submissions.map(async ({ tenantId, events }, i) => {
        const limit = limits[i]
        return limit === undefined ? undefined : limited(tenantId, events, limit)
      }),
    ])
    return results.map((result) => result ?? rest.shift() ?? [])
  }
}
