import type { ClientBase } from 'pg'
import type { ControlTx } from '../../platform/db/database.ts'
import { type Migration, readMigrations, withOwner } from '../../platform/db/migrate.ts'
import type { IsolationLevel } from '../../platform/db/place.ts'
import { buildPlace, dropPlace, lockPlace, placeNames, refuseExistingPlace } from '../../platform/db/provision.ts'
import { atMost } from '../../platform/db/provision-queue.ts'
import { ensureRoles } from '../../platform/db/roles.ts'
import { unseal } from '../../platform/db/secretbox.ts'
import { isAway, isSqlState } from '../../platform/db/transaction.ts'
import { appPassword } from '../../platform/db/urls.ts'
import { AppError, conflict, unavailable } from '../../platform/errors.ts'
import { clusterNotFound, secretContext } from './cluster.ts'
import { findCluster } from './cluster-store.ts'
import type { OwnerDeps, TenantsDeps } from './deps.ts'
import {
  deleteUndone,
  findState,
  insertPlacement,
  listUnfinished,
  markReady,
  markUndoing,
  type Placement,
} from './placement-store.ts'

export interface PlaceRequest {
  readonly tenantId: string
  readonly isolation: IsolationLevel
  readonly clusterId: string | undefined
  readonly creationKey: string | undefined
}

export interface Provisioner {
  /**
   * Builds a tenant's place; `settle` writes the tenant in the very transaction that makes the place ready. When anything fails,
   * what was built is removed; when the process dies, the sweep removes it.
   */
  provision<T>(request: PlaceRequest, settle: (tx: ControlTx) => Promise<T>): Promise<T>
  /** Undoes a place whose builder is gone; false while the builder lives. */
  undoAbandoned(placement: Placement): Promise<boolean>
  /** Undoes what builders that died left behind more than ten minutes ago; says how many could be. */
  sweepHalfBuilt(now: Temporal.Instant): Promise<{ readonly undone: number; readonly failed: number }>
}

export type ProvisionerDeps = Pick<TenantsDeps, 'db' | 'clock' | 'log'> & OwnerDeps & { readonly concurrency?: number }

const ABANDONED_AFTER_MINUTES = 10

export const inProgress = () =>
  conflict('tenant_creation_in_progress', 'this tenant is just being created; repeat the request in a few seconds')

const placeAway = (cause: unknown) =>
  unavailable(
    'place_unavailable',
    'the server that should hold this tenant cannot be reached just now; nothing was created, retry in a few seconds',
    {},
    { cause },
  )

const told = (error: unknown): never => {
  throw isAway(error) && !(error instanceof AppError) ? placeAway(error) : error
}

/** The owner's connection to the server of a place: the control database's own, or a registered cluster's. */
export const ownerUrlOf = async (
  { db, ownerUrl, secret }: Pick<ProvisionerDeps, 'db' | 'ownerUrl' | 'secret'>,
  { clusterId }: Pick<Placement, 'clusterId'>,
): Promise<string> => {
  if (clusterId === null) return ownerUrl
  const cluster = await db.control.asOperator('connect to a cluster', (tx) => findCluster(tx, clusterId), { readOnly: true })
  if (!cluster) throw clusterNotFound(clusterId)
  return unseal(secret, cluster.secret, secretContext(clusterId))
}

const ATTEMPTS = 20
const PAUSE_MS = 50

/**
 * On the server that a place is on, which may be another than the control database's: a builder that was killed there in the middle of
 * CREATE DATABASE is not over until that statement is, and would make what was just dropped. A connection that ended lets go a moment later.
 */
const lockSoon = async (server: ClientBase, tenantId: string): Promise<boolean> => {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (await lockPlace(server, `on its server: ${tenantId}`)) return true
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return false
}

