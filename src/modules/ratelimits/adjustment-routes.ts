import { Type } from 'typebox'
import { routesOf } from '../../platform/http/route.ts'
import { Id, Instant, Nullable, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import type { AdjustmentService } from './adjustment-service.ts'
import { LimitParams } from './schema.ts'

const Share = Type.Number({ minimum: 0, maximum: 1 })
const AdjustmentReply = Strict({
  id: Id('adj'),
  version: Type.Integer({ description: 'Of the limit, under whose policy it moved' }),
  from: Type.Integer(),
  to: Type.Integer(),
  cause: Type.String({
    description:
      'provider_refused, provider_nearly_exhausted, errors, timeout, latency: cut. demand, recovery: raised. underused, provider_limit: lowered',
  }),
  signals: Strict({
    block_rate: Share,
    error_rate: Share,
    gradient: Nullable(Type.Number({ description: 'The latency at ease over the one seen, at most 1' })),
    provider_share: Type.Number({ description: "What remains of the provider's limit" }),
  }),
  created_at: Instant,
})

const route = routesOf<{ adjustments: AdjustmentService }>()

export const adjustmentRoutes = [
  route.read({
    method: 'GET',
    path: '/rate-limits/{id}/adjustments',
    id: 'listRateLimitAdjustments',
    tag: 'Rate limits',
    access: 'operator',
    scope: 'limits:read',
    summary: 'List how an ADAPTIVE limit followed the load, the newest change first',
    description: 'Each change of its level, with what it was made for and what was seen.',
    params: LimitParams,
    query: Strict(PageQuery),
    reply: PageOf(AdjustmentReply),
    errors: { rate_limit_not_found: 'No such limit', cursor_invalid: 'The cursor is not one of ours' },
    handle: async ({ tx, params, query }, { adjustments }) => {
      const { data, nextCursor } = await adjustments.list(tx, params.id, query)
      return {
        data: data.map(({ id, version, from, to, cause, signals, createdAt }) => ({
          id,
          version,
          from,
          to,
          cause,
          signals: {
            block_rate: signals.blockRate,
            error_rate: signals.errorRate,
            gradient: signals.gradient ?? null,
            provider_share: signals.providerShare,
          },
          created_at: createdAt.toString(),
        })),
        next_cursor: nextCursor,
      }
    },
  }),
]
