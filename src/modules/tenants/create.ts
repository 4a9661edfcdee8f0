import type { ControlTx } from '../../platform/db/database.ts'
import { conflict, unprocessable } from '../../platform/errors.ts'
import { clusterNotFound } from './cluster.ts'
import { findCluster } from './cluster-store.ts'
import { IDEMPOTENCY_HOURS, type TenantsDeps } from './deps.ts'
import type { User } from './member.ts'
import { type CreateTenant, decideTenant, type NewTenant } from './new-tenant.ts'
import { findByCreationKey } from './placement-store.ts'
import { inProgress, type Provisioner } from './provisioner.ts'
import { slugCandidates } from './slug.ts'
import { findTenant, insertTenant, isSlugTaken } from './store.ts'
import { PARENT_TYPES, type Tenant } from './tenant.ts'
import { firstUser, insertUser } from './user-store.ts'

export interface CreatedTenant {
  readonly tenant: Tenant
  readonly owner: User
}

export type CreateDeps = TenantsDeps & { readonly provisioner: Provisioner }

const slugTaken = (slug: string) =>
  conflict('tenant_slug_taken', `another tenant has the slug ${slug}; choose another, or leave it out to get one from the name`)

/** What can be told before anything is built; the same is held again by constraints when the tenant is written. */
const checkReferences = async (tx: ControlTx, { slug, parentId, clusterId }: NewTenant): Promise<void> => {
  if (slug !== undefined && (await isSlugTaken(tx, slug))) throw slugTaken(slug)
  if (clusterId !== undefined && !(await findCluster(tx, clusterId))) throw clusterNotFound(clusterId)
  if (parentId === undefined) return
  const parent = await findTenant(tx, parentId)
  if (!parent) throw unprocessable('parent_not_found', `parent_id ${parentId} is no tenant`)
  if (!PARENT_TYPES.includes(parent.type))
    throw unprocessable(
      'parent_not_allowed',
      `tenant ${parentId} is ${parent.type}; a parent must be ${PARENT_TYPES.join(' or ')}`,
    )
  if (parent.status === 'churned' || parent.status === 'deleted')
    throw unprocessable('parent_not_allowed', `tenant ${parentId} is ${parent.status} and cannot get tenants below it`)
}

/** A slug that was asked for must be free; a derived one gets a suffix when it is not. */
const insertWithSlug = async (tx: ControlTx, id: string, tenant: NewTenant, now: Temporal.Instant): Promise<Tenant> => {
  for (const slug of tenant.slug === undefined ? slugCandidates(tenant.name, id) : [tenant.slug]) {
    const inserted = await insertTenant(tx, id, slug, tenant, now)
    if (inserted) return inserted
  }
  throw slugTaken(tenant.slug ?? tenant.name)
}

/**
 * Creates a tenant with its place and its first user, or nothing. Repeatable under one Idempotency-Key: a tenant that was created is
 * answered again, and what a crash left half-built is removed before it is built anew.
 */
export const createTenant = ({ db, clock, ids, outbox, provisioner }: CreateDeps) => {
  const alreadyCreated = async (creationKey: string): Promise<CreatedTenant | undefined> => {
    const since = clock.now().subtract({ hours: IDEMPOTENCY_HOURS })
    const begun = await db.control.asOperator('repeat a creation', (tx) => findByCreationKey(tx, creationKey, since))
    if (!begun) return undefined
    if (begun.state !== 'ready') {
      if (!(await provisioner.undoAbandoned(begun))) throw inProgress()
      // It may have become ready in the meantime: then undoing left it alone.
    }
    return db.control.asOperator('repeat a creation', async (tx) => {
      const [tenant, owner] = [await findTenant(tx, begun.tenantId), await firstUser(tx, begun.tenantId)]
      return tenant && owner ? { tenant, owner } : undefined
    })
  }

  const settle = async (tx: ControlTx, id: string, decided: NewTenant): Promise<CreatedTenant> => {
    const now = clock.now()
    const tenant = await insertWithSlug(tx, id, decided, now)
    const { email, name } = decided.owner
    const owner = await insertUser(tx, id, ids.next('usr'), { email, name, role: 'admin', permissions: [] }, now)
    const { slug, type, status, isolation, currency, parentId } = tenant
    const payload = { tenant_id: id, slug, name: tenant.name, type, status, isolation, currency, parent_id: parentId }
    await outbox.add(tx, { type: 'tenant.created', tenantId: id, payload })
    await outbox.add(tx, { type: 'user.added', tenantId: id, payload: { user_id: owner.id, role: owner.role } })
    return { tenant, owner }
  }

  return async (input: CreateTenant, idempotencyKey?: string): Promise<CreatedTenant> => {
    const decided = decideTenant(input, clock.now())
    const created = idempotencyKey === undefined ? undefined : await alreadyCreated(idempotencyKey)
    if (created) return created
    await db.control.asOperator('check a new tenant', (tx) => checkReferences(tx, decided), { readOnly: true })
    const id = ids.next('tnt')
    const { isolation, clusterId } = decided
    return provisioner.provision({ tenantId: id, isolation, clusterId, creationKey: idempotencyKey }, (tx) =>
      settle(tx, id, decided),
    )
  }
}
