import { Type } from 'typebox'
import { routesOf } from '../../platform/http/route.ts'
import { Id, Instant, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import { LIMIT_SCOPES } from './limit.ts'
import type { ViolationService } from './violation-service.ts'

const ViolationReply = Strict({
  limit_id: Id('rl'),
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  hour: Instant,
  refused: Type.Integer({ description: 'Exact' }),
  would_refuse: Type.Integer({ description: 'By a limit in shadow mode; exact' }),
  endpoints: Type.Array(Strict({ endpoint: Type.String(), refused: Type.Integer(), would_refuse: Type.Integer() }), {
    description:
      "The heaviest twenty; '' where the request named none. Of an hour two hundred are told apart, the others together as (others)",
  }),
  top_keys: Type.Array(
    Strict({
      key: Type.String(),
      seen: Type.Integer({ description: 'At most so often' }),
      overcount: Type.Integer({ description: 'And at most so much less' }),
    }),
    { description: 'The heaviest twenty, of a sketch of bounded size' },
  ),
})

const Query = Strict({
  ...PageQuery,
  limit_id: Type.Optional(Id('rl')),
  scope: Type.Optional(Type.Enum([...LIMIT_SCOPES])),
  endpoint: Type.Optional(Type.String({ maxLength: 200 })),
  key: Type.Optional(Type.String({ maxLength: 500, description: 'Hours in which this key was among the heaviest' })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
})

const instantOf = (text: string | undefined): Temporal.Instant | undefined =>
  text === undefined ? undefined : Temporal.Instant.from(text)

const route = routesOf<{ violations: ViolationService }>()

export const violationRoutes = [
  route.read({
    method: 'GET',
    path: '/rate-limits/violations',
    id: 'listRateLimitViolations',
    tag: 'Rate limits',
    access: 'operator',
    scope: 'limits:read',
    summary: 'List what was refused, by limit and hour, the newest first',
    description:
      'Totals are exact and at most a few seconds late; keys are the heaviest ones, so that an attack does not fill the table.',
    query: Query,
    reply: PageOf(ViolationReply),
    errors: { cursor_invalid: 'The cursor is not one of ours' },
    handle: async ({ tx, query }, { violations }) => {
      const { limit_id: limitId, from, to, ...rest } = query
      const { data, nextCursor } = await violations.list(tx, { ...rest, limitId, from: instantOf(from), to: instantOf(to) })
      return {
        data: data.map((hour) => ({
          limit_id: hour.limitId,
          name: hour.name,
          scopes: [...hour.scopes],
          hour: hour.hour.toString(),
          refused: hour.refused,
          would_refuse: hour.wouldRefuse,
          endpoints: hour.endpoints.map(({ endpoint, refused, wouldRefuse }) => ({
            endpoint,
            refused,
            would_refuse: wouldRefuse,
          })),
          top_keys: hour.topKeys.map((heavy) => ({ ...heavy })),
        })),
        next_cursor: nextCursor,
      }
    },
  }),
]
