import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { ask, makeTenant } from './load.ts'
import { inDatabase, openStand, type Stand } from './stand.ts'

let stand: Stand | undefined
afterEach(async () => {
  await stand?.close()
  stand = undefined
})

const open = async (env: Readonly<Record<string, string>> = {}): Promise<Stand> => {
  stand = await openStand({ env })
  return stand
}

test('a restart of PostgreSQL is survived by the server: 503 with Retry-After meanwhile, then as before', async () => {
  const s = await open()
  const { key } = await makeTenant(s, 'SHARED')
  const pid = s.pid()
  let watching = true
  const answers: { readonly status: number; readonly retryAfter: string | null }[] = []
  const watch = async () => {
    for (; watching; await sleep(5)) {
      const { status, headers } = await ask(s, 'POST', '/usage/record', key, { type: 'API_CALL' })
      answers.push({ status, retryAfter: headers.get('retry-after') })
    }
  }
  const watchers = [watch(), watch(), watch(), watch()]
  await sleep(200)
  await s.killPostgres()
  await s.start()
  await sleep(200)
  watching = false
  await Promise.all(watchers)
  expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([201, 503])
  for (const { status, retryAfter } of answers) expect(retryAfter !== null).toBe(status === 503)
  expect(answers.slice(-4).map(({ status }) => status)).toEqual([201, 201, 201, 201])
  expect(s.pid()).toBe(pid)
}, 60_000)

const EVENTS = 4_000

test('SIGTERM finishes what began and ends with 0', async () => {
  const s = await open()
  const { id, key } = await makeTenant(s, 'SHARED')
  const events = Array.from({ length: EVENTS }, (_, i) => ({ id: `e${i}`, type: 'API_CALL' }))
  const answered = await withOwner(await s.ownerUrl(), async (owner) => {
    // Nobody ends before this does: the signal surely comes in the middle.
    await owner.query('begin; lock table tenant_plane.usage_events in access exclusive mode')
    const underWay = Promise.allSettled(
      [0, 1, 2].map((n) =>
        ask(s, 'POST', '/usage/batch', key, { events: events.map((event) => ({ ...event, id: `${n}-${event.id}` })) }),
      ),
    )
    const waiting = async () => (await owner.query('select from pg_locks where not granted')).rowCount ?? 0
    while ((await waiting()) === 0) await sleep(10)
    const end = s.terminate()
    await sleep(100)
    await owner.query('commit')
    expect(await end).toBe(0)
    return (await underWay).flatMap((result) => (result.status === 'fulfilled' ? [result.value.status] : []))
  })
  expect(answered).toContain(200)
  for (const status of answered) expect([200, 503]).toContain(status)
  await s.start()
  const [row] = await inDatabase<{ n: string }>(s, 'select count(*) as n from tenant_plane.usage_events where tenant_id = $1', [
    id,
  ])
  // Those without an answer were not begun.
  expect(Number(row?.n)).toBe(EVENTS * answered.filter((status) => status === 200).length)
}, 60_000)

test('overload is refused with 503 and Retry-After, health is not, and it passes', async () => {
  const s = await open({ MAX_IN_FLIGHT: '8' })
  const { key } = await makeTenant(s, 'SHARED')
  const record = () => ask(s, 'POST', '/usage/record', key, { type: 'API_CALL' })
  const flood = Promise.all(Array.from({ length: 400 }, record))
  const live = await fetch(`${s.url}/health/live`)
  const answers = await flood
  expect(live.status).toBe(200)
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(answers.length - refused.length).toBe(answers.filter(({ status }) => status === 201).length)
  for (const { headers, body } of refused) expect([headers.get('retry-after'), body.code]).toEqual(['1', 'overloaded'])
  expect((await record()).status).toBe(201)
}, 60_000)
