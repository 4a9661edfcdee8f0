import { forbidden } from '../../platform/errors.ts'
import { checkTimeZone } from './new-tenant.ts'
import type { Quotas, Tenant } from './tenant.ts'

/** Fields that are left out stay as they are; metadata is replaced as a whole. */
export interface ChangeTenant {
  readonly name?: string | undefined
  readonly timeZone?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** The operator's to change; those left out stay. */
  readonly quotas?: { readonly [K in keyof Quotas]?: number | undefined } | undefined
}

/** The tenant as it will be. Throws 403 `operator_only_field` for a tenant that would raise its own quotas. */
export const decideEdit = (tenant: Tenant, change: ChangeTenant, by: 'operator' | 'tenant'): Tenant => {
  if (change.quotas !== undefined && by === 'tenant')
    throw forbidden('operator_only_field', 'only the operator changes quotas; leave the field out, or ask the operator', {
      fields: ['quotas'],
    })
  return {
    ...tenant,
    name: change.name ?? tenant.name,
    timeZone: change.timeZone === undefined ? tenant.timeZone : checkTimeZone(change.timeZone),
    metadata: change.metadata ?? tenant.metadata,
    quotas: {
      storageGb: change.quotas?.storageGb ?? tenant.quotas.storageGb,
      apiCallsPerHour: change.quotas?.apiCallsPerHour ?? tenant.quotas.apiCallsPerHour,
      users: change.quotas?.users ?? tenant.quotas.users,
      computeHours: change.quotas?.computeHours ?? tenant.quotas.computeHours,
    },
  }
}
