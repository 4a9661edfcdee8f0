// Made from the migrated database by `npm run db:types`; CI compares.
import type { ColumnType } from 'kysely'
import type { Json } from '../json.ts'

export interface ApiKeysTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string | null, string | null | undefined, string | null>
  name: ColumnType<string, string, string>
  prefix: ColumnType<string, string, string>
  hash: ColumnType<Buffer, Buffer, Buffer>
  scopes: ColumnType<string[], string[], string[]>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  expires_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  last_used_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  revoked_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  rotated_to: ColumnType<string | null, string | null | undefined, string | null>
}

export interface AuditLogTable {
  id: ColumnType<string, string, string>
  at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  tenant_id: ColumnType<string | null, string | null | undefined, string | null>
  actor_kind: ColumnType<string, string, string>
  actor_id: ColumnType<string | null, string | null | undefined, string | null>
  operation: ColumnType<string, string, string>
  target: ColumnType<string | null, string | null | undefined, string | null>
  outcome: ColumnType<string, string, string>
  code: ColumnType<string | null, string | null | undefined, string | null>
  request_id: ColumnType<string | null, string | null | undefined, string | null>
  ip: ColumnType<string | null, string | null | undefined, string | null>
  detail: ColumnType<Json, string | undefined, string>
}

export interface ClustersTable {
  id: ColumnType<string, string, string>
  name: ColumnType<string, string, string>
  region: ColumnType<string | null, string | null | undefined, string | null>
  secret: ColumnType<Buffer, Buffer, Buffer>
  creation_key: ColumnType<string | null, string | null | undefined, string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface IdempotencyKeysTable {
  tenant_id: ColumnType<string, string, string>
  principal: ColumnType<Buffer, Buffer, Buffer>
  operation: ColumnType<string, string, string>
  key: ColumnType<string, string, string>
  request_hash: ColumnType<Buffer, Buffer, Buffer>
  lease_until: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  status: ColumnType<number | null, number | null | undefined, number | null>
  reply: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
  content_type: ColumnType<string | null, string | null | undefined, string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface InvoiceLinesTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  invoice_id: ColumnType<string, string, string>
  position: ColumnType<number, number, number>
  kind: ColumnType<string, string, string>
  meter: ColumnType<string | null, string | null | undefined, string | null>
  description: ColumnType<string, string, string>
  quantity: ColumnType<string, string, string>
  unit_price: ColumnType<string, string, string>
  amount: ColumnType<bigint, bigint, bigint>
  period_start: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  period_end: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface InvoiceNumbersTable {
  series: ColumnType<string, string, string>
  last: ColumnType<bigint, bigint, bigint>
}

export interface InvoicesTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  subscription_id: ColumnType<string | null, string | null | undefined, string | null>
  number: ColumnType<string | null, string | null | undefined, string | null>
  kind: ColumnType<string, string, string>
  source_key: ColumnType<string, string, string>
  status: ColumnType<string, string, string>
  currency: ColumnType<string, string, string>
  period_start: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  period_end: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  subtotal: ColumnType<bigint, bigint, bigint>
  discount: ColumnType<bigint, bigint, bigint>
  tax: ColumnType<bigint, bigint, bigint>
  total: ColumnType<bigint, bigint, bigint>
  credit_applied: ColumnType<bigint, bigint, bigint>
  amount_due: ColumnType<bigint, bigint, bigint>
  amount_paid: ColumnType<bigint, bigint | undefined, bigint>
  usage: ColumnType<Json, string | undefined, string>
  source: ColumnType<Json, string, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  finalized_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  due_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  paid_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  voided_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  void_reason: ColumnType<string | null, string | null | undefined, string | null>
}

export interface LedgerEntriesTable {
  id: ColumnType<bigint, never, never>
  tenant_id: ColumnType<string, string, string>
  journal_id: ColumnType<string, string, string>
  account: ColumnType<string, string, string>
  currency: ColumnType<string, string, string>
  amount: ColumnType<bigint, bigint, bigint>
}

export interface LedgerJournalsTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  kind: ColumnType<string, string, string>
  source_id: ColumnType<string, string, string>
}

export interface ModelPricesTable {
  id: ColumnType<string, string, string>
  provider: ColumnType<string, string, string>
  model: ColumnType<string, string, string>
  effective_from: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  currency: ColumnType<string, string | undefined, string>
  rates: ColumnType<Json, string, string>
  source: ColumnType<string, string, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface OutboxTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string | null, string | null | undefined, string | null>
  type: ColumnType<string, string, string>
  payload: ColumnType<Json, string, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  published_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  attempts: ColumnType<number, number | undefined, number>
  retry_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  last_error: ColumnType<string | null, string | null | undefined, string | null>
}

