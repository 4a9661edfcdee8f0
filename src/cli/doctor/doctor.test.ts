import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { type Config, readConfig } from '../../config.ts'
import { systemClock } from '../../platform/clock.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { openDatabaseServer } from '../../platform/db/server.ts'
import { setUp } from '../../setup.ts'
import { PLAIN } from '../table.ts'
import { checkLines } from './command.ts'
import { connected, placesCheck, skewCheck } from './database.ts'
import { examine } from './examine.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const examined = async (change: (config: Config) => Config = (config) => config) => {
  const config = readConfig({ DATABASE_URL: database.ownerUrl, COGNITIONOS_SECRET: database.secret })
  const checks = await examine({ config: change(config), log: silent, nodeVersion: '26.1.0', now: systemClock.now })
  return new Map(checks.map((check) => [check.name, check]))
}

const within = (config: Config, more: Partial<Config['database']>): Config => ({
  ...config,
  database: { ...config.database, ...more },
})
const states = (checks: Awaited<ReturnType<typeof examined>>) =>
  Object.fromEntries(checks.entries().map(([name, { state }]) => [name, state]))

test('a sound installation has nothing to mend', async () => {
  const checks = await examined()
  expect(states(checks)).toEqual({
    node: 'ok',
    secret: 'ok',
    database: 'ok',
    clock: 'ok',
    'control plane': 'ok',
    'shared place': 'ok',
    version: 'ok',
    role: 'ok',
    'row security': 'ok',
    places: 'ok',
    redis: 'ok',
  })
  expect(checkLines([...checks.values()], PLAIN).at(-1)).toBe('Everything is as it should be.')
})

test('beside the server that runs on the embedded database, all of it is looked at', { timeout: 120_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cognitionos-doctor-'))
  const server = await openDatabaseServer({ ownerUrl: undefined, appUrl: undefined, secret: undefined, dataDir, log: silent })
  try {
    await setUp(server)
    const checks = await examined((config) => ({ ...within(config, { ownerUrl: undefined, dataDir }), secret: undefined }))
    expect([...new Set(Object.values(states(checks)))]).toEqual(['ok'])
    expect([...checks.keys()]).toEqual(expect.arrayContaining(['role', 'row security', 'control plane', 'places']))
  } finally {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})

test('an owner as the server role is found', async () => {
  const checks = await examined((config) => within(config, { appUrl: database.ownerUrl }))
  expect(checks.get('role')).toMatchObject({ state: 'fail', mend: expect.stringContaining('DATABASE_APP_URL') })
})

test('a table without row security is found by name', async () => {
  await withOwner(database.ownerUrl, (owner) => owner.query('create table left_open (tenant_id text)'))
  const { state, found } = (await examined()).get('row security') ?? {}
  expect([state, found]).toEqual(['fail', expect.stringContaining('left_open')])
  await withOwner(database.ownerUrl, (owner) => owner.query('drop table left_open'))
})

test('a migration that is missing, and one that was edited, are told apart', async () => {
  await withOwner(database.ownerUrl, async (owner) => {
    await owner.query(`update schema_migrations set checksum = 'other' where version = 1`)
  })
  expect((await examined()).get('control plane')).toMatchObject({ state: 'fail', found: expect.stringContaining('was edited') })
  await withOwner(database.ownerUrl, (owner) => owner.query('delete from schema_migrations'))
  expect((await examined()).get('control plane')).toMatchObject({ state: 'fail', mend: 'run: cognitionos migrate' })
})

test('a place that is behind is counted', async () => {
  const tenant = await database.createTenant()
  await withOwner(database.ownerUrl, async (owner) => {
    await owner.query('delete from placements where tenant_id = $1', [tenant])
    await owner.query(
      `insert into placements (tenant_id, isolation, state, schema_name, plane_version, created_at) values ($1, 'SCHEMA', 'ready', 't_1', 0, now())`,
      [tenant],
    )
  })
  expect(await connected(database.appUrl, placesCheck)).toMatchObject({
    state: 'fail',
    found: '1 of 1 places of their own are behind',
  })
})

test('clocks that are more than two seconds apart are a warning', async () => {
  const slow = () => systemClock.now().subtract({ seconds: 3 })
  expect(await connected(database.appUrl, (client) => skewCheck(client, slow))).toMatchObject({
    state: 'warn',
    found: expect.stringMatching(/^3\.\d+ s from the database's, which is ahead$/),
  })
})

test('what cannot be reached is told, with what to do', async () => {
  const checks = await examined((config) => ({
    ...within(config, { ownerUrl: 'postgres://nobody@127.0.0.1:1/none' }),
    redis: { ...config.redis, urls: ['redis://127.0.0.1:1'] },
  }))
  expect(checks.get('database')).toMatchObject({ state: 'fail', mend: 'start PostgreSQL, or correct DATABASE_URL' })
  expect(checks.get('redis')).toMatchObject({ state: 'fail', found: expect.stringContaining('ECONNREFUSED') })
})

test('a missing secret is told before anything needs it', async () => {
  const checks = await examined((config) => ({ ...config, secret: undefined }))
  expect(states(checks)).toEqual({ node: 'ok', secret: 'fail', database: 'ok', redis: 'ok' })
})

test('a table says what was found, and below it what to mend', () => {
  const lines = checkLines([{ name: 'redis', state: 'fail', found: 'does not answer', mend: 'start it' }], PLAIN)
  expect(lines.slice(2)).toEqual(['✗  redis  does not answer', '', 'To mend:', '  ✗ redis: start it'])
})
