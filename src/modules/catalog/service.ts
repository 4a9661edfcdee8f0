import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { isSqlState } from '../../platform/db/transaction.ts'
import { type AppError, conflict, notFound } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import type { Plan, PlanVersion, Tier } from './plan.ts'
import {
  findCurrentVersion,
  findPlan,
  insertPlan,
  insertVersion,
  listPlans,
  listVersions,
  lockPlan,
  markArchived,
} from './store.ts'
import { type TermsInput, termsOf } from './terms.ts'

export interface NewPlanInput extends TermsInput {
  readonly code: string
  readonly name: string
  readonly tenantId?: string | undefined
}

export interface PlanDeps {
  readonly clock: Clock
  readonly ids: IdSource
}

const CUSTOM = 'CUSTOM' satisfies Tier
const NAMED = 20

const unknownPlan = async (tx: ControlTx, code: string): Promise<AppError> => {
  const plans = await listPlans(tx, { archived: false, limit: NAMED + 1 })
  const names = plans.slice(0, NAMED).map((plan) => plan.code)
  const list = plans.length > NAMED ? [...names, '…'] : names
  return notFound('plan_not_found', `plan '${code}' does not exist; GET /plans lists ${list.join(', ')}`)
}

/** The version of a plan that `buyer` may be sold now. Throws 404 `plan_not_found`, 409 `plan_archived`. */
export const sellableVersion = async (tx: ControlTx, code: string, buyer: string): Promise<PlanVersion> => {
  const version = await findCurrentVersion(tx, code)
  // An operator's transaction also sees the custom plans of others; they are no more for sale to this tenant than an unknown one.
  if (!version || (version.tenantId !== null && version.tenantId !== buyer)) throw await unknownPlan(tx, code)
  if (version.archivedAt)
    throw conflict('plan_archived', `plan '${code}' is archived and not sold any more; GET /plans lists those that are`)
  return version
}

export const planService = ({ clock, ids }: PlanDeps) => ({
  list: (tx: ControlTx, { archived = false, ...page }: { archived?: boolean; limit?: number; cursor?: string }) =>
    pageOf(
      page,
      (rows) => listPlans(tx, { archived, ...rows }),
      ({ createdAt, code }) => ({ at: createdAt, id: code }),
    ),

  async read(tx: ControlTx, code: string): Promise<{ plan: Plan; versions: PlanVersion[] }> {
    const plan = await findPlan(tx, code)
    if (!plan) throw await unknownPlan(tx, code)
    return { plan, versions: await listVersions(tx, code) }
  },

  async create(tx: ControlTx, { code, name, tenantId = undefined, ...input }: NewPlanInput): Promise<Plan> {
    const terms = termsOf(input)
    const createdAt = clock.now()
    let inserted: boolean
    try {
      inserted = await insertPlan(tx, { code, name, tier: CUSTOM, tenantId: tenantId ?? null, createdAt })
    } catch (error) {
      if (isSqlState(error, '23503')) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
      throw error
    }
    if (!inserted)
      throw conflict(
        'plan_exists',
        `plan '${code}' exists; POST /plans/${code}/versions changes what it offers, or choose another code`,
      )
    await insertVersion(tx, { id: ids.next('plv'), planCode: code, version: 1, terms, createdAt })
    return mustFind(tx, code)
  },

  /** New terms, sold from now on; subscriptions keep the version that they were sold. The currency stays. */
  async addVersion(tx: ControlTx, code: string, input: Omit<TermsInput, 'currency'>): Promise<Plan> {
    const current = (await lockPlan(tx, code)) ? await findCurrentVersion(tx, code) : undefined
    if (!current) throw await unknownPlan(tx, code)
    if (current.archivedAt) throw conflict('plan_archived', `plan '${code}' is archived; POST /plans makes a new one`)
    const terms = termsOf({ ...input, currency: current.currency })
    const version = current.version + 1
    await insertVersion(tx, { id: ids.next('plv'), planCode: code, version, terms, createdAt: clock.now() })
    return mustFind(tx, code)
  },

  /** Not sold any more; subscriptions to it go on. Archiving an archived plan changes nothing. */
  async archive(tx: ControlTx, code: string): Promise<Plan> {
    if (!(await lockPlan(tx, code))) throw await unknownPlan(tx, code)
    await markArchived(tx, code, clock.now())
    return mustFind(tx, code)
  },
})

export type PlanService = ReturnType<typeof planService>

const mustFind = async (tx: ControlTx, code: string): Promise<Plan> => {
  const plan = await findPlan(tx, code)
  if (!plan) throw await unknownPlan(tx, code)
  return plan
}
