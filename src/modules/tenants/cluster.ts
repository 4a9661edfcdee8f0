import { notFound, unprocessable } from '../../platform/errors.ts'

/** A registered PostgreSQL server for tenants on the level CLUSTER. Its connection is stored sealed and never shown. */
export interface Cluster {
  readonly id: string
  readonly name: string
  readonly region: string | null
  readonly createdAt: Temporal.Instant
}

/** What may be shown of a connection URL. */
export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly database: string
}

export const clusterNotFound = (id: string) =>
  notFound('cluster_not_found', `cluster ${id} does not exist; GET /clusters lists the registered ones`)

/** The row that a sealed connection belongs to. */
export const secretContext = (clusterId: string): string => `cluster ${clusterId}`

/**
 * Parameters that only say how to encrypt. Any other is refused: `?user=` or `?host=` would override what the URL says, and the
 * restricted role's connection would then log in as the owner.
 */
const PARAMETERS: readonly string[] = ['sslmode', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat']

const refuse = (why: string) =>
  unprocessable('cluster_url_invalid', `${why}; send the owner's connection as postgres://user:password@host:5432/postgres`)

/** Throws 422 that says what is wrong with the URL, and never repeats it: it holds a password. */
export const checkClusterUrl = (text: string): string => {
  if (!URL.canParse(text)) throw refuse('url is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw refuse('url does not begin with postgres://')
  if (url.hostname === '') throw refuse('url names no host')
  if (url.username === '') throw refuse('url names no user')
  if (!/^\/[^/]+$/.test(url.pathname)) throw refuse('url names no database')
  const other = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name))
  if (other !== undefined) throw refuse(`url has the parameter ${other}; only ${PARAMETERS.join(', ')} may be used`)
  if (url.hash !== '') throw refuse('url has a # in it: write %23 in a password')
  return text
}

export const endpointOf = (url: string): Endpoint => {
  const { hostname, port, pathname } = new URL(url)
  return {
    host: decodeURIComponent(hostname),
    port: port === '' ? 5432 : Number(port),
    database: decodeURIComponent(pathname.slice(1)),
  }
}
