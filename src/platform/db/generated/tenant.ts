// Made from the migrated database by `npm run db:types`; CI compares.
import type { ColumnType } from 'kysely'
import type { Json } from '../json.ts'

export interface SchemaMigrationsTable {
  version: ColumnType<number, number, number>
  name: ColumnType<string, string, string>
  checksum: ColumnType<string, string, string>
  applied_at: ColumnType<Temporal.Instant, Temporal.Instant | string | undefined, Temporal.Instant | string>
}

export interface UsageAllowancesTable {
  tenant_id: ColumnType<string, string, string>
  meter: ColumnType<string, string, string>
  since: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  used: ColumnType<string, string, string>
}

export interface UsageEventsTable {
  tenant_id: ColumnType<string, string, string>
  id: ColumnType<string, string, string>
  type: ColumnType<string, string, string>
  provider: ColumnType<string | null, string | null | undefined, string | null>
  model: ColumnType<string | null, string | null | undefined, string | null>
  user_id: ColumnType<string | null, string | null | undefined, string | null>
  occurred_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  recorded_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  success: ColumnType<boolean, boolean, boolean>
  quantity: ColumnType<string, string, string>
  input_tokens: ColumnType<bigint, bigint, bigint>
  cached_input_tokens: ColumnType<bigint, bigint, bigint>
  cache_write_tokens: ColumnType<bigint, bigint, bigint>
  output_tokens: ColumnType<bigint, bigint, bigint>
  reasoning_tokens: ColumnType<bigint, bigint, bigint>
  duration_ms: ColumnType<number | null, number | null | undefined, number | null>
  cost: ColumnType<string | null, string | null | undefined, string | null>
  attributes: ColumnType<Json | null, string | null | undefined, string | null>
}

export interface UsageHoursTable {
  tenant_id: ColumnType<string, string, string>
  hour: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  type: ColumnType<string, string, string>
  provider: ColumnType<string, string, string>
  model: ColumnType<string, string, string>
  user_id: ColumnType<string, string, string>
  events: ColumnType<bigint, bigint, bigint>
  failures: ColumnType<bigint, bigint, bigint>
  timed: ColumnType<bigint, bigint, bigint>
  quantity: ColumnType<string, string, string>
  quantity_seconds: ColumnType<string, string, string>
  input_tokens: ColumnType<bigint, bigint, bigint>
  cached_input_tokens: ColumnType<bigint, bigint, bigint>
  cache_write_tokens: ColumnType<bigint, bigint, bigint>
  output_tokens: ColumnType<bigint, bigint, bigint>
  reasoning_tokens: ColumnType<bigint, bigint, bigint>
  duration_ms: ColumnType<bigint, bigint, bigint>
  cost: ColumnType<string, string, string>
  unpriced: ColumnType<bigint, bigint, bigint>
}

export interface TenantDB {
  schema_migrations: SchemaMigrationsTable
  usage_allowances: UsageAllowancesTable
  usage_events: UsageEventsTable
  usage_hours: UsageHoursTable
}
