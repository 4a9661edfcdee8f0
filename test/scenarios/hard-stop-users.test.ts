import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-04-01T00:00:00Z' })
})
afterAll(() => t.close())

test('FREE has one user and stops there; an upgrade makes room at once, a plan with overage has no stop but the quota', async () => {
  const { id, key } = await t.tenant()
  const { body: sub } = await t.call('POST', '/subscriptions', { key, body: { plan: 'free' } })
  const add = (name: string) =>
    t.call('POST', `/tenants/${id}/users`, { key, body: { email: `${name}@example.com`, name, role: 'member' } })
  const refused = await add('second')
  expect([refused.status, refused.body.code]).toEqual([429, 'plan_users_exceeded'])
  expect(refused.text).toContain('the tenant has 1 of the 1 users that its plan includes')
  await t.call('POST', `/subscriptions/${sub.id}/upgrade`, { key, body: { plan: 'starter' } })
  for (const name of ['second', 'third', 'fourth']) expect((await add(name)).status).toBe(201) // STARTER includes three
  await t.call('POST', `/subscriptions/${sub.id}/downgrade`, { key, body: { plan: 'free', when: 'now' } })
  expect((await add('fifth')).body.code).toBe('plan_users_exceeded') // nobody is thrown out, nobody comes in
})
