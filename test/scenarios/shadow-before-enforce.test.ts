import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T09:00:00Z' })
})
afterAll(() => t.close())

/** Until every server has the limits as they are now. */
const second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

test('a limit is tried in shadow, eased where it would hurt, and then enforced; its past explains what was refused', async () => {
  const big = await t.tenant()
  const small = await t.tenant()
  const asOperator = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object) =>
    t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body && { body }) })
  const perMinute = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 60_000 })
  const created = await asOperator('POST', '', {
    name: 'chat',
    scopes: ['PER_TENANT'],
    endpoints: ['POST /v1/chat'],
    policy: perMinute(10),
    mode: 'shadow',
  })
  const id = String(created.body.id)
  const chat = async (key: string, times: number) => {
    let passed = 0
    for (let i = 0; i < times; i += 1) {
      const { body } = await t.call('POST', '/rate-limits/check', { key, body: { endpoint: 'POST /v1/chat' } })
      if (body.allowed === true) passed += 1
    }
    await t.app.flushViolations()
    return passed
  }

  await second()
  expect([await chat(big.key, 25), await chat(small.key, 5)]).toEqual([25, 5])
  const tried = await asOperator('GET', `/violations?limit_id=${id}`)
  expect(tried.body.data).toMatchObject([{ refused: 0, would_refuse: 15, top_keys: [{ key: `tenant=${big.id}`, seen: 15 }] }])

  t.clock.set('2026-03-01T10:00:00Z')
  await asOperator('PATCH', `/${id}`, {
    mode: 'enforce',
    overrides: [{ match: { tenant_id: big.id }, policy: perMinute(20) }],
  })
  await second()
  expect([await chat(big.key, 25), await chat(small.key, 12)]).toEqual([20, 10])
  const { body } = await asOperator('GET', `/violations?limit_id=${id}`)
  expect(body.data).toMatchObject([
    { hour: '2026-03-01T10:00:00Z', refused: 7, would_refuse: 0 },
    { hour: '2026-03-01T09:00:00Z', refused: 0, would_refuse: 15 },
  ])
  const read = await asOperator('GET', `/${id}`)
  expect(read.body.versions).toMatchObject([
    { version: 2, mode: 'enforce', created_at: '2026-03-01T10:00:00Z' },
    { version: 1, mode: 'shadow', created_at: '2026-03-01T09:00:00Z' },
  ])
})
