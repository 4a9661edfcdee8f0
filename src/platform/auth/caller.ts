/** What a key may do. An operator's key holds 'operator:*' or a list; a tenant's key holds a list of these. */
export const SCOPES = [
  'tenants:read',
  'tenants:write',
  'keys:read',
  'keys:write',
  'plans:read',
  'plans:write',
  'subscriptions:read',
  'subscriptions:write',
  'usage:read',
  'usage:write',
  'limits:read',
  'limits:write',
  'limits:check',
  'prices:read',
  'prices:write',
  'invoices:read',
  'invoices:write',
  'payments:write',
  'audit:read',
] as const
export type Scope = (typeof SCOPES)[number]

/** Who calls: known after authentication, and the only source of the tenant for a tenant's key. */
export type Caller =
  | { readonly kind: 'operator'; readonly keyId: string; readonly scopes: ReadonlySet<string> }
  | { readonly kind: 'tenant'; readonly keyId: string; readonly tenantId: string; readonly scopes: ReadonlySet<string> }

export const may = (caller: Caller, scope: Scope): boolean => caller.scopes.has(scope) || caller.scopes.has('*')
