import { type Static, Type } from 'typebox'
import { formatDecimal } from '../../lib/decimal.ts'
import { formatAmount } from '../../lib/money.ts'
import { routesOf } from '../../platform/http/route.ts'
import {
  Amount,
  CurrencyCode,
  Decimal,
  Id,
  Instant,
  Name,
  Nullable,
  PageOf,
  PageQuery,
  Strict,
} from '../../platform/http/schema.ts'
import type { Plan, PlanVersion } from './plan.ts'
import { METERS, perMeter, TIERS } from './plan.ts'
import type { PlanService } from './service.ts'
import type { TermsInput } from './terms.ts'

const PlanCode = Type.String({
  pattern: '^[a-z][a-z0-9-]{1,62}$',
  description: 'Lower case, digits and hyphens',
  examples: ['pro'],
})
const Count = Type.Integer({ minimum: 0, maximum: 1_000_000_000 })
const TrialDays = Type.Integer({ minimum: 0, maximum: 365 })
const METER_NAMES = METERS.join(', ')

const Included = Strict(
  perMeter(() => Decimal),
  { description: "A month's allowance" },
)
const Overage = Strict(
  perMeter(() => Type.Optional(Nullable(Decimal))),
  { description: 'Price beyond the allowance per compute hour, 1,000 API calls, GB, user; null: not charged' },
)

const TERMS = {
  monthly_price: Amount,
  included: Included,
  overage: Type.Optional(Overage),
  hard_stop: Type.Optional(Type.Boolean({ description: 'Use beyond the allowance is refused' })),
  api_calls_per_minute: Count,
  concurrent_agents: Count,
  llm_pass_through: Type.Optional(Type.Boolean({ description: 'Bill the LLM cost besides' })),
  llm_markup_percent: Type.Optional(Decimal),
  trial_days: Type.Optional(TrialDays),
}
const Terms = Strict(TERMS)

const PlanVersionReply = Strict({
  id: Id('plv'),
  version: Type.Integer(),
  currency: CurrencyCode,
  monthly_price: Amount,
  included: Included,
  overage: Strict(perMeter(() => Nullable(Decimal))),
  hard_stop: Type.Boolean(),
  api_calls_per_minute: Type.Integer(),
  concurrent_agents: Type.Integer(),
  llm_pass_through: Type.Boolean(),
  llm_markup_percent: Decimal,
  trial_days: Type.Integer(),
  created_at: Instant,
})

const PLAN = {
  code: Type.String(),
  name: Type.String(),
  tier: Type.Enum(TIERS),
  tenant_id: Nullable(Type.String({ description: 'Whose custom plan it is; null: offered to all' })),
  archived_at: Nullable(Instant),
  created_at: Instant,
  current: PlanVersionReply,
}
const PlanReply = Strict(PLAN)
const PlanDetailReply = Strict({ ...PLAN, versions: Type.Array(PlanVersionReply) })

const versionReply = (version: PlanVersion): Static<typeof PlanVersionReply> => ({
  id: version.id,
  version: version.version,
  currency: version.currency,
  monthly_price: formatAmount(version.monthlyPrice, version.currency),
  included: perMeter((meter) => formatDecimal(version.included[meter])),
  overage: perMeter((meter) => {
    const price = version.overage[meter]
    return price === null ? null : formatDecimal(price)
  }),
  hard_stop: version.hardStop,
  api_calls_per_minute: version.apiCallsPerMinute,
  concurrent_agents: version.concurrentAgents,
  llm_pass_through: version.llmPassThrough,
  llm_markup_percent: version.llmMarkupPercent,
  trial_days: version.trialDays,
  created_at: version.createdAt.toString(),
})

const planReply = (plan: Plan): Static<typeof PlanReply> => ({
  code: plan.code,
  name: plan.name,
  tier: plan.tier,
  tenant_id: plan.tenantId,
  archived_at: plan.archivedAt?.toString() ?? null,
  created_at: plan.createdAt.toString(),
  current: versionReply(plan.current),
})

