import type { ControlTx } from '../../platform/db/database.ts'
import { pageOf } from '../../platform/http/page.ts'
import { type CreateDeps, type CreatedTenant, createTenant } from './create.ts'
import { type ChangeTenant, decideEdit } from './edit.ts'
import type { CreateTenant } from './new-tenant.ts'
import { findTenant, listTenants, lockTenant, setStatus, type TenantFilter, updateTenant } from './store.ts'
import { decideActivation, decideSuspension, type Tenant, tenantNotFound } from './tenant.ts'

export interface PageRequest {
  readonly limit?: number
  readonly cursor?: string
}

export interface Page<T> {
  readonly data: readonly T[]
  readonly nextCursor: string | null
}

export interface TenantService {
  /** In transactions of its own; see `createTenant`. */
  create(input: CreateTenant, idempotencyKey?: string): Promise<CreatedTenant>
  get(tx: ControlTx, id: string): Promise<Tenant>
  list(tx: ControlTx, filter: TenantFilter, page: PageRequest): Promise<Page<Tenant>>
  change(tx: ControlTx, id: string, change: ChangeTenant, by: 'operator' | 'tenant'): Promise<Tenant>
  suspend(tx: ControlTx, id: string, reason: string): Promise<Tenant>
  activate(tx: ControlTx, id: string, reason?: string): Promise<Tenant>
}

export const tenantService = (deps: CreateDeps): TenantService => {
  const { clock, outbox } = deps

  const locked = async (tx: ControlTx, id: string): Promise<Tenant> => {
    const tenant = await lockTenant(tx, id)
    if (!tenant) throw tenantNotFound(id)
    return tenant
  }

  return {
    create: createTenant(deps),

    async get(tx, id) {
      const tenant = await findTenant(tx, id)
      if (!tenant) throw tenantNotFound(id)
      return tenant
    },

    list: (tx, filter, page) =>
      pageOf(
        page,
        ({ limit, after }) => listTenants(tx, filter, limit, after),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      ),

    async change(tx, id, change, by) {
      const edited = decideEdit(await locked(tx, id), change, by)
      return updateTenant(tx, id, edited, clock.now())
    },

    async suspend(tx, id, reason) {
      const change = decideSuspension(await locked(tx, id), reason)
      const tenant = await setStatus(tx, id, change, clock.now())
      await outbox.add(tx, { type: 'tenant.suspended', tenantId: id, payload: { tenant_id: id, reason } })
      return tenant
    },

    async activate(tx, id, reason) {
      const now = clock.now()
      const change = decideActivation(await locked(tx, id), reason ?? null, now)
      const tenant = await setStatus(tx, id, change, now)
      const payload = { tenant_id: id, status: tenant.status, reason: reason ?? null }
      await outbox.add(tx, { type: 'tenant.activated', tenantId: id, payload })
      return tenant
    },
  }
}