export const provisioner = (deps: ProvisionerDeps): Provisioner => {
  const { db, clock, log, ownerUrl, secret, concurrency = 4 } = deps
  const inTurn = atMost(concurrency)
  let read: Promise<readonly Migration[]> | undefined
  const migrations = (): Promise<readonly Migration[]> => {
    read ??= readMigrations('tenant')
    return read
  }

  const undo = async (placement: Placement, drop: boolean): Promise<void> => {
    const { tenantId } = placement
    // From here on no builder, however late, can make it ready.
    const ours = await db.control.asOperator('undo a place', (tx) => markUndoing(tx, tenantId))
    if (!ours) return
    if (drop)
      await withOwner(await ownerUrlOf(deps, placement), async (server) => {
        if (!(await lockSoon(server, tenantId))) throw inProgress()
        await dropPlace(server, placement)
      })
    await db.control.asOperator('forget an undone place', (tx) => deleteUndone(tx, tenantId))
  }

  const build = async (owner: ClientBase, placement: Placement): Promise<void> => {
    if (placement.clusterId === null) return buildPlace(owner, ownerUrl, placement, await migrations())
    const url = await ownerUrlOf(deps, placement)
    await withOwner(url, async (server) => {
      if (!(await lockSoon(server, placement.tenantId))) throw inProgress()
      await ensureRoles(server, appPassword(secret))
      await buildPlace(server, url, placement, await migrations())
    })
  }

  const refuseExisting = async (owner: ClientBase, placement: Placement): Promise<void> => {
    if (placement.clusterId === null) return refuseExistingPlace(owner, placement)
    await withOwner(await ownerUrlOf(deps, placement), (server) => refuseExistingPlace(server, placement))
  }

  const reserve = async (tx: ControlTx, placement: Placement, creationKey: string | undefined): Promise<void> => {
    try {
      await insertPlacement(tx, placement, creationKey)
    } catch (error) {
      throw isSqlState(error, '23505', 'placements_creation_key_key') ? inProgress() : error
    }
  }

  const provision: Provisioner['provision'] = async (request, settle) => {
    const { tenantId, isolation, creationKey } = request
    const newest = (await migrations()).length
    const placement: Placement = {
      ...placeNames(isolation, tenantId),
      tenantId,
      isolation,
      state: isolation === 'SHARED' ? 'ready' : 'provisioning',
      clusterId: request.clusterId ?? null,
      planeVersion: isolation === 'SHARED' ? newest : 0,
      createdAt: clock.now(),
    }
    if (isolation === 'SHARED')
      return db.control.asOperator('create a tenant', async (tx) => {
        await reserve(tx, placement, creationKey)
        return settle(tx)
      })

    return inTurn(() =>
      withOwner(ownerUrl, async (owner) => {
        if (!(await lockPlace(owner, tenantId))) throw inProgress()
        await refuseExisting(owner, placement)
        let settled: { readonly result: Awaited<ReturnType<typeof settle>> } | undefined
        try {
          await db.control.asOperator('reserve a place', (tx) => reserve(tx, placement, creationKey))
          await build(owner, placement)
          return await db.control.asOperator('create a tenant', async (tx) => {
            settled = { result: await settle(tx) }
            if (!(await markReady(tx, tenantId, newest))) throw inProgress()
            return settled.result
          })
        } catch (error) {
          const foreign = error instanceof AppError && error.code === 'place_exists'
          await undo(placement, !foreign).catch((failure: unknown) =>
            log.error({ err: failure, tenantId }, 'a half-built place could not be undone just now; the sweep will'),
          )
          // The answer to the last commit can be lost on its way though the commit was done: then the tenant stands.
          if (settled && (await isReady(tenantId))) return settled.result
          throw error
        }
      }),
    ).catch(told)
  }

  const isReady = async (tenantId: string): Promise<boolean> => {
    const state = db.control.asOperator('look at a place', (tx) => findState(tx, tenantId), { readOnly: true })
    return (await state.catch(() => undefined)) === 'ready'
  }

  const undoAbandoned: Provisioner['undoAbandoned'] = (placement) =>
    withOwner(ownerUrl, async (owner) => {
      if (!(await lockPlace(owner, placement.tenantId))) return false
      await undo(placement, true)
      return true
    }).catch(told)

  return {
    provision,
    undoAbandoned,
    async sweepHalfBuilt(now) {
      const before = now.subtract({ minutes: ABANDONED_AFTER_MINUTES })
      const found = await db.control.asOperator('find half-built places', (tx) => listUnfinished(tx, before), { readOnly: true })
      let undone = 0
      let failed = 0
      for (const placement of found) {
        try {
          if (await undoAbandoned(placement)) undone += 1
        } catch (error) {
          failed += 1
          log.warn(
            { err: error, tenantId: placement.tenantId },
            'a half-built place could not be undone; the next sweep tries again',
          )
        }
      }
      return { undone, failed }
    },
  }
}
