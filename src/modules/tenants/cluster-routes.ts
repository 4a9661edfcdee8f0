import { type Static, Type } from 'typebox'
import { routesOf } from '../../platform/http/route.ts'
import { Id, Instant, Name, Nullable, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import type { ClusterService, ShownCluster } from './cluster-service.ts'

const Region = Type.String({ minLength: 1, maxLength: 100, examples: ['eu-central-1'] })

const ClusterReply = Strict({
  id: Id('cls'),
  name: Name,
  region: Nullable(Region),
  host: Type.String(),
  port: Type.Integer(),
  database: Type.String(),
  created_at: Instant,
})

const toReply = ({ id, name, region, endpoint, createdAt }: ShownCluster): Static<typeof ClusterReply> => ({
  id,
  name,
  region,
  ...endpoint,
  created_at: createdAt.toString(),
})

const route = routesOf<{ clusters: ClusterService }>()

export const clusterRoutes = [
  route.steps({
    method: 'POST',
    path: '/clusters',
    id: 'registerCluster',
    tag: 'Clusters',
    summary: 'Register a PostgreSQL server for tenants on the level CLUSTER',
    description: 'Connects before it answers. The URL is stored encrypted and never shown again.',
    access: 'operator',
    scope: 'tenants:write',
    body: Strict({
      name: Name,
      url: Type.String({
        minLength: 1,
        maxLength: 2_000,
        writeOnly: true,
        description: 'Connection of a role there that may create databases and roles',
        examples: ['postgres://owner:secret@db.example.com:5432/postgres?sslmode=require'],
      }),
      region: Type.Optional(Region),
    }),
    reply: ClusterReply,
    status: 201,
    errors: {
      cluster_name_taken: 'another cluster has the name',
      cluster_registration_in_progress: 'the same request is still being worked on',
      cluster_url_invalid: 'url is no connection that can be used',
      cluster_unreachable: 'the server did not accept the connection',
      cluster_too_old: 'the server is older than PostgreSQL 15',
      cluster_not_allowed: 'the role may not create databases or roles',
      cluster_role_unsafe: 'a role of ours on that server could bypass row security',
    },
    handle: async ({ body, idempotencyKey }, { clusters }) => toReply(await clusters.register(body, idempotencyKey)),
  }),

  route.read({
    method: 'GET',
    path: '/clusters',
    id: 'listClusters',
    tag: 'Clusters',
    summary: 'List the registered clusters, newest first',
    access: 'operator',
    scope: 'tenants:read',
    query: Strict(PageQuery),
    reply: PageOf(ClusterReply),
    errors: { cursor_invalid: 'the cursor was not made by this list' },
    handle: async ({ tx, query }, { clusters }) => {
      const { data, nextCursor } = await clusters.list(tx, query)
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
]
