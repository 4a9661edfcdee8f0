import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silent, testDatabase } from '../../../test/harness/database.ts'
import { systemIds } from '../../lib/ids.ts'
import { systemClock } from '../../platform/clock.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { tenantService } from './index.ts'
import { provisioner } from './provisioner.ts'

const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const INPUT = { name: 'Acme', type: 'ENTERPRISE', isolation: 'SCHEMA', owner: { email: 'ada@example.com', name: 'Ada' } } as const
const KEY = 'one-key'

/** A process that begins to create the tenant; a slow disk, played by an event trigger, keeps it in the middle of building. */
const builder = (settings: { readonly ownerUrl: string; readonly appUrl: string; readonly secret: string }) =>
  spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import pino from '${import.meta.resolve('pino')}'
     import { openDatabase } from '${join(import.meta.dirname, '../../platform/db/database.ts')}'
     import { systemIds } from '${join(import.meta.dirname, '../../lib/ids.ts')}'
     import { placeOf, provisioner, tenantService } from '${join(import.meta.dirname, 'index.ts')}'
     const { ownerUrl, appUrl, secret } = ${JSON.stringify(settings)}
     const log = pino({ level: 'silent' }), clock = { now: () => Temporal.Now.instant() }, outbox = { add: async () => {} }
     const db = openDatabase({ url: appUrl, placeOf: placeOf({ appUrl, secret }), log, controlConnections: 2, planeConnections: 2 })
     const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
     const build = provisioner({ db, clock, log, ownerUrl, secret })
     await tenantService({ db, clock, ids, outbox, log, provisioner: build }).create(${JSON.stringify(INPUT)}, '${KEY}')`,
  ])

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
