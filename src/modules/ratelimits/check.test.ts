import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
let globex: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T00:00:00Z' })
  acme = await t.tenant()
  globex = await t.tenant()
})
afterAll(() => t.close())
beforeEach(() => t.clock.set('2026-03-01T00:00:00Z'))

const perWindow = (limit: number, window_ms = 60_000) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms })
const asOperator = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body === undefined ? {} : { body }) })
const limit = async (terms: object): Promise<string> =>
  String((await asOperator('POST', '', { name: 'calls', scopes: ['PER_TENANT'], policy: perWindow(2), ...terms })).body.id)
const check = async (path: string, body: object = {}, key = acme.key) =>
  (await t.call('POST', `/rate-limits${path}check`, { key, body })).body
/** Until every server has the limits as they are now. */
const second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

test('a limit just made is asked at once, counts each tenant apart, and tells what is left and when to come back', async () => {
  const id = await limit({})
  const first = await check(`/${id}/`)
  expect(first).toEqual({
    allowed: true,
    refused_by: null,
    retry_after_ms: null,
    delay_ms: 0,
    limits: [
      {
        limit_id: id,
        name: 'calls',
        version: 1,
        key: `tenant=${acme.id}`,
        mode: 'enforce',
        allowed: true,
        would_refuse: false,
        limit: 2,
        remaining: 1,
        reset_ms: 60_000,
        retry_after_ms: null,
        delay_ms: 0,
        degraded: false,
      },
    ],
  })
  expect(await check(`/${id}/`)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
  t.clock.set('2026-03-01T00:00:45Z')
  expect(await check(`/${id}/`)).toMatchObject({ allowed: false, refused_by: id, retry_after_ms: 15_000 })
  expect(await check(`/${id}/`, {}, globex.key)).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] })
})

// Case FW22 (gubernator: functional_test.go, TestChangeLimit).
test('a changed number holds within a second, and what was taken stays taken', async () => {
  const id = await limit({ policy: perWindow(100, 9_000) })
  const left = async () => (await check(`/${id}/`)).limits
  const change = async (number: number) => {
    await asOperator('PATCH', `/${id}`, { policy: perWindow(number, 9_000) })
    await second()
  }
  expect(await left()).toMatchObject([{ remaining: 99 }])
  expect(await left()).toMatchObject([{ remaining: 98 }])
  await change(10)
  expect(await left()).toMatchObject([{ remaining: 7, version: 2 }])
  expect(await left()).toMatchObject([{ remaining: 6 }])
  await change(200)
  expect(await left()).toMatchObject([{ remaining: 195, version: 3 }])
  await asOperator('PATCH', `/${id}`, { policy: { algorithm: 'SLIDING_WINDOW', limit: 200, window_ms: 9_000 } })
  await second()
  expect(await left()).toMatchObject([{ remaining: 199, version: 4 }])
})

test('an archived limit is gone within a second', async () => {
  const id = await limit({})
  expect(await check(`/${id}/`)).toMatchObject({ allowed: true })
  await asOperator('DELETE', `/${id}`)
  await second()
  expect(await check(`/${id}/`)).toMatchObject({ code: 'rate_limit_not_found' })
})

test('of many limits all allow or none is taken, and the first by priority is named', async () => {
  const [narrow, broad, first] = [
    await limit({ policy: perWindow(1) }),
    await limit({ policy: perWindow(100) }),
    await limit({ policy: perWindow(1), priority: 9 }),
  ]
  const all = { limits: [narrow, broad, first].map((limit_id) => ({ limit_id })) }
  expect(await check('/', all)).toMatchObject({ allowed: true, limits: [{ limit_id: first }, {}, {}] })
  const refused = await check('/', all)
  expect(refused).toMatchObject({ allowed: false, refused_by: first })
  expect(await check(`/${broad}/`, { peek: true })).toMatchObject({ limits: [{ remaining: 99 }] })
  const [, ...rest] = all.limits
  expect(await check('/', { limits: [...rest, ...rest] })).toMatchObject({ code: 'rate_limit_repeated' })
})

