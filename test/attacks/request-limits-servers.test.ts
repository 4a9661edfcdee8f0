import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { PREFIX } from '../../src/platform/http/server.ts'
import { type TestApp, type TestTenant, testApp } from '../harness/app.ts'
import { describeRedis, openRedis, redisUrl } from '../harness/redis.ts'
import { slowLine } from '../harness/slow-line.ts'

const limits = { addressPerMinute: 1_000 }

const subscribed = async (t: TestApp, plan?: string): Promise<TestTenant> => {
  const tenant = await t.tenant()
  if (plan === undefined) return tenant
  const { status, text } = await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: tenant.id, plan } })
  if (status !== 201) throw new Error(text)
  return tenant
}
const read = async (app: App, { id, key }: TestTenant) => {
  const { statusCode, headers } = await app.http.app.inject({
    method: 'GET',
    url: `${PREFIX}/tenants/${id}`,
    headers: { authorization: `Bearer ${key}` },
  })
  return { status: statusCode, headers }
}

describeRedis('two servers over one Redis limit the calls of the API together', () => {
  let t: TestApp
  let other: App
  let lowShare: TestApp
  const { redis } = openRedis()
  const tenants: TestTenant[] = []
  beforeAll(async () => {
    t = await testApp({ redisUrl, limits, maxInFlight: 5_000 })
    other = await t.beside()
    lowShare = await testApp({ redisUrl, limits: { ...limits, keySharePercent: 50 } })
  })
  afterAll(async () => {
    await t.close()
    await lowShare.close()
    for (const { id } of tenants) {
      const keys = await redis.keys(`cognitionos:{tenant=${id}}*`)
      if (keys.length > 0) await redis.unlink(keys)
    }
  })
  const tenantOf = async (plan?: string, at = t): Promise<TestTenant> => {
    const tenant = await subscribed(at, plan)
    tenants.push(tenant)
    return tenant
  }
  const each = (i: number): App => (i % 2 === 0 ? t.app : other)
  const passedOf = (answers: readonly { readonly status: number }[]): number => {
    expect(answers.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
    return answers.filter(({ status }) => status === 200).length
  }
  const atOnce = async (count: number, tenant: TestTenant): Promise<number> =>
    passedOf(await Promise.all(Array.from({ length: count }, (_, i) => read(each(i), tenant))))

  test.each([
    ['the smallest plan, each call of which asks Redis', undefined, 10],
    ['a small plan that is leased', 'starter', 100],
    ['a plan that is leased', 'pro', 1_000],
  ])('of %s exactly its calls a minute pass', { timeout: 60_000 }, async (_name, plan, rate) => {
    const tenant = await tenantOf(plan)
    let passed = await atOnce(rate + 200, tenant)
    expect(passed).toBeLessThanOrEqual(rate)
    // As a server does a few times a second: what one of them holds comes back to the other.
    const drained = async () => {
      for (const app of [t.app, other]) app.sweepLeases()
      passed += await atOnce(4, tenant)
      return passed
    }
    await expect.poll(drained, { timeout: 20_000, interval: 150 }).toBe(rate)
    expect(await atOnce(20, tenant)).toBe(0)
  })

  test('fields, body and Retry-After are those of one server', async () => {
    const tenant = await tenantOf()
    const first = await read(t.app, tenant)
    expect(first.headers).toMatchObject({ 'ratelimit-policy': '"key";q=10;w=60,"tenant";q=10;w=60' })
    expect(first.headers.ratelimit).toMatch(/^"key";r=9;t=6\d,"tenant";r=9;t=6\d$/)
    expect((await read(other, tenant)).headers.ratelimit).toMatch(/^"key";r=8;t=6\d,"tenant";r=8;t=6\d$/)
    for (let n = 0; n < 8; n += 1) expect((await read(each(n), tenant)).status).toBe(200)
    for (let n = 0; n < 2; n += 1) {
      const refusal = await t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key })
      expect(refusal.body).toMatchObject({ code: 'rate_limited', 'violated-policies': ['key', 'tenant'] })
      const told = Number(/^"key";r=0;t=(\d+),/.exec(String(refusal.headers.ratelimit))?.[1])
      expect(told).toBeGreaterThan(0)
      expect(Number(refusal.headers['retry-after'])).toBeGreaterThanOrEqual(told)
    }
    const metrics = await t.app.http.app.inject('/metrics')
    expect(metrics.body).toMatch(/^http_requests_rate_limited_total\{limit="tenant"\} [1-9]/m)
    await t.app.audit.flush()
    const rows = await t.app.db.control.asOperator('test', (tx) =>
      tx.selectFrom('audit_log').select('code').where('tenant_id', '=', tenant.id).where('outcome', '=', 'denied').execute(),
    )
    expect(rows).toEqual([{ code: 'rate_limited' }])
  })

  test('a changed plan holds on both within a second, for what was counted before too', async () => {
    const tenant = await tenantOf()
    expect(await atOnce(20, tenant)).toBe(10)
    const body = { tenant_id: tenant.id, plan: 'starter' }
    const made = await t.call('POST', '/subscriptions', { key: t.operatorKey, body })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    let passed = 10
    for (const app of [t.app, other]) {
      const answer = await read(app, tenant)
      expect(answer).toMatchObject({ status: 200, headers: { 'ratelimit-policy': '"key";q=100;w=60,"tenant";q=100;w=60' } })
      passed += 1
    }
    passed += await atOnce(40, tenant)
    expect(passed).toBe(52)
    const ended = await t.call('POST', `/subscriptions/${made.body.id}/cancel`, {
      key: t.operatorKey,
      body: { when: 'now' },
    })
    expect(ended.status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await atOnce(20, tenant)).toBe(0)
  })

  test('a key has its share of the plan over both, and another key of the tenant the rest', async () => {
    const tenant = await tenantOf('starter', lowShare)
    const body = { name: 'two', scopes: ['tenants:read'] }
    const key = await lowShare.call('POST', `/tenants/${tenant.id}/api-keys`, { key: lowShare.operatorKey, body })
    const second = await lowShare.beside()
    const counted = async (one: TestTenant) =>
      passedOf(await Promise.all(Array.from({ length: 80 }, (_, i) => read(i % 2 === 0 ? lowShare.app : second, one))))
    expect(await counted(tenant)).toBe(50)
    const refusal = await lowShare.call('GET', `/tenants/${tenant.id}`, { key: tenant.key })
    expect(refusal.body).toMatchObject({ 'violated-policies': ['key'] })
    expect(await counted({ id: tenant.id, key: String(key.body.secret) })).toBeGreaterThanOrEqual(46)
  })

  test('without Redis each lets its share of the plan through, and nothing fails', { timeout: 60_000 }, async () => {
    const line = await slowLine(new URL(redisUrl))
    const alone = await testApp({ redisUrl: `redis://127.0.0.1:${line.port}`, limits })
    onTestFinished(async () => {
      await alone.close()
    })
    const beside = await alone.beside()
    for (const app of [alone.app, beside]) await app.countServers()
    await alone.app.countServers()
    const tenant = await tenantOf(undefined, alone)
    expect((await read(alone.app, tenant)).status).toBe(200)
    await line.cut()
    const began = performance.now()
    for (const app of [alone.app, beside])
      expect(passedOf(await Promise.all(Array.from({ length: 40 }, () => read(app, tenant))))).toBeLessThanOrEqual(5)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect((await alone.app.http.app.inject('/metrics')).body).toMatch(
      /^rate_limit_degraded_total\{on_unavailable="local"\} [1-9]/m,
    )
  })
})
