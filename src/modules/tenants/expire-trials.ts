import type { Audit } from '../../platform/auth/audit.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { TenantsDeps } from './deps.ts'
import { lockEndedTrials, setStatus } from './store.ts'
import { decideTrialEnd, type Tenant } from './tenant.ts'

const BATCH = 100

/** Whether the tenant has a live subscription; asked of a module above, so it is passed in. Left out: none has. */
export type Subscribed = (tx: ControlTx, tenantId: string) => Promise<boolean>

export type ExpireDeps = Pick<TenantsDeps, 'db' | 'outbox'> & {
  readonly audit: Pick<Audit, 'record'>
  readonly subscribed?: Subscribed
}

/** Ends the trials that are over, a batch a transaction; says how many. Safe to repeat and to run twice at once. */
export const expireTrials = ({ db, outbox, audit, subscribed = async () => false }: ExpireDeps) => {
  const end = async (tx: ControlTx, tenant: Tenant, now: Temporal.Instant): Promise<void> => {
    const { id } = tenant
    const change = decideTrialEnd(tenant, await subscribed(tx, id))
    await setStatus(tx, id, change, now)
    const type = change.status === 'suspended' ? 'tenant.suspended' : 'tenant.activated'
    await outbox.add(tx, { type, tenantId: id, payload: { tenant_id: id, status: change.status, reason: change.statusReason } })
    await audit.record(tx, {
      tenantId: id,
      actorKind: 'system',
      actorId: null,
      operation: 'expireTrials',
      target: id,
      outcome: 'done',
      requestId: null,
      ip: null,
      detail: { status: change.status },
    })
  }

  return async (now: Temporal.Instant): Promise<number> => {
    let ended = 0
    for (;;) {
      const count = await db.control.asOperator('end trials', async (tx) => {
        const tenants = await lockEndedTrials(tx, now, BATCH)
        for (const tenant of tenants) await end(tx, tenant, now)
        return tenants.length
      })
      ended += count
      if (count < BATCH) return ended
    }
  }
}