test('two thousand at once against a hundred: a hundred are let through', async () => {
  const id = await limit({ policy: perWindow(100) })
  const answers = await Promise.all(Array.from({ length: 2_000 }, () => t.app.services.rateChecks.one(operator, id, subject)))
  expect(answers.filter(({ allowed }) => allowed)).toHaveLength(100)
})
const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
const subject = { subject: { tenantId: 'tnt_busy' } }

test('a peek and a dry run take nothing; a dry run decides as if it did', async () => {
  const id = await limit({})
  expect(await check(`/${id}/`, { peek: true, cost: 9 })).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] })
  expect(await check(`/${id}/`, { dry_run: true, cost: 2 })).toMatchObject({ allowed: true })
  expect(await check(`/${id}/`, { dry_run: true, cost: 3 })).toMatchObject({ allowed: false, retry_after_ms: null })
  expect(await check(`/${id}/`, { cost: 2 })).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
  expect(await check(`/${id}/`, { dry_run: true })).toMatchObject({ allowed: false, retry_after_ms: 60_000 })
})

test('a retry under the same Idempotency-Key is answered as the first time, and takes nothing more', async () => {
  const id = await limit({})
  const headers = { 'idempotency-key': 'retry' }
  const ask = () => t.call('POST', `/rate-limits/${id}/check`, { key: acme.key, body: {}, headers })
  expect((await ask()).text).toBe((await ask()).text)
  expect(await check(`/${id}/`, { peek: true })).toMatchObject({ limits: [{ remaining: 1 }] })
})

test('a limit in shadow mode says what it would refuse, refuses nothing, and takes nothing from a request that others refuse', async () => {
  const [shadow, real] = [await limit({ mode: 'shadow', policy: perWindow(1) }), await limit({ policy: perWindow(0) })]
  const both = { limits: [{ limit_id: shadow }, { limit_id: real }] }
  expect(await check('/', both)).toMatchObject({ allowed: false, refused_by: real })
  const alone = () => check(`/${shadow}/`)
  expect(await alone()).toMatchObject({ allowed: true, limits: [{ allowed: true, would_refuse: false, remaining: 0 }] })
  expect(await alone()).toMatchObject({
    allowed: true,
    refused_by: null,
    limits: [{ allowed: true, would_refuse: true, retry_after_ms: 60_000 }],
  })
})

test('spend is counted in exact money, in debt of the same units as the limit', async () => {
  const id = await limit({ policy: { algorithm: 'COST_BASED', limit: '1.00', window_ms: 60_000 } })
  const spend = (amount: string) => check(`/${id}/`, { amount })
  expect(await spend('0.1')).toMatchObject({ limits: [{ limit: '1', remaining: '0.9' }] })
  expect(await spend('0.2')).toMatchObject({ limits: [{ remaining: '0.7' }] })
  expect(await spend('0.700000000001')).toMatchObject({ allowed: false, limits: [{ remaining: '0.7' }] })
  expect(await spend('0.7')).toMatchObject({ allowed: true, limits: [{ remaining: '0' }] })
  expect(await check(`/${id}/`)).toMatchObject({ code: 'amount_missing' })
  expect(await spend('9999')).toMatchObject({ code: 'amount_too_large' })
  for (const odd of ['0000.1', '1.', '-1', '1e3']) expect(await spend(odd)).toMatchObject({ code: 'validation_failed' })
  const usage = await asOperator('GET', `/${id}/usage?tenant_id=${acme.id}`)
  expect(usage.body).toMatchObject({ used: '1', remaining: '0' })
})

test("a tenant's key meets only limits that count each tenant apart: no other one's counts can be spent or read by it", async () => {
  const ids = await Promise.all(['GLOBAL', 'PER_IP', 'PER_ENDPOINT', 'PER_RESOURCE'].map((scope) => limit({ scopes: [scope] })))
  const body = { ip: '192.0.2.1', endpoint: 'GET /', resource: 'r' }
  for (const id of ids) {
    expect(await check(`/${id}/`, body)).toMatchObject({ code: 'rate_limit_not_found' })
    expect(await check(`/${id}/`, body, t.operatorKey)).toMatchObject({ allowed: true })
  }
  await second()
  const { limits } = await check('/', { ...body, peek: true })
  expect(ids.filter((id) => JSON.stringify(limits).includes(id))).toEqual([])
})

