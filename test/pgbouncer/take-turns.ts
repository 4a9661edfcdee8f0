import pg from 'pg'
import type { Logger } from 'pino'
import { type App, createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { SCOPES } from '../../src/platform/auth/caller.ts'
import type { IsolationLevel } from '../../src/platform/db/place.ts'
import type { DatabaseServer } from '../../src/platform/db/server.ts'

interface Tenant {
  readonly id: string
  readonly key: string
  recorded: number
}

export interface TurnsOptions {
  readonly server: Pick<DatabaseServer, 'ownerUrl' | 'appUrl' | 'secret'>
  readonly log: Logger
  readonly transactions: number
  readonly told: (line: string) => void
}

const AT_ONCE = 64
const LEVELS: readonly IsolationLevel[] = ['SHARED', 'SCHEMA', 'DATABASE', 'SHARED', 'SCHEMA', 'SHARED']

const callerOf = (app: App) => async (method: 'GET' | 'POST', path: string, key: string, payload?: object) => {
  const answer = await app.http.app.inject({
    method,
    url: `/api/v3/saas${path}`,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  })
  if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${answer.body}`)
  return answer.json()
}

type Call = ReturnType<typeof callerOf>

const makeTenant = async (call: Call, operatorKey: string, isolation: IsolationLevel, n: number): Promise<Tenant> => {
  const owner = { email: `owner${n}@example.com`, name: 'Owner' }
  const { id } = await call('POST', '/tenants', operatorKey, { name: `Tenant ${n}`, type: 'ENTERPRISE', isolation, owner })
  const { secret } = await call('POST', `/tenants/${id}/api-keys`, operatorKey, { name: 'test', scopes: [...SCOPES] })
  return { id, key: secret, recorded: 0 }
}

/** One transaction of one tenant, of five kinds in turn; answers whose rows it saw, of which all should be its own. */
const turn = async ({ db }: App, call: Call, tenant: Tenant, n: number): Promise<readonly string[]> => {
  const { id, key } = tenant
  switch (n % 5) {
    case 0:
      await call('POST', '/usage/record', key, { id: `e${n}`, type: 'API_CALL' })
      tenant.recorded += 1
      return []
    case 1:
      return (await db.plane.inTenant(id, (tx) => tx.selectFrom('usage_events').select('tenant_id').limit(50).execute())).map(
        ({ tenant_id }) => tenant_id,
      )
    case 2:
      return (await db.control.inTenant(id, (tx) => tx.selectFrom('tenants').select('id').execute(), { readOnly: true })).map(
        (row) => row.id,
      )
    case 3:
      return [(await call('GET', `/tenants/${id}`, key)).id]
    default:
      // Fails half-way: nothing of it may stay on its connection.
      await db.control
        .inTenant(id, async (tx) => {
          await tx.updateTable('tenants').set({ name: 'half-way' }).execute()
          throw new Error('on purpose')
        })
        .catch(() => undefined)
      return []
  }
}

/** What the next client on each of the pooler's connections would find there. */
const leftOver = async (appUrl: string): Promise<readonly string[]> => {
  const clients = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new pg.Client({ connectionString: appUrl })
      await client.connect()
      return client
    }),
  )
  const text = `select coalesce(current_setting('app.tenant_id', true), '') as tenant, current_user as role, current_setting('search_path') as path`
  const answers = await Promise.all(clients.map((client) => client.query<{ tenant: string; role: string; path: string }>(text)))
  await Promise.all(clients.map((client) => client.end()))
  return answers
    .flatMap(({ rows }) => rows)
    .filter(({ tenant, role, path }) => tenant !== '' || role !== 'cognitionos_app' || path.includes('tenant'))
    .map((row) => `a connection was left with ${JSON.stringify(row)}`)
}

/** Many tenants' transactions over few connections; answers each fault that it finds. */
export const takeTurns = async ({ server, log, transactions, told }: TurnsOptions): Promise<readonly string[]> => {
  const app = await createApp({ config: readConfig({}), server, log })
  const faults: string[] = []
  try {
    const call = callerOf(app)
    const { secret } = await app.db.control.asOperator('test', (tx) => app.services.apiKeys.createOperator(tx, 'test'))
    const tenants = await Promise.all(LEVELS.map((level, n) => makeTenant(call, secret, level, n)))
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < transactions) {
        const n = next
        next += 1
        const tenant = tenants[n % tenants.length]
        if (!tenant) return
        const seen = await turn(app, call, tenant, n).catch((error: unknown) => [String(error)])
        faults.push(...seen.filter((id) => id !== tenant.id).map((id) => `${tenant.id} saw: ${id}`))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    told(`${transactions} transactions of ${tenants.length} tenants, ${AT_ONCE} at a time`)
    for (const { id, recorded } of tenants) {
      const count = (tx: Parameters<Parameters<typeof app.db.plane.inTenant>[1]>[0]) =>
        tx
          .selectFrom('usage_events')
          .select((eb) => eb.fn.countAll<bigint>().as('n'))
          .executeTakeFirstOrThrow()
      const { n } = await app.db.plane.inTenant(id, count)
      if (Number(n) !== recorded) faults.push(`${id} recorded ${recorded} events and holds ${n}`)
    }
  } finally {
    await app.http.stop(1_000)
    await app.close()
  }
  return [...faults, ...(await leftOver(server.appUrl))]
}
