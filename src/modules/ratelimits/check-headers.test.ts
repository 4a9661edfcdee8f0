import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T00:00:00Z', limits: { addressPerMinute: 1_000, keySharePercent: 100 } })
  acme = await t.tenant()
})
afterAll(() => t.close())

const limit = async (number: number): Promise<string> => {
  const policy = { algorithm: 'FIXED_WINDOW', limit: number, window_ms: 60_000 }
  const body = { name: 'calls', scopes: ['PER_TENANT'], policy }
  return String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id)
}
const check = (path: string, key: string, body: object = {}, headers = {}) =>
  t.call('POST', `/rate-limits${path}`, { key, body: { tenant_id: acme.id, ...body }, headers })

test('a check tells its limits in the fields of the draft, and a refusal is still answered 200, with the wait', async () => {
  const id = await limit(1)
  const passed = await check(`/${id}/check`, t.operatorKey)
  expect(passed.status).toBe(200)
  expect(passed.headers).toMatchObject({ 'ratelimit-policy': `"${id}";q=1;w=60`, ratelimit: `"${id}";r=0;t=60` })
  expect(passed.headers).not.toHaveProperty('retry-after')
  const refused = await check(`/${id}/check`, t.operatorKey)
  expect([refused.status, refused.body.allowed]).toEqual([200, false])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(60)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(66)
})

test("the limits that were asked stand after the API's own", async () => {
  const [a, b] = [await limit(5), await limit(7)]
  const { headers } = await check('/check', acme.key, { limits: [{ limit_id: a }, { limit_id: b, cost: 2 }] })
  expect(headers['ratelimit-policy']).toMatch(new RegExp(`^"key";q=.*,"tenant";q=.*,"${a}";q=5;w=60,"${b}";q=7;w=60$`))
  expect(headers.ratelimit).toMatch(new RegExp(`^"key";r=.*,"tenant";r=.*,"${a}";r=4;t=60,"${b}";r=5;t=60$`))
})

test('a replayed answer tells nothing of how things stand: that is past', async () => {
  const id = await limit(2)
  const ask = () => check(`/${id}/check`, t.operatorKey, {}, { 'idempotency-key': 'once' })
  expect((await ask()).headers).toHaveProperty('ratelimit')
  const again = await ask()
  expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true' })
  expect(again.headers).not.toHaveProperty('ratelimit')
})
