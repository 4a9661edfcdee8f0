import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-27T12:00:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())

const perDay = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 86_400_000 })
const limit = async (terms: object): Promise<string> => {
  const body = { name: 'calls', scopes: ['PER_TENANT'], policy: perDay(10), ...terms }
  return String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id)
}
const checkAt = async (at: string, id: string, body: object = {}) => {
  t.clock.set(at)
  return (await t.call('POST', `/rate-limits/${id}/check`, { key: acme.key, body })).body
}

test('another policy holds from the second at which it begins to the one at which it ends, over the same counts', async () => {
  const hours = { time_zone: 'Europe/Berlin', days: ['sunday'], from: '02:00', to: '12:00' }
  const id = await limit({ overrides: [{ match: { schedule: [{ hours }] }, policy: perDay(100) }] })
  // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00 at 01:00 UTC.
  expect(await checkAt('2026-03-29T00:59:59.999Z', id)).toMatchObject({ limits: [{ limit: 10, remaining: 9 }] })
  expect(await checkAt('2026-03-29T01:00:00Z', id)).toMatchObject({ limits: [{ limit: 100, remaining: 98 }] })
  expect(await checkAt('2026-03-29T09:59:59.999Z', id, { peek: true })).toMatchObject({ limits: [{ limit: 100, remaining: 98 }] })
  expect(await checkAt('2026-03-29T10:00:00Z', id)).toMatchObject({ limits: [{ limit: 10, remaining: 7 }] })
})

test('out of its times a limit refuses nothing and takes nothing, and an explanation says so', async () => {
  const id = await limit({
    policy: perDay(1),
    schedule: [{ starts_at: '2026-04-01T00:00:00Z', ends_at: '2026-04-01T06:00:00Z' }],
  })
  const explain = { explain: true }
  expect(await checkAt('2026-03-31T23:59:59.999Z', id, explain)).toMatchObject({
    allowed: true,
    limits: [],
    explanation: { limits: [{ limit_id: id, reason: 'out_of_schedule', policy: perDay(1) }] },
  })
  expect(await checkAt('2026-04-01T00:00:00Z', id)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
  expect(await checkAt('2026-04-01T05:59:59.999Z', id)).toMatchObject({ allowed: false })
  expect(await checkAt('2026-04-01T06:00:00Z', id)).toMatchObject({ allowed: true, limits: [] })
  const usage = await t.call('GET', `/rate-limits/${id}/usage?tenant_id=${acme.id}`, { key: t.operatorKey })
  expect([usage.status, usage.body.code]).toEqual([422, 'rate_limit_not_applicable'])
})
