import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { type IdSource, systemIds } from '../../lib/ids.ts'
import { settableClock } from '../../platform/clock.ts'
import { type Database, openDatabase } from '../../platform/db/database.ts'
import { readMigrations, withOwner } from '../../platform/db/migrate.ts'
import { ISOLATION_LEVELS, type IsolationLevel } from '../../platform/db/place.ts'
import { lockPlace } from '../../platform/db/provision.ts'
import { withDatabase } from '../../platform/db/urls.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { expireTrials } from './expire-trials.ts'
import { type CreateTenant, clusterService, everyPlace, migratePlaces, placeOf, tenantService } from './index.ts'
import { provisioner } from './provisioner.ts'

let t: TestDatabase
let db: Database
let clusterId: string
const clock = settableClock('2026-03-01T00:00:00Z')
const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const outbox = outboxWriter({ clock, ids })

beforeAll(async () => {
  t = await testDatabase()
  const { appUrl, secret } = t
  db = openDatabase({
    url: appUrl,
    placeOf: placeOf({ appUrl, secret }),
    log: silent,
    controlConnections: 8,
    planeConnections: 8,
  })
  const cluster = await clusterService({ db, clock, ids, secret }).register({ name: 'second', url: t.ownerUrl })
  clusterId = cluster.id
})
afterAll(async () => {
  await db.close()
  await withOwner(t.ownerUrl, async (owner) => {
    const { rows } = await owner.query('select database_name as name from placements where database_name is not null')
    for (const { name } of rows) await owner.query(`drop database if exists ${name} with (force)`)
  })
  await t.close()
})

const serviceWith = (source: IdSource = ids) => {
  const build = provisioner({ db, clock, log: silent, ownerUrl: t.ownerUrl, secret: t.secret })
  return { build, tenants: tenantService({ db, clock, ids: source, outbox, log: silent, provisioner: build }) }
}
const input = (isolation: IsolationLevel, extra: Partial<CreateTenant> = {}): CreateTenant => ({
  name: `A ${isolation} tenant`,
  type: 'ENTERPRISE',
  isolation,
  ...(isolation === 'CLUSTER' ? { clusterId } : {}),
  owner: { email: 'ada@example.com', name: 'Ada' },
  ...extra,
})
/** Gives this tenant id, then the usual ones. */
const firstTenantIs = (id: string): IdSource => ({ next: (prefix) => (prefix === 'tnt' ? id : ids.next(prefix)) })
const suffixOf = (id: string): string => id.slice(4)

const owned = <T extends object>(sql: string, values: unknown[] = []): Promise<T[]> =>
  withOwner(t.ownerUrl, async (owner) => (await owner.query<T>(sql, values)).rows)
const whatExists = async (id: string) => ({
  databases: (await owned('select 1 from pg_database where datname = $1', [`cognitionos_${suffixOf(id)}`])).length,
  schemas: (await owned('select 1 from pg_namespace where nspname = $1', [`tenant_${suffixOf(id)}`])).length,
  placements: (await owned('select 1 from placements where tenant_id = $1', [id])).length,
  tenants: (await owned('select 1 from tenants where id = $1', [id])).length,
})
const NOTHING = { databases: 0, schemas: 0, placements: 0, tenants: 0 }

const useAllowance = (tenantId: string, as = tenantId) =>
  db.plane.inTenant(as, (tx) =>
    tx
      .insertInto('usage_allowances')
      .values({ tenant_id: tenantId, meter: 'api_calls', since: clock.now(), used: '1' })
      .execute(),
  )
const seen = (tenantId: string) =>
  db.plane.inTenant(tenantId, (tx) => tx.selectFrom('usage_allowances').select('tenant_id').execute())

test.each(ISOLATION_LEVELS)(
  'on the level %s two tenants each have a plane of which they see their own rows alone',
  async (isolation) => {
    const { tenants } = serviceWith()
    const made = [await tenants.create(input(isolation)), await tenants.create(input(isolation))]
    for (const { tenant, owner } of made) {
      expect([tenant.isolation, tenant.status, owner.role]).toEqual([isolation, 'active', 'admin'])
      await useAllowance(tenant.id)
      expect(await seen(tenant.id)).toEqual([{ tenant_id: tenant.id }])
    }
    const [a = '', b = ''] = made.map(({ tenant }) => tenant.id)
    expect(made[0]?.tenant.slug).not.toBe(made[1]?.tenant.slug)
    await expect(useAllowance(a, b)).rejects.toMatchObject({ code: '42501' })
  },
)

