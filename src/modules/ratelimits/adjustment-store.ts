import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { Standing } from './adaptation.ts'
import type { Askers } from './askers.ts'
import type { RateLimit } from './limit.ts'
import type { AdaptiveState, Change } from './limiter/adaptive/decide.ts'
import type { Signals } from './limiter/adaptive/observation.ts'
import { statedTerms } from './stated.ts'

const Stored = Type.Object({
  state: Type.Object({
    current: Type.Number(),
    seenAtMs: Type.Number(),
    changedAtMs: Type.Number(),
    heldUntilMs: Type.Number(),
    baselineMs: Type.Number(),
    stressed: Type.Boolean(),
    refused: Type.Boolean(),
    search: Type.Object({
      good: Type.Number(),
      bad: Type.Union([Type.Number(), Type.Null()]),
      badAtMs: Type.Number(),
      probe: Type.Number(),
    }),
  }),
  tally: Type.Object({
    asked: Type.Number(),
    blocked: Type.Number(),
    ended: Type.Number(),
    dropped: Type.Number(),
    latencyMs: Type.Number(),
    timed: Type.Number(),
    askers: Type.Record(Type.String(), Type.Record(Type.String(), Type.Tuple([Type.Number(), Type.Number()]))),
    provider: Type.Optional(
      Type.Object({
        limit: Type.Optional(Type.Number()),
        remaining: Type.Optional(Type.Number()),
        retryAfterMs: Type.Optional(Type.Number()),
      }),
    ),
  }),
})

type StoredAskers = Static<typeof Stored>['tally']['askers']

/** JSON has no infinity: no level that is known to be too high is null. */
const stateFrom = ({ search, ...state }: Static<typeof Stored>['state']): AdaptiveState => ({
  ...state,
  search: { ...search, bad: search.bad ?? Number.POSITIVE_INFINITY },
})

const statedState = ({ search, ...state }: AdaptiveState): Static<typeof Stored>['state'] => ({
  ...state,
  search: { ...search, bad: Number.isFinite(search.bad) ? search.bad : null },
})

const askersFrom = (stored: StoredAskers): Askers =>
  new Map(
    Object.entries(stored).map(([party, keys]) => [
      party,
      new Map(Object.entries(keys).map(([key, [asked, refused]]) => [key, { asked, refused }])),
    ]),
  )

const statedAskers = (askers: Askers): StoredAskers =>
  Object.fromEntries(
    [...askers].map(([party, keys]) => [
      party,
      Object.fromEntries([...keys].map(([key, { asked, refused }]) => [key, [asked, refused]])),
    ]),
  )

/** Where a limit stands under the policy that it has now; undefined: it has not begun. Whoever asks holds the limit's row. */
export const findStanding = async (tx: ControlTx, { id, current }: RateLimit): Promise<Standing | undefined> => {
  const row = await tx
    .selectFrom('rate_limit_levels as l')
    .innerJoin('rate_limit_versions as v', (join) =>
      join.onRef('v.limit_id', '=', 'l.limit_id').onRef('v.policy', '=', 'l.policy'),
    )
    .select(['l.state', 'l.tally'])
    .where('l.limit_id', '=', id)
    .where('v.version', '=', current.version)
    .executeTakeFirst()
  if (!row) return undefined
  const stored: unknown = row
  if (!Value.Check(Stored, stored)) throw new Error(`the level of ${id} is of no form that this server knows`)
  return { state: stateFrom(stored.state), tally: { ...stored.tally, askers: askersFrom(stored.tally.askers) } }
}

export const saveStanding = async (tx: ControlTx, { id, current }: RateLimit, { state, tally }: Standing): Promise<void> => {
  const row = {
    policy: JSON.stringify(statedTerms(current).policy),
    level: BigInt(state.current),
    state: JSON.stringify(statedState(state)),
    tally: JSON.stringify({ ...tally, askers: statedAskers(tally.askers) }),
  }
  await tx
    .insertInto('rate_limit_levels')
    .values({ limit_id: id, ...row })
    .onConflict((conflict) => conflict.column('limit_id').doUpdateSet(row))
    .execute()
}

/** One change of a limit's level. */
export interface Adjustment {
  readonly id: string
  readonly version: number
  readonly from: number
  readonly to: number
  readonly cause: string
  readonly signals: Signals
  readonly createdAt: Temporal.Instant
}

export const insertAdjustment = async (
  tx: ControlTx,
  { id, current }: RateLimit,
  adjustmentId: string,
  { from, to, cause, signals }: Change,
  at: Temporal.Instant,
): Promise<void> => {
  await tx
    .insertInto('rate_limit_adjustments')
    .values({
      id: adjustmentId,
      limit_id: id,
      version: current.version,
      old_level: BigInt(from),
      new_level: BigInt(to),
      cause,
      signals: JSON.stringify(signals),
      created_at: at,
    })
    .execute()
}

const StoredSignals = Type.Object({
  blockRate: Type.Number(),
  errorRate: Type.Number(),
  gradient: Type.Optional(Type.Number()),
  providerShare: Type.Number(),
})

const signalsFrom = (stored: unknown): Signals => {
  if (!Value.Check(StoredSignals, stored)) throw new Error('the signals of an adjustment are of no form that this server knows')
  return { ...stored, gradient: stored.gradient }
}

/** Newest first. */
export const listAdjustments = async (
  tx: ControlTx,
  limitId: string,
  { limit, after }: { readonly limit: number; readonly after: Keyset | undefined },
): Promise<readonly Adjustment[]> => {
  let query = tx.selectFrom('rate_limit_adjustments').selectAll().where('limit_id', '=', limitId)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)))
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return rows.map((row) => ({
    id: row.id,
    version: row.version,
    from: Number(row.old_level),
    to: Number(row.new_level),
    cause: row.cause,
    signals: signalsFrom(row.signals),
    createdAt: row.created_at,
  }))
}
