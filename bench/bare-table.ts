import pg from 'pg'
import type { BenchPlace } from './place.ts'

const TYPES = {
  tenant_id: 'text',
  id: 'text',
  type: 'text',
  provider: 'text',
  model: 'text',
  user_id: 'text',
  occurred_at: 'timestamptz',
  recorded_at: 'timestamptz',
  success: 'boolean',
  quantity: 'numeric(38,12)',
  input_tokens: 'bigint',
  cached_input_tokens: 'bigint',
  cache_write_tokens: 'bigint',
  output_tokens: 'bigint',
  reasoning_tokens: 'bigint',
  duration_ms: 'int',
  cost: 'numeric(38,12)',
  attributes: 'jsonb',
} as const

const columns = Object.entries(TYPES).map(([name, type]) => `${name} ${type}`)

/** What one row costs PostgreSQL and nothing else: the same columns, the primary key, the owner, no row security, no index, no roll-up. */
export const BARE_INSERT = `insert into bare_events select * from json_to_recordset($1) as r (${columns}) on conflict do nothing`
export const BARE_SINGLE = `insert into bare_events values (${columns.map((_, i) => `$${i + 1}`)}) on conflict do nothing`

export const barePool = async ({ ownerUrl }: BenchPlace, max: number): Promise<pg.Pool> => {
  const pool = new pg.Pool({ connectionString: ownerUrl, max, idleTimeoutMillis: 0 })
  await pool.query(`drop table if exists bare_events; create table bare_events (${columns}, primary key (tenant_id, id))`)
  return pool
}

/** A row as ours stores it for `event` below. */
export const bareRow = (tenantId: string, event: BenchEvent) => ({
  tenant_id: tenantId,
  ...event,
  recorded_at: event.occurred_at,
  success: true,
  quantity: '1',
  cached_input_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  cost: '0.012345678900',
  attributes: null,
})

/** The same in the order of the columns. */
export const bareValues = (tenantId: string, event: BenchEvent): unknown[] => {
  const row: Readonly<Record<string, unknown>> = bareRow(tenantId, event)
  return Object.keys(TYPES).map((name) => row[name])
}

export type BenchEvent = ReturnType<typeof benchEvent>

const MODELS = [
  ['openai', 'gpt-4'],
  ['openai', 'gpt-4-turbo'],
  ['openai', 'gpt-3.5-turbo'],
  ['anthropic', 'claude-3-opus'],
  ['anthropic', 'claude-3-haiku'],
] as const

/** A completion out of a stream: five models, twenty users, one second apart for every ten. */
export const benchEvent = (run: string, n: number) => {
  const [provider, model] = MODELS[n % MODELS.length] ?? MODELS[0]
  return {
    id: `${run}-${String(n).padStart(8, '0')}`,
    type: 'LLM_COMPLETION',
    provider,
    model,
    user_id: `user-${n % 20}`,
    occurred_at: new Date(Date.UTC(2026, 0, 1) + n * 100).toISOString(),
    input_tokens: 100 + ((n * 7919) % 8000),
    output_tokens: 10 + ((n * 104_729) % 1000),
    duration_ms: 200 + (n % 3000),
  }
}
