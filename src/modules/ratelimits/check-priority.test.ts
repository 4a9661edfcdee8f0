import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T00:00:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())

const perMinute = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 60_000 })
const reserved = [{ min_priority: 5, percent: 30 }]
const limit = async (terms: object = {}): Promise<string> => {
  const body = { name: 'calls', scopes: ['PER_TENANT'], policy: perMinute(10), reserved, ...terms }
  return String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id)
}
const check = async (path: string, body: object) => (await t.call('POST', `/rate-limits${path}`, { key: acme.key, body })).body

test('a request of no priority is refused within the reserve, one of a higher priority is not; both count as one', async () => {
  const id = await limit()
  const ask = (body: object) => check(`/${id}/check`, body)
  expect(await ask({ cost: 7 })).toMatchObject({ allowed: true, limits: [{ limit: 7, remaining: 0 }] })
  expect(await ask({ dry_run: true })).toMatchObject({ allowed: false, retry_after_ms: 60_000 })
  expect(await ask({ priority: 4 })).toMatchObject({ allowed: false, retry_after_ms: 60_000 })
  expect(await ask({ priority: 5, peek: true })).toMatchObject({ limits: [{ limit: 10, remaining: 3 }] })
  expect(await ask({ priority: 5, cost: 3 })).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
  expect(await ask({ priority: 5 })).toMatchObject({ allowed: false })
  const usage = await t.call('GET', `/rate-limits/${id}/usage?tenant_id=${acme.id}`, { key: t.operatorKey })
  expect(usage.body).toMatchObject({ limit: 10, used: 10, remaining: 0 })
})

test('of many limits, one that is within its reserve keeps the others from being taken', async () => {
  const [low, plain] = [await limit({ policy: perMinute(1) }), await limit({ reserved: [] })]
  const limits = [{ limit_id: low }, { limit_id: plain }]
  expect(await check('/check', { limits })).toMatchObject({ allowed: false, refused_by: low, retry_after_ms: null })
  expect(await check(`/${plain}/check`, { peek: true })).toMatchObject({ limits: [{ remaining: 10 }] })
  expect(await check('/check', { limits, priority: 9 })).toMatchObject({
    allowed: true,
    limits: [{ remaining: 0 }, { remaining: 9 }],
  })
})

test("the reserve is of whichever policy holds, also an override's, and an explanation tells it", async () => {
  const overrides = [{ match: { tenant_id: acme.id }, policy: perMinute(100) }]
  const id = await limit({ overrides })
  expect(await check(`/${id}/check`, { explain: true, peek: true })).toMatchObject({
    limits: [{ limit: 70, remaining: 70 }],
    explanation: { limits: [{ policy: perMinute(100), reserved: 30 }] },
  })
})
