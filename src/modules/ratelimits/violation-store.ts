import type { ControlTx } from '../../platform/db/database.ts'
import type { HourHeavy, HourTotal } from './violation-counts.ts'

const HOUR_MS = 3_600_000
const hourOf = (hour: number): Temporal.Instant => Temporal.Instant.fromEpochMilliseconds(hour * HOUR_MS)
/** Keys that stay of one limit and hour, however many servers tell of theirs. */
const KEPT_KEYS = 100
/** Of one statement. */
const ROWS_AT_ONCE = 1_000

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** In one order everywhere, so that servers wait for each other and never deadlock; cut into what one statement takes. */
const inOrder = <Row extends { readonly limit_id: string; readonly hour: Temporal.Instant }>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): readonly (readonly Row[])[] => {
  const place = (row: Row): string => `${row.limit_id} ${row.hour} ${nameOf(row)}`
  const sorted = rows.toSorted((a, b) => byText(place(a), place(b)))
  return Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, i) =>
    sorted.slice(i * ROWS_AT_ONCE, (i + 1) * ROWS_AT_ONCE),
  )
}

/** Adds to what is there. */
export const addTotals = async (tx: ControlTx, totals: readonly HourTotal[]): Promise<void> => {
  const rows = totals.map(({ limitId, hour, endpoint, refused, wouldRefuse }) => ({
    limit_id: limitId,
    hour: hourOf(hour),
    endpoint,
    refused: BigInt(refused),
    would_refuse: BigInt(wouldRefuse),
  }))
  for (const some of inOrder(rows, ({ endpoint }) => endpoint))
    await tx
      .insertInto('rate_limit_violations')
      .values(some)
      .onConflict((conflict) =>
        conflict.columns(['limit_id', 'hour', 'endpoint']).doUpdateSet(({ eb, ref }) => ({
          refused: eb('rate_limit_violations.refused', '+', ref('excluded.refused')),
          would_refuse: eb('rate_limit_violations.would_refuse', '+', ref('excluded.would_refuse')),
        })),
      )
      .execute()
}

/** Adds to what is there and lets go of the lightest beyond so many: the table stays small, whoever attacks. */
export const addHeavies = async (tx: ControlTx, heavies: readonly HourHeavy[]): Promise<void> => {
  const rows = heavies.map(({ limitId, hour, key, seen, overcount }) => ({
    limit_id: limitId,
    hour: hourOf(hour),
    key,
    seen: BigInt(seen),
    overcount: BigInt(overcount),
  }))
  const ordered = inOrder(rows, ({ key }) => key)
  for (const some of ordered)
    await tx
      .insertInto('rate_limit_violators')
      .values(some)
      .onConflict((conflict) =>
        conflict.columns(['limit_id', 'hour', 'key']).doUpdateSet(({ eb, ref }) => ({
          seen: eb('rate_limit_violators.seen', '+', ref('excluded.seen')),
          overcount: eb('rate_limit_violators.overcount', '+', ref('excluded.overcount')),
        })),
      )
      .execute()
  const groups = new Map(ordered.flat().map((row) => [`${row.limit_id} ${row.hour}`, row]))
  for (const { limit_id, hour } of groups.values())
    await tx
      .deleteFrom('rate_limit_violators')
      .where('limit_id', '=', limit_id)
      .where('hour', '=', hour)
      .where('key', 'in', (eb) =>
        eb
          .selectFrom('rate_limit_violators as light')
          .select('light.key')
          .where('light.limit_id', '=', limit_id)
          .where('light.hour', '=', hour)
          .orderBy('light.seen', 'desc')
          .orderBy('light.key')
          .offset(KEPT_KEYS),
      )
      .execute()
}

/** Of hours that began before then. */
export const deleteViolations = async (tx: ControlTx, before: Temporal.Instant): Promise<void> => {
  await tx.deleteFrom('rate_limit_violations').where('hour', '<', before).execute()
  await tx.deleteFrom('rate_limit_violators').where('hour', '<', before).execute()
}
