import type { Static } from 'typebox'
import { routesOf } from '../../platform/http/route.ts'
import type { CheckService } from './check.ts'
import type { CheckInput } from './check-input.ts'
import {
  CheckBody,
  CheckManyBody,
  CheckReply,
  ResetReply,
  type StandingReply,
  SubjectBody,
  SubjectQuery,
  UsageReply,
} from './check-schema.ts'
import type { Explanation } from './explanation.ts'
import type { Subject } from './limit.ts'
import { LimitParams } from './schema.ts'
import { statedFrom } from './stated.ts'
import type { Outcome } from './tally.ts'
import { tellFields } from './told-fields.ts'
import type { Answer, Verdict } from './verdict.ts'

const subjectOf = (
  tenantId: string | undefined,
  { user_id: userId, ip, endpoint, resource }: Static<typeof SubjectBody>,
): Subject => ({
  tenantId,
  userId,
  ip,
  endpoint,
  resource,
})

const outcomeOf = ({ latency_ms, dropped, provider }: NonNullable<Static<typeof CheckBody>['observed']>): Outcome => {
  const { retry_after_ms, ...figures } = provider ?? {}
  return {
    ...(latency_ms === undefined ? {} : { latencyMs: latency_ms }),
    ...(dropped === undefined ? {} : { dropped }),
    ...(provider ? { provider: { ...figures, ...(retry_after_ms === undefined ? {} : { retryAfterMs: retry_after_ms }) } } : {}),
  }
}

const inputOf = (tenantId: string | undefined, body: Static<typeof CheckBody>): CheckInput => ({
  subject: subjectOf(tenantId, body),
  cost: body.cost,
  amount: body.amount,
  usage: body.usage,
  priority: body.priority,
  peek: body.peek,
  dryRun: body.dry_run,
  observed: body.observed && outcomeOf(body.observed),
  explain: body.explain,
  at: body.at === undefined ? undefined : Temporal.Instant.from(body.at),
})

const standingReply = (answer: Answer): Static<typeof StandingReply> => ({
  limit_id: answer.limitId,
  name: answer.name,
  version: answer.version,
  key: answer.key,
  mode: answer.mode,
  allowed: answer.allowed,
  would_refuse: answer.wouldRefuse,
  limit: answer.limit,
  remaining: answer.remaining,
  reset_ms: answer.resetMs,
  retry_after_ms: answer.retryAfterMs,
  delay_ms: answer.delayMs,
  degraded: answer.degraded,
})

const answerReply = (answer: Answer): Static<typeof CheckReply>['limits'][number] => ({
  ...standingReply(answer),
  ...(answer.amount === undefined ? {} : { amount: answer.amount }),
})

const explanationReply = ({ tier, limits }: Explanation): NonNullable<Static<typeof CheckReply>['explanation']> => ({
  tier,
  limits: limits.map(({ limitId, since, until, missing, overrides, policy, ...rest }) => ({
    ...rest,
    since: since.toString(),
    until: until?.toString() ?? null,
    limit_id: limitId,
    missing: [...missing],
    overrides: [...overrides],
    policy: policy && statedFrom(policy),
  })),
})

const checkReply = ({ allowed, refusedBy, retryAfterMs, delayMs, limits, explanation }: Verdict): Static<typeof CheckReply> => ({
  allowed,
  refused_by: refusedBy,
  retry_after_ms: retryAfterMs,
  delay_ms: delayMs,
  limits: limits.map(answerReply),
  ...(explanation ? { explanation: explanationReply(explanation) } : {}),
})

