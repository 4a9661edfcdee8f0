import { type App, createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { SCOPES } from '../../src/platform/auth/caller.ts'
import { type SettableClock, settableClock } from '../../src/platform/clock.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import type { IsolationLevel } from '../../src/platform/db/place.ts'
import { dropPlace } from '../../src/platform/db/provision.ts'
import { silent, type TestDatabase, testDatabase } from './database.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  readonly text: string
  /** The parsed body; {} where there is none. */
  readonly body: Record<string, unknown>
}

export interface Call {
  readonly key?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface TestTenant {
  readonly id: string
  /** A key with every scope of a tenant. */
  readonly key: string
}

export interface TestApp {
  readonly app: App
  readonly clock: SettableClock
  readonly database: TestDatabase
  readonly operatorKey: string
  /** A second server of the same product, on the same database and Redis; `close` ends it too. */
  beside(): Promise<App>
  /** Over the whole HTTP stack, without a socket. Paths are below the API's prefix unless they begin with '//'. */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: Call): Promise<Answer>
  /** A tenant through the API, on any level, with a key of its own. */
  tenant(options?: {
    readonly isolation?: IsolationLevel
    readonly timeZone?: string
    readonly clusterId?: string
  }): Promise<TestTenant>
  /** Delivers all events that wait: invoices that follow a subscription are there when this answers. */
  settle(): Promise<void>
  close(): Promise<void>
}

export interface TestAppOptions {
  /** The fixed time; the real time unless told. */
  readonly at?: string
  readonly maxInFlight?: number
  /** The limits of the API itself, which tests are free of unless they are about them. */
  readonly limits?: { readonly addressPerMinute?: number; readonly keySharePercent?: number }
  readonly otlpEndpoint?: string
  /** Counts rate limits in it, by its own time; without it, in the process, by the test's. */
  readonly redisUrl?: string
  /** Of a check; ten seconds unless told: no answer is late because the machine is busy with other tests. */
  readonly deadlineMs?: number
}

const parse = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** Databases of single tenants are beside the test's own. */
const dropPlaces = ({ ownerUrl }: TestDatabase): Promise<void> =>
  withOwner(ownerUrl, async (owner) => {
    const { rows } = await owner.query<{ database: string; schema: string }>(
      'select database_name as database, schema_name as schema from placements where database_name is not null',
    )
    for (const place of rows) await dropPlace(owner, place)
  })

/** The whole product on a database of its own, each reply checked against its published schema. */
export const testApp = async ({
  at = new Date().toISOString(),
  maxInFlight = 1_000,
  limits,
  otlpEndpoint,
  redisUrl,
  deadlineMs = 10_000,
}: TestAppOptions = {}): Promise<TestApp> => {
  const database = await testDatabase()
  const clock = settableClock(at)
  const base = readConfig({})
  const config = {
    ...base,
    otlpEndpoint,
    http: { ...base.http, maxInFlight, limitRequests: limits !== undefined, ...limits },
    database: { ...base.database, controlConnections: 8, planeConnections: 8 },
    redis: { ...base.redis, urls: redisUrl === undefined ? [] : [redisUrl], deadlineMs },
  }
  const open = async (): Promise<App> => {
    const app = await createApp({ config, server: database, log: silent, clock, checkReplies: true })
    await app.http.app.ready()
    return app
  }
  const app = await open()
  const more: App[] = []
  const operatorKey = await app.db.control.asOperator(
    'test',
    async (tx) => (await app.services.apiKeys.createOperator(tx, 'test')).secret,
  )
  let made = 0

  const call: TestApp['call'] = async (method, path, { key, body, headers = {} } = {}) => {
    const answer = await app.http.app.inject({
      method,
      url: path.startsWith('//') ? path.slice(1) : `/api/v3/saas${path}`,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: parse(answer.body) }
  }

  const expectId = ({ status, text, body }: Answer): string => {
    if (status < 300 && typeof body.id === 'string') return body.id
    throw new Error(`expected a new thing, got ${status}: ${text}`)
  }

  return {
    app,
    clock,
    database,
    operatorKey,
    async beside() {
      const another = await open()
      more.push(another)
      return another
    },
    call,
    async tenant({ isolation = 'SHARED', timeZone = 'UTC', clusterId } = {}) {
      made += 1
      const created = await call('POST', '/tenants', {
        key: operatorKey,
        body: {
          name: `Tenant ${made}`,
          type: 'ENTERPRISE',
          isolation,
          time_zone: timeZone,
          owner: { email: `owner${made}@example.com`, name: 'Owner' },
          ...(clusterId === undefined ? {} : { cluster_id: clusterId }),
        },
      })
      const id = expectId(created)
      const key = await call('POST', `/tenants/${id}/api-keys`, { key: operatorKey, body: { name: 'test', scopes: [...SCOPES] } })
      expectId(key)
      return { id, key: String(key.body.secret) }
    },
    async settle() {
      const waiting = () =>
        app.db.control.asOperator('test', (tx) =>
          tx.selectFrom('outbox').select('id').where('published_at', 'is', null).where('retry_at', 'is', null).executeTakeFirst(),
        )
      // The relay may be at it already: it lets nobody else in until it is done.
      while (await waiting()) if ((await app.relay.drain()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    async close() {
      for (const each of [app, ...more]) {
        await each.http.stop(5_000)
        await each.close()
      }
      await dropPlaces(database)
      await database.close()
    },
  }
}
