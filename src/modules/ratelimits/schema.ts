import { type Static, Type } from 'typebox'
import { Id, Instant, Name, Named, Nullable, Strict } from '../../platform/http/schema.ts'
import { TIERS } from '../catalog/index.ts'
import { LIMIT_SCOPES, MODES, ON_UNAVAILABLE } from './limit.ts'
import { LimitPolicyBody, PolicyBody } from './policy-schema.ts'
import { ScheduleBody } from './timetable-schema.ts'

const Pattern = Type.String({ minLength: 1, maxLength: 200, description: '* is any text', examples: ['POST /v1/*'] })
const Patterns = Type.Array(Pattern, { maxItems: 50, uniqueItems: true })

const MatchBody = Strict(
  {
    tenant_id: Type.Optional(Id('tnt')),
    tier: Type.Optional(Type.Enum([...TIERS])),
    user_id: Type.Optional(Pattern),
    endpoint: Type.Optional(Pattern),
    resource: Type.Optional(Pattern),
    schedule: Type.Optional({ ...ScheduleBody, minItems: 1 }),
  },
  {
    description:
      'All that is given must fit. A tenant is nearer than its tier, that than a pattern, and that than a schedule; the nearest override counts',
  },
)
export const OverrideBody = Named('RateLimitOverride', Strict({ match: MatchBody, policy: Nullable(PolicyBody) }))
export type StatedOverride = Static<typeof OverrideBody>

const Scopes = Type.Array(Type.Enum([...LIMIT_SCOPES]), {
  minItems: 1,
  maxItems: LIMIT_SCOPES.length,
  uniqueItems: true,
  description: 'What is counted apart, in any combination; GLOBAL, which stands alone, has one count for all',
})

export const ReserveBody = Named(
  'RateLimitReserve',
  Strict({
    min_priority: Type.Integer({ minimum: 1, maximum: 100 }),
    percent: Type.Integer({ minimum: 1, maximum: 100, description: 'Of the number that the policy allows, rounded up together' }),
  }),
)
export type StatedReserve = Static<typeof ReserveBody>

const TERMS = {
  name: Name,
  scopes: Scopes,
  policy: LimitPolicyBody,
  overrides: Type.Array(OverrideBody, { maxItems: 200 }),
  endpoints: Patterns,
  resources: Patterns,
  schedule: ScheduleBody,
  reserved: Type.Array(ReserveBody, {
    maxItems: 10,
    description:
      'Shares kept for requests of a priority and higher ones: others are refused once what remains is within. Of 100 at most together, and not of money',
  }),
  priority: Type.Integer({ minimum: -1_000, maximum: 1_000, description: 'The higher one is told first' }),
  mode: Type.Enum([...MODES]),
  on_unavailable: Type.Enum([...ON_UNAVAILABLE]),
  leased: Type.Boolean({
    description:
      'Servers that count together take blocks of it up front, a fiftieth of its number at most, and serve them from memory: for a limit that every request meets, GLOBAL above all. Never passed; while others hold blocks, a server may refuse that much early. Not with reserved or overrides that have a policy',
  }),
}

export const CreateBody = Strict({
  ...TERMS,
  overrides: Type.Optional(TERMS.overrides),
  endpoints: Type.Optional(TERMS.endpoints),
  resources: Type.Optional(TERMS.resources),
  schedule: Type.Optional(TERMS.schedule),
  reserved: Type.Optional(TERMS.reserved),
  priority: Type.Optional(TERMS.priority),
  mode: Type.Optional(TERMS.mode),
  on_unavailable: Type.Optional(TERMS.on_unavailable),
  leased: Type.Optional(TERMS.leased),
})
export const ChangeBody = Strict({
  ...CreateBody.properties,
  name: Type.Optional(TERMS.name),
  scopes: Type.Optional(TERMS.scopes),
  policy: Type.Optional(TERMS.policy),
})

export const LimitParams = Strict({ id: Id('rl') })
export const VersionReply = Named(
  'RateLimitVersion',
  Strict({
    ...TERMS,
    version: Type.Integer(),
    created_at: Instant,
    until: Nullable({
      ...Instant,
      description: 'When the next version took its place, or the limit was archived; null: it is in force',
    }),
  }),
)
const LIMIT = {
  id: Id('rl'),
  ...TERMS,
  level: Nullable(Type.Integer({ description: 'Of an ADAPTIVE policy: what it allows now; null: its base, or it is none' })),
  version: Type.Integer({ description: 'Counts from 1; every change makes a new one' }),
  created_at: Instant,
  changed_at: Instant,
  archived_at: Nullable(Instant),
}
export const LimitReply = Named('RateLimit', Strict(LIMIT))
export const LimitDetailReply = Strict({
  ...LIMIT,
  versions: Type.Array(VersionReply),
  next_cursor: Nullable(Type.String({ description: 'Of older versions; null: there are none' })),
})