const route = routesOf<{ rateChecks: CheckService }>()
const tag = 'Rate limits'
const ERRORS = {
  rate_limit_not_found: "No such limit in force; for a tenant's key also one that does not count each tenant apart",
  subject_incomplete: 'The limit counts by something that the request does not tell, or ip is no address',
}
const COSTS = {
  observed_not_taken: 'Outcomes are heard from operators alone',
  amount_missing: 'A limit of spend asks for the amount, or for usage to be priced',
  amount_and_usage: 'Both are told of one request, or of one limit',
  model_unpriced: 'The model of usage has no price',
  cached_exceeds_input: 'More cached or cache-write tokens than input',
  reasoning_exceeds_output: 'More reasoning tokens than output',
  amount_too_large: 'More money than one request may cost',
}
const PAST = {
  at_without_explanation: 'The past is explained, and nothing is asked of it or told it',
  at_in_future: 'at is to come',
  at_before_limit: 'The limit was made later',
  explanations_busy: 'Too much of the past is asked for at once',
}
const HEADERS = {
  'RateLimit-Policy':
    "draft-ietf-httpapi-ratelimit-headers-10: quota and window in seconds of ten limits at most, by their ids, those that refuse first; after the API's own",
  RateLimit: 'What is left under each, and the seconds until there is more',
  'Retry-After': 'Of a refusal that a wait may cure: whole seconds, with jitter, never before the request fits',
}
const NOT_APPLICABLE = { rate_limit_not_applicable: 'The limit is not about this subject, or does not limit it' }

export const rateCheckRoutes = [
  route.steps({
    method: 'POST',
    path: '/rate-limits/{id}/check',
    id: 'checkRateLimit',
    tag,
    access: 'both',
    scope: 'limits:check',
    tenant: 'body.tenant_id',
    audit: false,
    summary: 'Ask one limit, and take what the request costs',
    description: 'Answers 200 also where the limit refuses: see allowed. What is refused is not counted.',
    params: LimitParams,
    body: CheckBody,
    reply: CheckReply,
    headers: HEADERS,
    errors: { ...ERRORS, ...COSTS, ...PAST },
    handle: async ({ caller, tenantId, params, body, head }, { rateChecks }) => {
      const verdict = await rateChecks.one(caller, params.id, inputOf(tenantId, body))
      tellFields(head, rateChecks.told(verdict))
      return checkReply(verdict)
    },
  }),
  route.steps({
    method: 'POST',
    path: '/rate-limits/check',
    id: 'checkRateLimits',
    tag,
    access: 'both',
    scope: 'limits:check',
    tenant: 'body.tenant_id',
    audit: false,
    summary: 'Ask many limits at once, all or nothing',
    description:
      'Those named in limits, or all that apply. Where one refuses, nothing is taken from any. Limits of spend that are not named are only ' +
      'looked at where no amount and no usage is given.',
    body: CheckManyBody,
    reply: CheckReply,
    headers: HEADERS,
    errors: { ...ERRORS, ...COSTS, ...PAST, rate_limit_repeated: 'A limit stands twice in limits' },
    handle: async ({ caller, tenantId, body, head }, { rateChecks }) => {
      const wanted = body.limits?.map(({ limit_id: limitId, ...stated }) => ({ limitId, ...stated }))
      const verdict = await rateChecks.many(caller, inputOf(tenantId, body), wanted)
      tellFields(head, rateChecks.told(verdict))
      return checkReply(verdict)
    },
  }),
  route.steps({
    method: 'GET',
    path: '/rate-limits/{id}/usage',
    id: 'getRateLimitUsage',
    tag,
    access: 'operator',
    scope: 'limits:read',
    summary: 'Read how much one key has used of a limit',
    params: LimitParams,
    query: SubjectQuery,
    reply: UsageReply,
    errors: { ...ERRORS, ...NOT_APPLICABLE },
    handle: async ({ caller, params, query }, { rateChecks }) => {
      const usage = await rateChecks.usage(caller, params.id, subjectOf(query.tenant_id, query))
      return { ...standingReply(usage), used: usage.used }
    },
  }),
  route.steps({
    method: 'POST',
    path: '/rate-limits/{id}/reset',
    id: 'resetRateLimit',
    tag,
    access: 'operator',
    scope: 'limits:write',
    summary: 'Forget what one key has used of a limit',
    params: LimitParams,
    body: SubjectBody,
    reply: ResetReply,
    errors: { ...ERRORS, ...NOT_APPLICABLE },
    handle: async ({ caller, params, body }, { rateChecks }) => ({
      limit_id: params.id,
      key: await rateChecks.reset(caller, params.id, subjectOf(body.tenant_id, body)),
    }),
  }),
]
