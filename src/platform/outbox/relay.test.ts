import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { seededIds } from '../../lib/ids.ts'
import { settableClock } from '../clock.ts'
import { untraced } from '../telemetry/tracing.ts'
import { type DeliveredEvent, outboxWriter } from './outbox.ts'
import { outboxRelay, retryAfterSeconds } from './relay.ts'

let t: TestDatabase
const clock = settableClock('2026-01-01T00:00:00Z')
const ids = seededIds(1)
const outbox = outboxWriter({ clock, ids })
let got: DeliveredEvent[] = []
let refuse: (event: DeliveredEvent) => boolean = () => false
let reason = 'not now'
const subscriber = async (event: DeliveredEvent) => {
  if (refuse(event)) throw new Error(reason)
  got.push(event)
}
const relayOf = () => outboxRelay({ db: t.db, clock, log: silent, subscribers: { happened: [subscriber] }, inSpan: untraced })
const add = (tenantId: string, n: number) =>
  t.db.control.inTenant(tenantId, (tx) => outbox.add(tx, { type: 'happened', tenantId, payload: { n } }))

beforeAll(async () => {
  t = await testDatabase()
})
afterAll(() => t.close())
beforeEach(() => {
  got = []
  refuse = () => false
})

test('an event is delivered once, with its payload, after its commit', async () => {
  const tenant = await t.createTenant()
  await add(tenant, 1)
  expect(await relayOf().drain()).toBe(1)
  expect(await relayOf().drain()).toBe(0)
  expect(got.map(({ tenantId, payload }) => [tenantId, payload])).toEqual([[tenant, { n: 1 }]])
})

test('an event whose transaction rolled back was never written', async () => {
  const tenant = await t.createTenant()
  const failed = t.db.control.inTenant(tenant, async (tx) => {
    await outbox.add(tx, { type: 'happened', tenantId: tenant, payload: {} })
    throw new Error('changed my mind')
  })
  await expect(failed).rejects.toThrow('changed my mind')
  expect(await relayOf().drain()).toBe(0)
})

test('a failed delivery holds back its tenant, in order, and nobody else, until it is tried again', async () => {
  const [a, b] = [await t.createTenant(), await t.createTenant()]
  for (const n of [1, 2]) await add(a, n)
  await add(b, 3)
  refuse = ({ payload }) => payload.n === 1
  expect(await relayOf().drain()).toBe(1)
  expect(got.map(({ payload }) => payload.n)).toEqual([3])
  refuse = () => false
  expect(await relayOf().drain()).toBe(0) // its second has not passed
  clock.set(clock.now().add({ seconds: 2 }))
  expect(await relayOf().drain()).toBe(2)
  expect(got.map(({ payload }) => payload.n)).toEqual([3, 1, 2])
})

test('an event that fails for ever, with a reason that cannot be stored, holds up no other tenant', async () => {
  const [a, b] = [await t.createTenant(), await t.createTenant()]
  await add(a, 1)
  reason = 'half\0way'
  refuse = ({ tenantId }) => tenantId === a
  for (const n of [2, 3, 4]) {
    await add(b, n)
    expect(await relayOf().drain()).toBe(1)
    clock.set(clock.now().add({ minutes: 5 }))
  }
  const failed = await t.db.lookup((tx) =>
    tx.selectFrom('outbox').select(['attempts', 'last_error']).where('tenant_id', '=', a).execute(),
  )
  expect(failed).toEqual([{ attempts: 3, last_error: 'halfway' }])
  refuse = () => false
  expect(await relayOf().drain()).toBe(1)
})

test('a stop ends after the event in hand; what is left is delivered by the next relay, once', async () => {
  const tenant = await t.createTenant()
  for (let n = 0; n < 20; n += 1) await add(tenant, n)
  const relay = relayOf()
  let stopped: Promise<void> | undefined
  refuse = ({ payload }) => {
    if (payload.n === 2) stopped = relay.stop()
    return false
  }
  relay.start()
  await expect.poll(() => got.length).toBe(3)
  await stopped
  expect(got.map(({ payload }) => payload.n)).toEqual([0, 1, 2])
  await relayOf().drain()
  expect(got.map(({ payload }) => payload.n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
})

test('a delivered event is kept for a week; one that waits is never forgotten', async () => {
  const [a, b] = [await t.createTenant(), await t.createTenant()]
  await add(a, 1)
  await add(b, 2)
  refuse = ({ payload }) => payload.n === 2
  await relayOf().drain()
  const left = async () => (await t.db.lookup((tx) => tx.selectFrom('outbox').select('payload').execute())).length
  const before = await left()
  await relayOf().sweep()
  expect(await left()).toBe(before)
  clock.set(clock.now().add({ hours: 7 * 24 + 1 }))
  expect(await relayOf().sweep()).toBe(before - 1)
  expect(await left()).toBe(1)
  refuse = () => false
  expect(await relayOf().drain()).toBe(1)
})

test('two relays at once deliver each event once', async () => {
  const tenant = await t.createTenant()
  for (let n = 0; n < 20; n += 1) await add(tenant, n)
  await Promise.all([relayOf().drain(), relayOf().drain()])
  await relayOf().drain()
  expect(got.map(({ payload }) => payload.n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
})

test('the wait grows to five minutes', () => {
  expect([1, 2, 3, 9, 10, 60].map(retryAfterSeconds)).toEqual([1, 2, 4, 256, 300, 300])
})