test('strangers may not connect to a tenant’s database', async () => {
  const { tenant } = await serviceWith().tenants.create(input('DATABASE'))
  const [rights] = await owned<{ acl: string }>('select datacl::text as acl from pg_database where datname = $1', [
    `cognitionos_${suffixOf(tenant.id)}`,
  ])
  expect(rights?.acl).toMatch(/cognitionos_app=c\//)
  expect(rights?.acl).not.toMatch(/[{,]=/) // public
})

test('a name that is taken is refused and what has it stays', async () => {
  for (const isolation of ['DATABASE', 'SCHEMA'] as const) {
    const id = ids.next('tnt')
    const [kind, name] =
      isolation === 'DATABASE' ? ['database', `cognitionos_${suffixOf(id)}`] : ['schema', `tenant_${suffixOf(id)}`]
    await owned(`create ${kind} ${name}`)
    const creation = serviceWith(firstTenantIs(id)).tenants.create(input(isolation))
    await expect(creation).rejects.toMatchObject({ kind: 'conflict', code: 'place_exists' })
    expect(await whatExists(id)).toEqual({ ...NOTHING, [`${kind}s`]: 1 })
    await owned(`drop ${kind} ${name}`)
  }
})

test('a build that fails half way leaves nothing behind', async () => {
  await owned(`create function refuse_table() returns event_trigger language plpgsql as $$ begin
      if exists (select from pg_event_trigger_ddl_commands() where object_identity like 'tenant\\_%.usage_hours') then raise 'disk full'; end if;
    end $$`)
  await owned("create event trigger refuse_table on ddl_command_end when tag in ('CREATE TABLE') execute function refuse_table()")
  const id = ids.next('tnt')
  const creation = serviceWith(firstTenantIs(id)).tenants.create(input('SCHEMA'))
  await expect(creation).rejects.toMatchObject({ code: 'migration_failed' })
  await owned('drop event trigger refuse_table')
  expect(await whatExists(id)).toEqual(NOTHING)
})

test('of many who want one slug at once one gets it, and the others’ places are gone', async () => {
  const asked: string[] = []
  const noting: IdSource = {
    next: (prefix) => {
      const id = ids.next(prefix)
      if (prefix === 'tnt') asked.push(id)
      return id
    },
  }
  const { tenants } = serviceWith(noting)
  const levels = ['DATABASE', 'SCHEMA', 'CLUSTER', 'SHARED', 'DATABASE', 'SCHEMA'] as const
  const results = await Promise.allSettled(levels.map((level) => tenants.create(input(level, { slug: 'wanted' }))))
  const made = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value.tenant)
  expect(made).toHaveLength(1)
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'tenant_slug_taken' })
  for (const id of asked.filter((each) => each !== made[0]?.id)) expect(await whatExists(id)).toEqual(NOTHING)
  expect(await owned("select 1 from placements where state <> 'ready'")).toEqual([])
})

test('a repeat under one key answers the same tenant, and many at once make one', async () => {
  const { tenants } = serviceWith()
  const make = () => tenants.create(input('SCHEMA', { name: 'Once' }), 'key-once')
  const results = await Promise.allSettled(Array.from({ length: 8 }, make))
  const made = new Set(results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.tenant.id] : [])))
  expect(made.size).toBe(1)
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'tenant_creation_in_progress' })
  expect(made.has((await make()).tenant.id)).toBe(true)
  clock.set('2026-03-02T00:00:00Z')
  expect(made.has((await make()).tenant.id)).toBe(false) // a day later the key means a new request
})

