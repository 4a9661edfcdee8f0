import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { withOwner } from '../db/migrate.ts'
import { logger } from '../telemetry/log.ts'
import { untraced } from '../telemetry/tracing.ts'
import { JOB_SCHEMA, type Jobs, worker } from './jobs.ts'

const SELDOM = '0 0 29 2 *'

let t: TestDatabase
let jobs: Jobs
let boss: PgBoss
const lines: string[] = []
const ends: [string, string][] = []
let runs = 0

beforeAll(async () => {
  t = await testDatabase()
  const run = async () => {
    runs += 1
    if (runs === 1) throw new Error('the bank is closed')
  }
  jobs = worker({
    appUrl: t.appUrl,
    jobs: [{ name: 'test-job', cron: SELDOM, run }],
    log: logger('info', { write: (line) => lines.push(line) }),
    ended: (job, outcome) => ends.push([job, outcome]),
    inSpan: untraced,
  })
  await jobs.start()
  boss = new PgBoss({ connectionString: t.appUrl, schema: JOB_SCHEMA, max: 1, migrate: false, supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
})
afterAll(async () => {
  await jobs.stop()
  await boss.stop({ graceful: false })
  await t.close()
})

test('a job that fails is told in the log and to the metrics, and tried again', async () => {
  await boss.send('test-job', {})
  await expect
    .poll(() => ends, { timeout: 20_000 })
    .toEqual([
      ['test-job', 'failed'],
      ['test-job', 'done'],
    ])
  const [line] = lines.filter((text) => text.includes('a job failed'))
  expect(JSON.parse(line ?? '')).toMatchObject({ level: 50, job: 'test-job', err: { message: 'the bank is closed' } })
})

test('a second run waits for the first, and one whose process died is taken over within minutes', async () => {
  const sent = await Promise.all([boss.send('test-job', {}, { startAfter: 60 }), boss.send('test-job', {}, { startAfter: 60 })])
  expect(sent.filter((id) => id !== null)).toHaveLength(1)
  const queues = await withOwner(t.ownerUrl, async (owner) => {
    const text = `select policy, heartbeat_seconds from ${JOB_SCHEMA}.queue where name = 'test-job'`
    return (await owner.query(text)).rows
  })
  expect(queues).toEqual([{ policy: 'exclusive', heartbeat_seconds: 60 }])
})
