import type { TenantTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'

export interface EventFilter {
  readonly type?: string | undefined
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly userId?: string | undefined
  readonly from?: Temporal.Instant | undefined
  readonly to?: Temporal.Instant | undefined
  readonly unpriced?: boolean | undefined
  readonly limit: number
  readonly after: Keyset | undefined
}

const COLUMNS = [
  'id',
  'type',
  'provider',
  'model',
  'user_id',
  'occurred_at',
  'recorded_at',
  'success',
  'quantity',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'duration_ms',
  'cost',
  'attributes',
] as const

export type ListedEvent = Awaited<ReturnType<typeof listEvents>>[number]

/** The latest first. */
export const listEvents = (tx: TenantTx, filter: EventFilter) => {
  const { type, provider, model, userId, from, to, unpriced, limit, after } = filter
  let query = tx.selectFrom('usage_events').select(COLUMNS)
  if (type !== undefined) query = query.where('type', '=', type)
  if (provider !== undefined) query = query.where('provider', '=', provider)
  if (model !== undefined) query = query.where('model', '=', model)
  if (userId !== undefined) query = query.where('user_id', '=', userId)
  if (from) query = query.where('occurred_at', '>=', from)
  if (to) query = query.where('occurred_at', '<', to)
  if (unpriced === true) query = query.where('cost', 'is', null)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('occurred_at', 'id'), '<', tuple(after.at, after.id)))
  return query.orderBy('occurred_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}

/** When the newest event occurred. */
export const lastEventAt = async (tx: TenantTx): Promise<Temporal.Instant | undefined> => {
  const row = await tx.selectFrom('usage_events').select('occurred_at').orderBy('occurred_at', 'desc').limit(1).executeTakeFirst()
  return row?.occurred_at
}
