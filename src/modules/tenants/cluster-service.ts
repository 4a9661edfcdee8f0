import type { ControlTx } from '../../platform/db/database.ts'
import { seal, unseal } from '../../platform/db/secretbox.ts'
import { isSqlState } from '../../platform/db/transaction.ts'
import { conflict } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import { type Cluster, checkClusterUrl, type Endpoint, endpointOf, secretContext } from './cluster.ts'
import { findClusterByKey, insertCluster, listClusters, type StoredCluster } from './cluster-store.ts'
import { IDEMPOTENCY_HOURS, type OwnerDeps, type TenantsDeps } from './deps.ts'
import type { Page, PageRequest } from './service.ts'
import { verifyServer } from './verify-server.ts'

export interface RegisterCluster {
  readonly name: string
  /** The connection of a role that may create databases and roles there. */
  readonly url: string
  readonly region?: string | undefined
}

export interface ShownCluster extends Cluster {
  readonly endpoint: Endpoint
}

export interface ClusterService {
  /** Connects before it stores; in transactions of its own. */
  register(input: RegisterCluster, idempotencyKey?: string): Promise<ShownCluster>
  list(tx: ControlTx, page: PageRequest): Promise<Page<ShownCluster>>
}

export type ClusterDeps = Omit<TenantsDeps, 'outbox' | 'log'> & Pick<OwnerDeps, 'secret'>

const taken = (error: unknown, name: string): unknown => {
  if (isSqlState(error, '23505', 'clusters_name_key'))
    return conflict('cluster_name_taken', `another cluster has the name ${name}; choose another`)
  if (isSqlState(error, '23505', 'clusters_creation_key_key'))
    return conflict(
      'cluster_registration_in_progress',
      'this cluster is just being registered; repeat the request in a few seconds',
    )
  return error
}

export const clusterService = ({ db, clock, ids, secret }: ClusterDeps): ClusterService => {
  const show = ({ secret: sealed, ...cluster }: StoredCluster): ShownCluster => ({
    ...cluster,
    endpoint: endpointOf(unseal(secret, sealed, secretContext(cluster.id))),
  })

  return {
    async register({ name, url, region }, idempotencyKey) {
      checkClusterUrl(url)
      const now = clock.now()
      const since = now.subtract({ hours: IDEMPOTENCY_HOURS })
      const known =
        idempotencyKey === undefined
          ? undefined
          : await db.control.asOperator('repeat a registration', (tx) => findClusterByKey(tx, idempotencyKey, since))
      if (known) return show(known)
      await verifyServer(url, secret)
      const id = ids.next('cls')
      const cluster = { id, name, region: region ?? null, secret: seal(secret, url, secretContext(id)), createdAt: now }
      try {
        return show(await db.control.asOperator('register a cluster', (tx) => insertCluster(tx, cluster, idempotencyKey)))
      } catch (error) {
        throw taken(error, name)
      }
    },

    async list(tx, page) {
      const { data, nextCursor } = await pageOf(
        page,
        ({ limit, after }) => listClusters(tx, limit, after),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
      return { data: data.map(show), nextCursor }
    },
  }
}