export interface PaymentsTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  invoice_id: ColumnType<string, string, string>
  status: ColumnType<string, string, string>
  amount: ColumnType<bigint, bigint, bigint>
  currency: ColumnType<string, string, string>
  gateway: ColumnType<string, string, string>
  payment_method: ColumnType<string, string, string>
  gateway_reference: ColumnType<string | null, string | null | undefined, string | null>
  failure_code: ColumnType<string | null, string | null | undefined, string | null>
  action_url: ColumnType<string | null, string | null | undefined, string | null>
  resolve_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  updated_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface PlacementsTable {
  tenant_id: ColumnType<string, string, string>
  isolation: ColumnType<string, string, string>
  state: ColumnType<string, string, string>
  cluster_id: ColumnType<string | null, string | null | undefined, string | null>
  database_name: ColumnType<string | null, string | null | undefined, string | null>
  schema_name: ColumnType<string, string, string>
  plane_version: ColumnType<number, number | undefined, number>
  creation_key: ColumnType<string | null, string | null | undefined, string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface PlanVersionsTable {
  id: ColumnType<string, string, string>
  plan_code: ColumnType<string, string, string>
  version: ColumnType<number, number, number>
  currency: ColumnType<string, string, string>
  monthly_price: ColumnType<bigint, bigint, bigint>
  included_compute_hours: ColumnType<string, string, string>
  included_api_calls: ColumnType<string, string, string>
  included_storage_gb: ColumnType<string, string, string>
  included_users: ColumnType<string, string, string>
  overage_compute_hour: ColumnType<string | null, string | null | undefined, string | null>
  overage_1000_api_calls: ColumnType<string | null, string | null | undefined, string | null>
  overage_storage_gb: ColumnType<string | null, string | null | undefined, string | null>
  overage_user: ColumnType<string | null, string | null | undefined, string | null>
  hard_stop: ColumnType<boolean, boolean, boolean>
  api_calls_per_minute: ColumnType<number, number, number>
  concurrent_agents: ColumnType<number, number, number>
  llm_pass_through: ColumnType<boolean, boolean | undefined, boolean>
  llm_markup_percent: ColumnType<string, string | undefined, string>
  trial_days: ColumnType<number, number | undefined, number>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface PlansTable {
  code: ColumnType<string, string, string>
  name: ColumnType<string, string, string>
  tier: ColumnType<string, string, string>
  tenant_id: ColumnType<string | null, string | null | undefined, string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  archived_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
}

export interface RateLimitAdjustmentsTable {
  id: ColumnType<string, string, string>
  limit_id: ColumnType<string, string, string>
  version: ColumnType<number, number, number>
  old_level: ColumnType<bigint, bigint, bigint>
  new_level: ColumnType<bigint, bigint, bigint>
  cause: ColumnType<string, string, string>
  signals: ColumnType<Json, string, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface RateLimitLevelsTable {
  limit_id: ColumnType<string, string, string>
  policy: ColumnType<Json, string, string>
  level: ColumnType<bigint, bigint, bigint>
  state: ColumnType<Json, string, string>
  tally: ColumnType<Json, string, string>
}

export interface RateLimitVersionsTable {
  limit_id: ColumnType<string, string, string>
  version: ColumnType<number, number, number>
  name: ColumnType<string, string, string>
  scopes: ColumnType<string[], string[], string[]>
  policy: ColumnType<Json, string, string>
  overrides: ColumnType<Json, string | undefined, string>
  endpoints: ColumnType<string[], string[] | undefined, string[]>
  resources: ColumnType<string[], string[] | undefined, string[]>
  schedule: ColumnType<Json, string | undefined, string>
  reserved: ColumnType<Json, string | undefined, string>
  priority: ColumnType<number, number | undefined, number>
  mode: ColumnType<string, string, string>
  on_unavailable: ColumnType<string, string, string>
  leased: ColumnType<boolean, boolean, boolean>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface RateLimitViolationsTable {
  limit_id: ColumnType<string, string, string>
  hour: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  endpoint: ColumnType<string, string, string>
  refused: ColumnType<bigint, bigint | undefined, bigint>
  would_refuse: ColumnType<bigint, bigint | undefined, bigint>
}

export interface RateLimitViolatorsTable {
  limit_id: ColumnType<string, string, string>
  hour: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  key: ColumnType<string, string, string>
  seen: ColumnType<bigint, bigint, bigint>
  overcount: ColumnType<bigint, bigint, bigint>
}

export interface RateLimitsTable {
  id: ColumnType<string, string, string>
  version: ColumnType<number, number, number>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  archived_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
}

export interface SandboxChargesTable {
  idempotency_key: ColumnType<string, string, string>
  reference: ColumnType<string, string, string>
  amount: ColumnType<bigint | null, bigint | null | undefined, bigint | null>
  currency: ColumnType<string | null, string | null | undefined, string | null>
  outcome: ColumnType<string, string, string>
  failure_code: ColumnType<string | null, string | null | undefined, string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface SchemaMigrationsTable {
  version: ColumnType<number, number, number>
  name: ColumnType<string, string, string>
  checksum: ColumnType<string, string, string>
  applied_at: ColumnType<Temporal.Instant, Temporal.Instant | string | undefined, Temporal.Instant | string>
}

export interface SubscriptionPhasesTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  subscription_id: ColumnType<string, string, string>
  plan_version_id: ColumnType<string, string, string>
  cycle: ColumnType<string, string, string>
  monthly_price: ColumnType<bigint, bigint, bigint>
  starts_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  ends_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  reason: ColumnType<string, string, string>
}

export interface SubscriptionsTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  status: ColumnType<string, string, string>
  plan_version_id: ColumnType<string, string, string>
  cycle: ColumnType<string, string, string>
  currency: ColumnType<string, string, string>
  monthly_price: ColumnType<bigint, bigint, bigint>
  price_overridden: ColumnType<boolean, boolean, boolean>
  anchor_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  anchor_index: ColumnType<number, number, number>
  time_zone: ColumnType<string, string, string>
  period_index: ColumnType<number, number, number>
  period_start: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  period_end: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  charged: ColumnType<bigint, bigint, bigint>
  used_weight: ColumnType<string, string, string>
  priced_from: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  trial_ends_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  scheduled_plan_version_id: ColumnType<string | null, string | null | undefined, string | null>
  scheduled_cycle: ColumnType<string | null, string | null | undefined, string | null>
  scheduled_monthly_price: ColumnType<bigint | null, bigint | null | undefined, bigint | null>
  scheduled_price_overridden: ColumnType<boolean | null, boolean | null | undefined, boolean | null>
  cancel_at_period_end: ColumnType<boolean, boolean | undefined, boolean>
  cancel_reason: ColumnType<string | null, string | null | undefined, string | null>
  canceled_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  ended_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  updated_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface TaxRatesTable {
  tenant_id: ColumnType<string, string, string>
  percent: ColumnType<string, string, string>
  name: ColumnType<string, string, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  updated_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface TenantUsersTable {
  id: ColumnType<string, string, string>
  tenant_id: ColumnType<string, string, string>
  email: ColumnType<string, string, string>
  name: ColumnType<string, string, string>
  role: ColumnType<string, string, string>
  permissions: ColumnType<string[], string[] | undefined, string[]>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  updated_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  removed_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
}

export interface TenantsTable {
  id: ColumnType<string, string, string>
  slug: ColumnType<string, string, string>
  name: ColumnType<string, string, string>
  type: ColumnType<string, string, string>
  status: ColumnType<string, string, string>
  status_before_suspension: ColumnType<string | null, string | null | undefined, string | null>
  status_reason: ColumnType<string | null, string | null | undefined, string | null>
  isolation: ColumnType<string, string, string>
  currency: ColumnType<string, string, string>
  time_zone: ColumnType<string, string, string>
  parent_id: ColumnType<string | null, string | null | undefined, string | null>
  trial_ends_at: ColumnType<Temporal.Instant | null, Temporal.Instant | string | null | undefined, Temporal.Instant | string | null>
  quota_storage_gb: ColumnType<number, number, number>
  quota_api_calls_per_hour: ColumnType<number, number, number>
  quota_users: ColumnType<number, number, number>
  quota_compute_hours: ColumnType<number, number, number>
  metadata: ColumnType<Json, string | undefined, string>
  created_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
  updated_at: ColumnType<Temporal.Instant, Temporal.Instant | string, Temporal.Instant | string>
}

export interface ControlDB {
  api_keys: ApiKeysTable
  audit_log: AuditLogTable
  clusters: ClustersTable
  idempotency_keys: IdempotencyKeysTable
  invoice_lines: InvoiceLinesTable
  invoice_numbers: InvoiceNumbersTable
  invoices: InvoicesTable
  ledger_entries: LedgerEntriesTable
  ledger_journals: LedgerJournalsTable
  model_prices: ModelPricesTable
  outbox: OutboxTable
  payments: PaymentsTable
  placements: PlacementsTable
  plan_versions: PlanVersionsTable
  plans: PlansTable
  rate_limit_adjustments: RateLimitAdjustmentsTable
  rate_limit_levels: RateLimitLevelsTable
  rate_limit_versions: RateLimitVersionsTable
  rate_limit_violations: RateLimitViolationsTable
  rate_limit_violators: RateLimitViolatorsTable
  rate_limits: RateLimitsTable
  sandbox_charges: SandboxChargesTable
  schema_migrations: SchemaMigrationsTable
  subscription_phases: SubscriptionPhasesTable
  subscriptions: SubscriptionsTable
  tax_rates: TaxRatesTable
  tenant_users: TenantUsersTable
  tenants: TenantsTable
}
