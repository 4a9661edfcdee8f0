import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silent, testDatabase } from '../../../test/harness/database.ts'
import { systemIds } from '../../lib/ids.ts'
import { systemClock } from '../../platform/clock.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { dropPlace } from '../../platform/db/provision.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { type CreateTenant, clusterService, tenantService } from './index.ts'
import { provisioner } from './provisioner.ts'

const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const INPUT = { name: 'Acme', type: 'ENTERPRISE', isolation: 'SCHEMA', owner: { email: 'ada@example.com', name: 'Ada' } } as const
const KEY = 'one-key'

interface Settings {
  readonly ownerUrl: string
  readonly appUrl: string
  readonly secret: string
}

/** A process that creates the tenant; `dies`: by its own hand, when the place is built and the tenant is about to be committed. */
const builder = ({ ownerUrl, appUrl, secret }: Settings, { input = INPUT as CreateTenant, key = KEY, dies = false } = {}) =>
  spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import pino from '${import.meta.resolve('pino')}'
     import { openDatabase } from '${join(import.meta.dirname, '../../platform/db/database.ts')}'
     import { systemIds } from '${join(import.meta.dirname, '../../lib/ids.ts')}'
     import { placeOf, provisioner, tenantService } from '${join(import.meta.dirname, 'index.ts')}'
     const { ownerUrl, appUrl, secret } = ${JSON.stringify({ ownerUrl, appUrl, secret })}
     const log = pino({ level: 'silent' }), clock = { now: () => Temporal.Now.instant() }, outbox = { add: async () => ${dies} && process.kill(process.pid, 'SIGKILL') }
     const db = openDatabase({ url: appUrl, placeOf: placeOf({ appUrl, secret }), log, controlConnections: 2, planeConnections: 2 })
     const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
     const build = provisioner({ db, clock, log, ownerUrl, secret })
     await tenantService({ db, clock, ids, outbox, log, provisioner: build }).create(${JSON.stringify(input)}, '${key}')`,
  ])

test.each([
  ['SCHEMA', 'before the tenant is committed'],
  ['DATABASE', 'before the tenant is committed'],
  ['CLUSTER', 'before the tenant is committed'],
  ['DATABASE', 'while it builds'],
  ['CLUSTER', 'while it builds'],
] as const)(
  'a builder on the level %s that dies %s leaves what the repeat removes: one tenant, one place',
  async (isolation, when) => {
    const t = await testDatabase()
    const { db, ownerUrl, secret } = t
    const outbox = outboxWriter({ clock: systemClock, ids })
    const names = () =>
      withOwner(ownerUrl, async (owner) => {
        const { rows } = await owner.query('select schema_name as schema, database_name as database from placements')
        return rows
      })
    const exists = ({ schema, database }: { schema: string; database: string | null }) =>
      withOwner(ownerUrl, async (owner) => {
        const sql = database ? 'select from pg_database where datname = $1' : 'select from pg_namespace where nspname = $1'
        return (await owner.query(sql, [database ?? schema])).rowCount === 1
      })
    try {
      const clusters = clusterService({ db, clock: systemClock, ids, secret })
      const cluster = isolation === 'CLUSTER' ? { clusterId: (await clusters.register({ name: 'eu', url: ownerUrl })).id } : {}
      const input = { ...INPUT, isolation, ...cluster }
      const child = builder(t, { input, dies: when !== 'while it builds' })
      const exited = once(child, 'exit')
      await expect.poll(names, { timeout: 15_000, interval: 5 }).toHaveLength(1)
      const [abandoned] = await names()
      if (when === 'while it builds') child.kill('SIGKILL')
      await exited

      const build = provisioner({ db, clock: systemClock, log: silent, ownerUrl, secret })
      const { create } = tenantService({ db, clock: systemClock, ids, outbox, log: silent, provisioner: build })
      const repeat = () => create(input, KEY).then(({ tenant }) => tenant.isolation)
      await expect.poll(() => repeat().catch((error) => error.code), { timeout: 15_000 }).toBe(isolation)
      const [kept, ...more] = await names()
      expect(more).toEqual([])
      expect([await exists(abandoned), await exists(kept)]).toEqual([false, true])
    } finally {
      for (const place of await names()) if (place.database) await withOwner(ownerUrl, (owner) => dropPlace(owner, place))
      await t.close()
    }
  },
)

test('kill -9 while a place is built: the repeat under the same key waits for its end, removes it and makes one tenant', async () => {
  const t = await testDatabase()
  const { db, ownerUrl, secret } = t
  const owned = <T extends object>(sql: string): Promise<T[]> =>
    withOwner(ownerUrl, async (owner) => (await owner.query<T>(sql)).rows)
  try {
    await owned('create function slow() returns event_trigger language plpgsql as $$ begin perform pg_sleep(0.3); end $$')
    await owned("create event trigger slow on ddl_command_end when tag in ('CREATE TABLE') execute function slow()")
    const child = builder(t)
    const exited = once(child, 'exit')
    const begun = async () => (await owned<{ schema_name: string }>('select schema_name from placements'))[0]?.schema_name
    await expect.poll(begun, { timeout: 15_000, interval: 20 }).toBeDefined()
    const abandoned = await begun()
    child.kill('SIGKILL')
    await exited
    await owned('drop event trigger slow')

    const outbox = outboxWriter({ clock: systemClock, ids })
    const build = provisioner({ db, clock: systemClock, log: silent, ownerUrl, secret })
    const { create } = tenantService({ db, clock: systemClock, ids, outbox, log: silent, provisioner: build })
    const codes = new Set<string>()
    await expect
      .poll(
        () =>
          create(INPUT, KEY).then(
            () => 'created',
            (error) => void codes.add(error.code),
          ),
        { timeout: 15_000 },
      )
      .toBe('created')
    expect([...codes].filter((code) => code !== 'tenant_creation_in_progress')).toEqual([])
    const schemas = await owned<{ nspname: string }>("select nspname from pg_namespace where nspname ~ '^tenant_0'")
    expect(schemas).toHaveLength(1)
    expect(schemas[0]?.nspname).not.toBe(abandoned)
    expect(await owned('select 1 from placements')).toHaveLength(1)
  } finally {
    await t.close()
  }
})
