import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'
import type { InSpan } from '../telemetry/tracing.ts'
import type { DeliveredEvent, Subscriber } from './outbox.ts'

export interface Relay {
  start(): void
  /** Looks now, or as soon as the look that is under way ends. */
  nudge(): void
  /** Delivers all that waits; for tests and for commands that end. Returns how many events were delivered. */
  drain(): Promise<number>
  /** Ends after the event in hand; the rest waits for the next relay. */
  stop(): Promise<void>
  /** Forgets events that were delivered over a week ago; returns how many. */
  sweep(): Promise<number>
}

export interface RelayDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Logger
  readonly subscribers: Readonly<Record<string, readonly Subscriber[]>>
  readonly inSpan: InSpan
}

const BATCH = 200
const LOOK_EVERY_MS = 1_000
const RETRY_CAP_S = 300
const KEPT_HOURS = 7 * 24
// The event is announced inside its transaction: give the commit a moment.
const NUDGE_MS = 10
// One relay at a time over all processes, so that a tenant's events arrive in order.
const LOCK = 5_020_261_125

interface Row {
  readonly id: string
  readonly tenant_id: string | null
  readonly type: string
  readonly payload: unknown
  readonly created_at: Temporal.Instant
  readonly attempts: number
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const toEvent = ({ id, tenant_id, type, payload, created_at }: Row): DeliveredEvent => ({
  id,
  type,
  tenantId: tenant_id,
  payload: isRecord(payload) ? payload : {},
  createdAt: created_at,
})

/** For people to read; PostgreSQL holds no NUL, and one event's error must not hold up all the others. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message.replaceAll('\0', '').slice(0, 500) : 'unknown'

/** Seconds to wait after the nth failure: 1, 2, 4 … five minutes. */
export const retryAfterSeconds = (attempts: number): number => Math.min(RETRY_CAP_S, 2 ** (attempts - 1))

export const outboxRelay = ({ db, clock, log, subscribers, inSpan }: RelayDeps): Relay => {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<number> | undefined
  let again = false

  const deliver = async (event: DeliveredEvent): Promise<void> => {
    const interested = subscribers[event.type]
    if (!interested) return
    const about = { 'cognitionos.event_id': event.id, 'cognitionos.tenant_id': event.tenantId ?? '' }
    await inSpan(`deliver ${event.type}`, about, async () => {
      for (const subscriber of interested) await subscriber(event)
    })
  }

  const fail = async (tx: ControlTx, row: Row, error: unknown): Promise<void> => {
    log.error(
      { err: error, event: row.id, type: row.type, attempts: row.attempts + 1 },
      'an event could not be delivered; it will be tried again',
    )
    const retryAt = clock.now().add({ seconds: retryAfterSeconds(row.attempts + 1) })
    await tx
      .updateTable('outbox')
      .set({ attempts: row.attempts + 1, retry_at: retryAt, last_error: reasonOf(error) })
      .where('id', '=', row.id)
      .execute()
  }

  const pass = (): Promise<number> =>
    db.control.asOperator('relay the outbox', async (tx) => {
      const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as locked`.execute(tx)
      if (!rows[0]?.locked) return 0
      const now = clock.now()
      const waiting = await tx
        .selectFrom('outbox')
        .selectAll()
        .where('published_at', 'is', null)
        // A tenant with a failed delivery waits as a whole; its events must not fill the batch meanwhile.
        .where(sql<boolean>`not exists (select from outbox held where held.tenant_id is not distinct from outbox.tenant_id
          and held.published_at is null and held.retry_at > ${now.toString()})`)
        .orderBy('created_at')
        .orderBy('id')
        .limit(BATCH)
        .execute()
      const held = new Set<string | null>()
      let delivered = 0
      for (const row of waiting) {
        if (stopped) break
        if (held.has(row.tenant_id)) continue
        try {
          await deliver(toEvent(row))
          await tx.updateTable('outbox').set({ published_at: clock.now() }).where('id', '=', row.id).execute()
          delivered += 1
        } catch (error) {
          held.add(row.tenant_id)
          await fail(tx, row, error)
        }
      }
      return delivered
    })

  const drain = async (): Promise<number> => {
    let total = 0
    for (;;) {
      const count = await pass()
      total += count
      if (count === 0 || stopped) return total
    }
  }

  const look = (): void => {
    clearTimeout(timer)
    if (stopped) return
    if (looking) {
      again = true
      return
    }
    looking = drain()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'the outbox could not be read')
        return 0
      })
      .finally(() => {
        looking = undefined
        if (again) {
          again = false
          look()
        } else if (!stopped) timer = setTimeout(look, LOOK_EVERY_MS)
      })
  }

  return {
    start: look,
    nudge() {
      if (!stopped) setTimeout(look, NUDGE_MS).unref()
    },
    drain,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await looking
    },
    sweep: () =>
      db.control.asOperator('forget delivered events', async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('outbox')
          .where('published_at', '<', clock.now().subtract({ hours: KEPT_HOURS }))
          .executeTakeFirst()
        return Number(numDeletedRows)
      }),
  }
}