test('what a limit counts by must be told', async () => {
  const id = await limit({ scopes: ['PER_TENANT', 'PER_IP', 'PER_RESOURCE'] })
  expect(await check(`/${id}/`, { ip: 'nowhere' })).toMatchObject({
    code: 'subject_incomplete',
    detail: `rate limit ${id} counts by ip, resource; send a valid one`,
    missing: ['ip', 'resource'],
  })
})

test('an address that is none is refused: no limit takes it for a request without one, and nothing is taken', async () => {
  const [byAddress, other] = await Promise.all([limit({ scopes: ['PER_TENANT', 'PER_IP'] }), limit({})])
  await second()
  for (const ip of ['203.0.113.9:51234', '203.0.113.9, 10.0.0.1', ' 203.0.113.9', '[2001:db8::1]']) {
    const detail = `ip is ${JSON.stringify(ip)}, which is no address; send one alone, without port, brackets or spaces`
    const refusal = { status: 422, code: 'subject_incomplete', detail, missing: ['ip'] }
    for (const body of [{}, { limits: [{ limit_id: other }] }, { dry_run: true }, { peek: true }])
      expect(await check('/', { ...body, ip })).toMatchObject(refusal)
    expect(await check(`/${other}/`, { ip })).toMatchObject(refusal)
    const limits = [{ limit_id: byAddress }, { limit_id: other }]
    const { limits: asked, explanation } = await check('/', { limits, ip, peek: true, explain: true })
    expect(asked).toMatchObject([{ limit_id: other, remaining: 2 }])
    expect(explanation).toMatchObject({ limits: [{ reason: 'subject_incomplete', missing: ['ip'] }, { reason: 'applies' }] })
  }
})

test('all limits that apply are asked where none is named: about the endpoint, by the tier, and for this tenant', async () => {
  await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: globex.id, plan: 'pro' } })
  const id = await limit({
    endpoints: ['POST /v1/*'],
    overrides: [
      { match: { tier: 'PRO' }, policy: perWindow(7) },
      { match: { tenant_id: 'tnt_vip' }, policy: null },
    ],
  })
  await second()
  const mine = async (body: object, key: string) =>
    JSON.parse(JSON.stringify((await check('/', { peek: true, ...body }, key)).limits)).filter(
      (answer: { limit_id: string }) => answer.limit_id === id,
    )
  expect(await mine({ endpoint: 'GET /v1/chat' }, acme.key)).toEqual([])
  expect(await mine({ endpoint: 'POST /v1/chat' }, acme.key)).toMatchObject([{ limit: 2 }])
  expect(await mine({ endpoint: 'POST /v1/chat' }, globex.key)).toMatchObject([{ limit: 7 }])
  expect(await mine({ endpoint: 'POST /v1/chat', tenant_id: 'tnt_vip' }, t.operatorKey)).toEqual([])
})

test('the operator reads what a key has used, and forgets it', async () => {
  const id = await limit({ scopes: ['PER_TENANT', 'PER_USER'] })
  await check(`/${id}/`, { user_id: 'ada', cost: 2 })
  const usage = () => asOperator('GET', `/${id}/usage?tenant_id=${acme.id}&user_id=ada`)
  expect((await usage()).body).toMatchObject({ used: 2, remaining: 0, key: `tenant=${acme.id}|user=ada` })
  const reset = await asOperator('POST', `/${id}/reset`, { tenant_id: acme.id, user_id: 'ada' })
  expect(reset.body).toEqual({ limit_id: id, key: `tenant=${acme.id}|user=ada` })
  expect((await usage()).body).toMatchObject({ used: 0, remaining: 2 })
  expect((await asOperator('GET', `/${id}/usage`)).body).toMatchObject({ code: 'subject_incomplete' })
})
