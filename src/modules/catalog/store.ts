import type { Selectable } from 'kysely'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { PlansTable, PlanVersionsTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { type Plan, type PlanTerms, type PlanVersion, TIERS, type Tier } from './plan.ts'

type Row = Selectable<PlanVersionsTable> & Pick<Selectable<PlansTable>, 'name' | 'tier' | 'tenant_id' | 'archived_at'>

const tierOf = (text: string): Tier => {
  const tier = TIERS.find((known) => known === text)
  if (!tier) throw new Error(`the database holds an unknown tier: ${text}`)
  return tier
}

const priceOf = (text: string | null): bigint | null => (text === null ? null : parseDecimal(text))

const fromRow = (row: Row): PlanVersion => ({
  id: row.id,
  planCode: row.plan_code,
  planName: row.name,
  tier: tierOf(row.tier),
  tenantId: row.tenant_id,
  archivedAt: row.archived_at,
  version: row.version,
  createdAt: row.created_at,
  currency: row.currency,
  monthlyPrice: row.monthly_price,
  included: {
    compute_hours: parseDecimal(row.included_compute_hours),
    api_calls: parseDecimal(row.included_api_calls),
    storage_gb: parseDecimal(row.included_storage_gb),
    users: parseDecimal(row.included_users),
  },
  overage: {
    compute_hours: priceOf(row.overage_compute_hour),
    api_calls: priceOf(row.overage_1000_api_calls),
    storage_gb: priceOf(row.overage_storage_gb),
    users: priceOf(row.overage_user),
  },
  hardStop: row.hard_stop,
  apiCallsPerMinute: row.api_calls_per_minute,
  concurrentAgents: row.concurrent_agents,
  llmPassThrough: row.llm_pass_through,
  llmMarkupPercent: formatDecimal(parseDecimal(row.llm_markup_percent)),
  trialDays: row.trial_days,
})

const versions = (tx: ControlTx) =>
  tx
    .selectFrom('plan_versions')
    .innerJoin('plans', 'plans.code', 'plan_versions.plan_code')
    .selectAll('plan_versions')
    .select(['plans.name', 'plans.tier', 'plans.tenant_id', 'plans.archived_at'])

export const findPlanVersion = async (tx: ControlTx, id: string): Promise<PlanVersion | undefined> => {
  const row = await versions(tx).where('plan_versions.id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

export const findPlanVersions = async (tx: ControlTx, ids: readonly string[]): Promise<ReadonlyMap<string, PlanVersion>> => {
  const rows = ids.length === 0 ? [] : await versions(tx).where('plan_versions.id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, fromRow(row)]))
}

/** The version of a plan that is sold now; also of an archived plan: the caller looks at `archivedAt`. */
export const findCurrentVersion = async (tx: ControlTx, code: string): Promise<PlanVersion | undefined> => {
  const row = await versions(tx).where('plan_code', '=', code).orderBy('version', 'desc').limit(1).executeTakeFirst()
  return row && fromRow(row)
}

export const listVersions = async (tx: ControlTx, code: string): Promise<PlanVersion[]> =>
  (await versions(tx).where('plan_code', '=', code).orderBy('version', 'desc').execute()).map(fromRow)

const EPOCH = Temporal.Instant.fromEpochMilliseconds(0)

export interface PlanFilter {
  readonly archived: boolean
  readonly after?: Keyset | undefined
  readonly limit: number
}

/** Plans, oldest first: the tiers come in their order, custom plans after them. */
export const listPlans = async (tx: ControlTx, { archived, after, limit }: PlanFilter): Promise<Plan[]> => {
  const rows = await versions(tx)
    .select('plans.created_at as plan_created_at')
    .where(({ eb, selectFrom }) =>
      eb(
        'plan_versions.version',
        '=',
        selectFrom('plan_versions as newer')
          .select(({ fn }) => fn.max('newer.version').as('version'))
          .whereRef('newer.plan_code', '=', 'plans.code'),
      ),
    )
    .where('plans.archived_at', archived ? 'is not' : 'is', null)
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('plans.created_at', 'plans.code'), '>', tuple(after?.at ?? EPOCH, after?.id ?? '')),
      ),
    )
    .orderBy('plans.created_at')
    .orderBy('plans.code')
    .limit(limit)
    .execute()
  return rows.map((row) => planOf(fromRow(row), row.plan_created_at))
}

const planOf = (current: PlanVersion, createdAt: Temporal.Instant): Plan => ({
  code: current.planCode,
  name: current.planName,
  tier: current.tier,
  tenantId: current.tenantId,
  archivedAt: current.archivedAt,
  createdAt,
  current,
})

export const findPlan = async (tx: ControlTx, code: string): Promise<Plan | undefined> => {
  const plan = await tx.selectFrom('plans').select('created_at').where('code', '=', code).executeTakeFirst()
  const current = plan && (await findCurrentVersion(tx, code))
  return plan && current && planOf(current, plan.created_at)
}

/** Holds a plan's row to the end of the transaction, so that two new versions get two numbers. False: no such plan. */
export const lockPlan = async (tx: ControlTx, code: string): Promise<boolean> =>
  (await tx.selectFrom('plans').select('code').where('code', '=', code).forUpdate().executeTakeFirst()) !== undefined

export interface NewPlan {
  readonly code: string
  readonly name: string
  readonly tier: Tier
  readonly tenantId: string | null
  readonly createdAt: Temporal.Instant
}

/** False: the code is taken. */
export const insertPlan = async (tx: ControlTx, { code, name, tier, tenantId, createdAt }: NewPlan): Promise<boolean> => {
  const inserted = await tx
    .insertInto('plans')
    .values({ code, name, tier, tenant_id: tenantId, created_at: createdAt })
    .onConflict((conflict) => conflict.column('code').doNothing())
    .returning('code')
    .executeTakeFirst()
  return inserted !== undefined
}

export interface NewVersion {
  readonly id: string
  readonly planCode: string
  readonly version: number
  readonly terms: PlanTerms
  readonly createdAt: Temporal.Instant
}

export const insertVersion = async (tx: ControlTx, { id, planCode, version, terms, createdAt }: NewVersion): Promise<void> => {
  const { included, overage } = terms
  await tx
    .insertInto('plan_versions')
    .values({
      id,
      plan_code: planCode,
      version,
      currency: terms.currency,
      monthly_price: terms.monthlyPrice,
      included_compute_hours: formatDecimal(included.compute_hours),
      included_api_calls: formatDecimal(included.api_calls),
      included_storage_gb: formatDecimal(included.storage_gb),
      included_users: formatDecimal(included.users),
      overage_compute_hour: textOf(overage.compute_hours),
      overage_1000_api_calls: textOf(overage.api_calls),
      overage_storage_gb: textOf(overage.storage_gb),
      overage_user: textOf(overage.users),
      hard_stop: terms.hardStop,
      api_calls_per_minute: terms.apiCallsPerMinute,
      concurrent_agents: terms.concurrentAgents,
      llm_pass_through: terms.llmPassThrough,
      llm_markup_percent: terms.llmMarkupPercent,
      trial_days: terms.trialDays,
      created_at: createdAt,
    })
    .execute()
}

const textOf = (price: bigint | null): string | null => (price === null ? null : formatDecimal(price))

export const markArchived = async (tx: ControlTx, code: string, at: Temporal.Instant): Promise<void> => {
  await tx.updateTable('plans').set({ archived_at: at }).where('code', '=', code).where('archived_at', 'is', null).execute()
}