const termsInput = (body: Static<typeof Terms>): Omit<TermsInput, 'currency'> => ({
  monthlyPrice: body.monthly_price,
  included: body.included,
  overage: body.overage ?? {},
  hardStop: body.hard_stop ?? false,
  apiCallsPerMinute: body.api_calls_per_minute,
  concurrentAgents: body.concurrent_agents,
  llmPassThrough: body.llm_pass_through ?? false,
  llmMarkupPercent: body.llm_markup_percent ?? '0',
  trialDays: body.trial_days ?? 0,
})

const route = routesOf<{ plans: PlanService }>()
const PlanParams = Strict({ code: Type.String({ minLength: 1, maxLength: 64 }) })
const NOT_FOUND = { plan_not_found: 'No such plan, or one of another tenant' }

export const planRoutes = [
  route.read({
    method: 'GET',
    path: '/plans',
    id: 'listPlans',
    tag: 'Plans',
    summary: 'List the plans on offer',
    description: 'The tiers and the custom plans offered to all; a tenant also sees its own custom plans.',
    access: 'both',
    scope: 'plans:read',
    query: Strict({ ...PageQuery, archived: Type.Optional(Type.Boolean({ description: 'Those no longer sold instead' })) }),
    reply: PageOf(PlanReply),
    errors: { cursor_invalid: 'The cursor is not one of ours' },
    handle: async ({ tx, query }, { plans }) => {
      const { data, nextCursor } = await plans.list(tx, query)
      return { data: data.map(planReply), next_cursor: nextCursor }
    },
  }),
  route.read({
    method: 'GET',
    path: '/plans/{code}',
    id: 'readPlan',
    tag: 'Plans',
    summary: 'Read a plan with all its versions',
    access: 'both',
    scope: 'plans:read',
    params: PlanParams,
    reply: PlanDetailReply,
    errors: NOT_FOUND,
    handle: async ({ tx, params }, { plans }) => {
      const { plan, versions } = await plans.read(tx, params.code)
      return { ...planReply(plan), versions: versions.map(versionReply) }
    },
  }),
  route.write({
    method: 'POST',
    path: '/plans',
    id: 'createPlan',
    tag: 'Plans',
    summary: 'Make a custom plan, for one tenant or for all',
    description: `Its tier is CUSTOM. Give an allowance of ${METER_NAMES} a month, and prices beyond it or a hard stop.`,
    access: 'operator',
    scope: 'plans:write',
    body: Strict({
      ...TERMS,
      code: PlanCode,
      name: Name,
      currency: CurrencyCode,
      tenant_id: Type.Optional(Id('tnt')),
    }),
    reply: PlanReply,
    status: 201,
    errors: { plan_exists: 'The code is taken', tenant_not_found: 'No such tenant' },
    handle: async ({ tx, body }, { plans }) => {
      const { code, name, currency, tenant_id: tenantId } = body
      return planReply(await plans.create(tx, { ...termsInput(body), code, name, currency, tenantId }))
    },
  }),
  route.write({
    method: 'POST',
    path: '/plans/{code}/versions',
    id: 'addPlanVersion',
    tag: 'Plans',
    summary: 'Change what a plan offers, for those who buy it from now on',
    description: 'Subscriptions keep the version they were sold, until they change to the new one.',
    access: 'operator',
    scope: 'plans:write',
    params: PlanParams,
    body: Terms,
    reply: PlanReply,
    status: 201,
    errors: { ...NOT_FOUND, plan_archived: 'The plan is no longer sold' },
    handle: async ({ tx, params, body }, { plans }) => planReply(await plans.addVersion(tx, params.code, termsInput(body))),
  }),
  route.write({
    method: 'POST',
    path: '/plans/{code}/archive',
    id: 'archivePlan',
    tag: 'Plans',
    summary: 'Stop selling a plan',
    description: 'Subscriptions to it go on.',
    access: 'operator',
    scope: 'plans:write',
    params: PlanParams,
    reply: PlanReply,
    errors: NOT_FOUND,
    handle: async ({ tx, params }, { plans }) => planReply(await plans.archive(tx, params.code)),
  }),
]