/** What a builder that was killed after building leaves behind. */
const leaveHalfBuilt = async (isolation: 'SCHEMA' | 'DATABASE', key: string | null): Promise<string> => {
  const id = ids.next('tnt')
  const database = isolation === 'DATABASE' ? `cognitionos_${suffixOf(id)}` : null
  await owned(database ? `create database ${database}` : `create schema tenant_${suffixOf(id)}`)
  await owned(
    `insert into placements (tenant_id, isolation, state, database_name, schema_name, creation_key, created_at) values ($1, $2, 'provisioning', $3, $4, $5, $6)`,
    [id, isolation, database, database ? 'tenant_plane' : `tenant_${suffixOf(id)}`, key, clock.now().toString()],
  )
  return id
}

test('a repeat after a crash removes what the first left and builds anew', async () => {
  const id = await leaveHalfBuilt('DATABASE', 'key-crash')
  const { tenant } = await serviceWith().tenants.create(input('DATABASE'), 'key-crash')
  expect(tenant.id).not.toBe(id)
  expect(await whatExists(id)).toEqual(NOTHING)
})

test('the sweep undoes what is old and has no builder any more', async () => {
  const [schema, database] = [await leaveHalfBuilt('SCHEMA', null), await leaveHalfBuilt('DATABASE', null)]
  const { build } = serviceWith()
  expect(await build.sweepHalfBuilt(clock.now().add({ minutes: 10 }))).toEqual({ undone: 0, failed: 0 })
  const later = clock.now().add({ minutes: 11 })
  await withOwner(t.ownerUrl, async (builder) => {
    expect(await lockPlace(builder, schema)).toBe(true)
    expect(await build.sweepHalfBuilt(later)).toEqual({ undone: 1, failed: 0 })
    expect(await whatExists(schema)).toEqual({ ...NOTHING, schemas: 1, placements: 1 })
  })
  await expect.poll(async () => (await build.sweepHalfBuilt(later)).undone).toBe(1)
  expect([await whatExists(schema), await whatExists(database)]).toEqual([NOTHING, NOTHING])
})

test('a builder that was overtaken by the sweep cannot finish', async () => {
  const id = ids.next('tnt')
  const { build } = serviceWith()
  const late = build.provision({ tenantId: id, isolation: 'SCHEMA', clusterId: undefined, creationKey: undefined }, async () => {
    await owned("update placements set state = 'undoing' where tenant_id = $1", [id])
  })
  await expect(late).rejects.toMatchObject({ code: 'tenant_creation_in_progress' })
  expect(await whatExists(id)).toEqual(NOTHING)
})

test('many places are built at once', async () => {
  const { tenants } = serviceWith()
  const levels = Array.from({ length: 12 }, (_, i) => (['SCHEMA', 'DATABASE', 'CLUSTER'] as const)[i % 3] ?? 'SCHEMA')
  const made = await Promise.all(levels.map((level) => tenants.create(input(level))))
  expect(new Set(made.map(({ tenant }) => tenant.slug)).size).toBe(12)
})

test('every place is walked over once, and its tenants’ rows can be read there', async () => {
  const { tenants } = serviceWith()
  for (const isolation of ISOLATION_LEVELS) await useAllowance((await tenants.create(input(isolation))).tenant.id)
  const { appUrl, secret } = t
  const walked: string[] = []
  let rows = 0
  for await (const place of everyPlace(db, { appUrl, secret })) {
    walked.push(`${place.url} ${place.schema}`)
    const read = await db.plane.asOperator('test', place, (tx) => tx.selectFrom('usage_allowances').select('tenant_id').execute())
    rows += read.length
  }
  expect(new Set(walked).size).toBe(walked.length)
  expect(walked).toHaveLength(1 + (await owned("select 1 from placements where isolation <> 'SHARED'")).length)
  expect(rows).toBeGreaterThanOrEqual(4)
})

