export const ISOLATION_LEVELS = ['SHARED', 'SCHEMA', 'DATABASE', 'CLUSTER'] as const
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number]

export const SHARED_SCHEMA = 'tenant_plane'

/** Where one tenant's plane lives: a database (by the connection URL of the restricted role) and a schema in it. */
export interface Place {
  readonly isolation: IsolationLevel
  readonly url: string
  readonly schema: string
}

/** Finds the place of a tenant; undefined when there is no such tenant, or it is not provisioned. */
export type PlaceOf = (tenantId: string) => Promise<Place | undefined>
