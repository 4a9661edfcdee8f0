import { isIP } from 'node:net'
import { configError } from './platform/errors.ts'

/** Everything that the environment decides: docs/configuration.md has the table, and a guard holds it to this file. */
export interface Config {
  readonly http: {
    readonly host: string
    readonly port: number
    /** Origins that a browser may call from; empty: none. */
    readonly corsOrigins: readonly string[]
    /** Requests in flight beyond which new ones get 503. */
    readonly maxInFlight: number
    /** Addresses and networks of proxies whose X-Forwarded-For is believed; empty: a client's address is that of its connection. */
    readonly trustedProxies: readonly string[]
    /** Whether the API's own requests are limited. */
    readonly limitRequests: boolean
    /** Requests a minute that one address may send without a valid key. */
    readonly addressPerMinute: number
    /** What one key may take of the calls a minute of its tenant's plan, in percent. */
    readonly keySharePercent: number
    /** How long a stop waits for requests to finish. */
    readonly shutdownMs: number
  }
  readonly database: {
    /** The owner's connection; undefined: the embedded server. */
    readonly ownerUrl: string | undefined
    /** The restricted role's connection, where it is not the owner's with other credentials (a pooler in between, say). */
    readonly appUrl: string | undefined
    readonly dataDir: string
    readonly controlConnections: number
    readonly planeConnections: number
    readonly allowVulnerable: boolean
  }
  readonly redis: {
    /** Servers' counts of rate limits are in it; of a Cluster some of its nodes. Empty: each process counts for itself. */
    readonly urls: readonly string[]
    readonly isCluster: boolean
    /** A check waits no longer for it. */
    readonly deadlineMs: number
  }
  /** Derives the restricted role's password and encrypts stored secrets. With the embedded server it is kept in the data folder. */
  readonly secret: string | undefined
  readonly worker: boolean
  readonly log: { readonly level: string }
  readonly otlpEndpoint: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const integer = (env: Environment, name: string, fallback: number, min: number, max: number): number => {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw configError('config_invalid', `${name} is '${text}'; give a whole number from ${min} to ${max}`)
}

const flag = (env: Environment, name: string, fallback: boolean): boolean => {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw configError('config_invalid', `${name} is '${text}'; give true or false`)
}

const checkedUrl = (text: string, name: string, protocols: readonly string[]): string => {
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text
  throw configError('config_invalid', `${name} is not a URL that begins with ${protocols.join('// or ')}//`)
}

const url = (env: Environment, name: string, protocols: readonly string[]): string | undefined => {
  const text = env[name]
  return text === undefined || text === '' ? undefined : checkedUrl(text, name, protocols)
}

const listOf = (text = ''): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)

const isNetwork = (text: string): boolean => {
  const [address = '', bits, more] = text.split('/')
  const family = isIP(address)
  return (
    family > 0 && more === undefined && (bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)))
  )
}

const networks = (env: Environment, name: string): readonly string[] => {
  const parts = listOf(env[name])
  const wrong = parts.find((part) => !isNetwork(part))
  if (wrong === undefined) return parts
  throw configError('config_invalid', `${name} has '${wrong}'; give addresses and networks like 10.0.0.0/8, separated by commas`)
}

/** Reads and checks the environment. Throws `config_invalid` with the name of the variable and what it should be. */
export const readConfig = (env: Environment = process.env): Config => ({
  http: {
    host: env.HOST || '127.0.0.1',
    port: integer(env, 'PORT', 3000, 0, 65_535),
    corsOrigins: listOf(env.CORS_ORIGINS),
    maxInFlight: integer(env, 'MAX_IN_FLIGHT', 1_000, 1, 100_000),
    trustedProxies: networks(env, 'TRUSTED_PROXIES'),
    limitRequests: flag(env, 'LIMIT_REQUESTS', true),
    addressPerMinute: integer(env, 'ADDRESS_REQUESTS_PER_MINUTE', 6_000, 1, 1_000_000_000),
    keySharePercent: integer(env, 'KEY_SHARE_PERCENT', 100, 1, 100),
    shutdownMs: integer(env, 'SHUTDOWN_MS', 10_000, 0, 600_000),
  },
  database: {
    ownerUrl: url(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    appUrl: url(env, 'DATABASE_APP_URL', ['postgres:', 'postgresql:']),
    dataDir: env.COGNITIONOS_DATA_DIR || '.cognitionos',
    controlConnections: integer(env, 'CONTROL_CONNECTIONS', 12, 1, 500),
    planeConnections: integer(env, 'PLANE_CONNECTIONS', 12, 1, 500),
    allowVulnerable: flag(env, 'ALLOW_VULNERABLE_POSTGRES', false),
  },
  redis: redisOf(env),
  secret: secretOf(env),
  worker: flag(env, 'WORKER', true),
  log: { level: levelOf(env) },
  otlpEndpoint: url(env, 'OTEL_EXPORTER_OTLP_ENDPOINT', ['http:', 'https:']),
})

const redisOf = (env: Environment): Config['redis'] => {
  const urls = listOf(env.REDIS_URL).map((text) => checkedUrl(text, 'REDIS_URL', ['redis:', 'rediss:']))
  const isCluster = flag(env, 'REDIS_CLUSTER', false)
  if (urls.length === 0 && isCluster)
    throw configError('config_invalid', 'REDIS_CLUSTER is true, and REDIS_URL is not set; name nodes of the Cluster in it')
  if (urls.length > 1 && !isCluster)
    throw configError(
      'config_invalid',
      'REDIS_URL names several servers; give one, or set REDIS_CLUSTER=true if they are one Cluster',
    )
  return { urls, isCluster, deadlineMs: integer(env, 'REDIS_DEADLINE_MS', 50, 1, 10_000) }
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

const levelOf = ({ LOG_LEVEL: text }: Environment): string => {
  if (text === undefined || text === '') return 'info'
  if (LEVELS.includes(text)) return text
  throw configError('config_invalid', `LOG_LEVEL is '${text}'; give one of ${LEVELS.join(', ')}`)
}

const secretOf = (env: Environment): string | undefined => {
  const text = env.COGNITIONOS_SECRET
  if (text === undefined || text === '') return undefined
  if (text.length >= 32) return text
  throw configError('config_invalid', 'COGNITIONOS_SECRET is shorter than 32 characters; make one with: openssl rand -base64 32')
}
