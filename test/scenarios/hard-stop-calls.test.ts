import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T12:00:00Z' })
})
afterAll(() => t.close())

const calls = (count: number, name: string) => Array.from({ length: count }, (_, i) => ({ id: `${name}-${i}`, type: 'API_CALL' }))

test('who used 1,500 calls on PRO and moves to FREE at once is stopped there, and told until when', async () => {
  const { key } = await t.tenant()
  const { body: pro } = await t.call('POST', '/subscriptions', { key, body: { plan: 'pro' } })
  expect((await t.call('POST', '/usage/batch', { key, body: { events: calls(1_500, 'a') } })).body.accepted).toBe(1_500)
  t.clock.set('2026-03-01T12:00:01Z')
  expect((await t.call('POST', `/subscriptions/${pro.id}/downgrade`, { key, body: { plan: 'free', when: 'now' } })).status).toBe(
    200,
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000)) // what a tenant may use is known a second later everywhere
  const refused = await t.call('POST', '/usage/record', { key, body: { type: 'API_CALL' } })
  expect(refused).toMatchObject({
    status: 429,
    // 31 days less the second
    headers: { 'retry-after': '2678399' },
    body: { code: 'quota_exceeded', meter: 'api_calls', used: '1500', resets_at: '2026-04-01T12:00:00Z', retry_after: 2_678_399 },
  })
  const batch = await t.call('POST', '/usage/batch', { key, body: { events: calls(2, 'b') } })
  expect(batch.body).toMatchObject({ accepted: 0, rejected: [{ code: 'quota_exceeded' }, { code: 'quota_exceeded' }] })

  // Up, more use there, and down again: no second allowance.
  expect((await t.call('POST', `/subscriptions/${pro.id}/upgrade`, { key, body: { plan: 'pro' } })).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect((await t.call('POST', '/usage/batch', { key, body: { events: calls(9_000, 'c') } })).body.accepted).toBe(9_000)
  t.clock.set('2026-03-01T12:00:02Z')
  expect((await t.call('POST', `/subscriptions/${pro.id}/downgrade`, { key, body: { plan: 'free', when: 'now' } })).status).toBe(
    200,
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect((await t.call('POST', '/usage/record', { key, body: { type: 'API_CALL' } })).body).toMatchObject({
    code: 'quota_exceeded',
    used: '10500',
  })

  t.clock.set('2026-04-01T12:00:00Z')
  expect((await t.call('POST', '/usage/record', { key, body: { type: 'API_CALL' } })).status).toBe(201)
})