test('a rollout reaches every place, goes on past a broken one, reports it, and takes up what was left', async () => {
  const { tenants } = serviceWith()
  const { tenant: broken } = await tenants.create(input('DATABASE', { name: 'Broken' }))
  const name = `cognitionos_${suffixOf(broken.id)}`
  await owned(`alter database ${name} rename to ${name}_away`)
  const current = await readMigrations('tenant')
  const migrations = [
    ...current,
    { version: current.length + 1, name: 'added.sql', sql: 'create table added (tenant_id text)', checksum: 'x' },
  ]
  const places = (await owned("select 1 from placements where isolation <> 'SHARED'")).length
  const run = () => migratePlaces({ db, ownerUrl: t.ownerUrl, secret: t.secret, migrations })
  await expect(run()).rejects.toMatchObject({
    code: 'places_not_migrated',
    details: { migrated: places - 1, failed: [{ tenantId: broken.id }] },
  })
  await owned(`alter database ${name}_away rename to ${name}`)
  expect(await run()).toEqual({ migrated: 1, failed: [] })
  expect(await run()).toEqual({ migrated: 0, failed: [] })
  const added = await withOwner(withDatabase(t.ownerUrl, name), (owner) => owner.query('select from tenant_plane.added'))
  expect(added.rowCount).toBe(0)
})

test('a cluster’s connection is stored sealed, shown as host and database, and refused with the reason', async () => {
  const clusters = clusterService({ db, clock, ids, secret: t.secret })
  const { data } = await db.control.asOperator('test', (tx) => clusters.list(tx, {}))
  expect(Object.keys(data[0] ?? {}).sort()).toEqual(['createdAt', 'endpoint', 'id', 'name', 'region'])
  expect((await owned<{ secret: Buffer }>('select secret from clusters'))[0]?.secret.includes('postgres')).toBe(false)
  const refused = async (url: string) => {
    const error = await clusters.register({ name: 'x', url }).then(
      () => undefined,
      (reason: Error & { code: string }) => reason,
    )
    expect(error?.message).not.toContain('hidden')
    return error?.code
  }
  expect(await refused('mysql://u:hidden@h/d')).toBe('cluster_url_invalid')
  expect(await refused(`${t.ownerUrl}?user=postgres`)).toBe('cluster_url_invalid')
  expect(await refused('postgres://u:hidden@127.0.0.1:1/d')).toBe('cluster_unreachable')
  expect(await refused(t.appUrl)).toBe('cluster_not_allowed')
  await expect(clusters.register({ name: 'second', url: t.ownerUrl })).rejects.toMatchObject({ code: 'cluster_name_taken' })
  const twice = [
    await clusters.register({ name: 'k', url: t.ownerUrl }, 'k'),
    await clusters.register({ name: 'k', url: t.ownerUrl }, 'k'),
  ]
  expect(twice[0]).toEqual(twice[1])
})

test('an unreachable cluster, an unknown one and a parent that is none are told before anything is built', async () => {
  const { tenants } = serviceWith()
  await expect(tenants.create(input('CLUSTER', { clusterId: 'cls_none' }))).rejects.toMatchObject({ code: 'cluster_not_found' })
  await expect(tenants.create(input('SHARED', { parentId: 'tnt_none' }))).rejects.toMatchObject({ code: 'parent_not_found' })
  const { tenant: plain } = await tenants.create(input('SHARED'))
  await expect(tenants.create(input('SHARED', { parentId: plain.id }))).rejects.toMatchObject({ code: 'parent_not_allowed' })
  const { tenant: reseller } = await tenants.create(input('SHARED', { type: 'RESELLER' }))
  expect((await tenants.create(input('SHARED', { parentId: reseller.id }))).tenant.parentId).toBe(reseller.id)
})

test('trials end once, audited; a subscriber’s becomes active', async () => {
  const { tenants } = serviceWith()
  const [a, b] = [await tenants.create(input('SHARED', { trial: true })), await tenants.create(input('SHARED', { trialDays: 1 }))]
  const audited: (string | null)[] = []
  const audit = { record: async (_tx: unknown, entry: { target: string | null }) => void audited.push(entry.target) }
  const expire = expireTrials({ db, outbox, audit, subscribed: async (_tx, id) => id === b.tenant.id })
  expect(await expire(clock.now())).toBe(0)
  const end = clock.now().add({ hours: 14 * 24 })
  expect((await Promise.all([expire(end), expire(end)])).reduce((sum, n) => sum + n)).toBe(2)
  expect(audited.sort()).toEqual([a.tenant.id, b.tenant.id].sort())
  const statusOf = (id: string) => db.control.inTenant(id, async (tx) => (await tenants.get(tx, id)).status)
  expect([await statusOf(a.tenant.id), await statusOf(b.tenant.id)]).toEqual(['suspended', 'active'])
})
