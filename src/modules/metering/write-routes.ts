import type { Caller } from '../../platform/auth/caller.ts'
import { notFound } from '../../platform/errors.ts'
import { routesOf } from '../../platform/http/route.ts'
import { BATCH_BYTES, BatchBody, BatchReply, RecordBody, RecordReply } from './schema.ts'
import type { UsageService } from './service.ts'

const route = routesOf<{ usage: UsageService }>()
const tag = 'Usage'

const EVENT_ERRORS = {
  occurred_at_invalid: 'occurred_at is no instant, a leap second perhaps',
  event_in_future: 'occurred_at is more than five minutes ahead',
  event_too_old: 'occurred_at is before the year 2000',
  quantity_negative: 'only a STORAGE_OPERATION may take away',
  cached_exceeds_input: 'cached and written tokens are part of input_tokens',
  reasoning_exceeds_output: 'reasoning tokens are part of output_tokens',
}

/** An operator says whose use it is; a tenant's key needs not. */
const required = (tenantId: string | undefined): string => {
  if (tenantId === undefined) throw notFound('tenant_not_found', 'say with tenant_id whose use this is')
  return tenantId
}

/** An Idempotency-Key is one caller's on one operation: what is made from it must not meet what another makes from the same text. */
const ownKey = (operation: string, { kind, scopes }: Caller, key: string | undefined): string | undefined =>
  key === undefined ? undefined : `${kind} ${[...scopes].sort().join(' ')} ${operation} ${key}`

export const usageWriteRoutes = [
  route.steps({
    method: 'POST',
    path: '/usage/record',
    id: 'recordUsage',
    tag,
    access: 'both',
    scope: 'usage:write',
    tenant: 'body.tenant_id',
    audit: false,
    status: 201,
    summary: 'Record one event',
    description:
      'Durable when this answers, and counted once for ever under its id, whatever timestamp a retry carries. ' +
      'input_tokens is the whole input, cached tokens included; output_tokens the whole output, reasoning included.',
    body: RecordBody,
    reply: RecordReply,
    errors: {
      quota_exceeded:
        'the plan stops at what it includes; meter, used, limit and resets_at say where, Retry-After when it starts anew',
      ...EVENT_ERRORS,
    },
    handle: async ({ tenantId, caller, body, idempotencyKey }, { usage }) => {
      const recorded = await usage.record(required(tenantId), body, ownKey('record', caller, idempotencyKey))
      return { ...recorded, priced: recorded.cost !== null }
    },
  }),
  route.steps({
    method: 'POST',
    path: '/usage/batch',
    id: 'recordUsageBatch',
    tag,
    access: 'both',
    scope: 'usage:write',
    tenant: 'body.tenant_id',
    audit: false,
    bodyLimit: BATCH_BYTES,
    summary: 'Record up to 10,000 events',
    description:
      'All in one commit. An event that is not valid refuses the batch and names its index; nothing is then stored. ' +
      'Events beyond a hard stop are listed in rejected while the others are stored. Of several with one id the first counts.',
    body: BatchBody,
    reply: BatchReply,
    errors: EVENT_ERRORS,
    handle: async ({ tenantId, caller, body, idempotencyKey }, { usage }) => {
      const { rejected, ...counts } = await usage.batch(required(tenantId), body.events, ownKey('batch', caller, idempotencyKey))
      return { ...counts, rejected: [...rejected] }
    },
  }),
]
