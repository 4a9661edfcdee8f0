import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import { describeRedis, openRedis, redisUrl } from '../../../test/harness/redis.ts'
import type { App } from '../../app.ts'

interface Ask {
  readonly agent_id?: string
  readonly action?: 'hold' | 'release' | 'look'
  readonly tenant_id?: string
}

const CHECK = '/rate-limits/concurrent_agents/check'
/** Until every server has the plan as it is now. */
const second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

describe("the agents that a tenant's plan lets run at once", () => {
  let t: TestApp
  let acme: TestTenant
  beforeAll(async () => {
    t = await testApp()
  })
  afterAll(() => t.close())
  beforeEach(async () => {
    t.clock.set('2026-03-01T00:00:00Z')
    acme = await t.tenant()
  })

  const asked = (body: Ask, key = acme.key) => t.call('POST', CHECK, { key, body: { agent_id: 'one', ...body } })
  const ask = async (agent_id: string, action?: Ask['action'], key = acme.key) =>
    (await asked({ agent_id, ...(action ? { action } : {}) }, key)).body
  const asOperator = async (method: 'GET' | 'POST', path: string, body?: object) =>
    (await t.call(method, path, { key: t.operatorKey, ...(body ? { body } : {}) })).body
  const usage = () => asOperator('GET', `/rate-limits/concurrent_agents/usage?tenant_id=${acme.id}`)
  const subscribe = async (plan: string) => {
    const made = await t.call('POST', '/subscriptions', { key: acme.key, body: { plan }, headers: { 'idempotency-key': plan } })
    expect(made.status).toBe(201)
    await second()
    return String(made.body.id)
  }

  test('are as many as the smallest tier has without a subscription, and each tenant has its own', async () => {
    const globex = await t.tenant()
    expect(await ask('one')).toEqual({
      limit_id: 'concurrent_agents',
      tenant_id: acme.id,
      agent_id: 'one',
      allowed: true,
      limit: 1,
      remaining: 0,
      retry_after_ms: null,
      renew_within_ms: 60_000,
      degraded: false,
    })
    expect(await ask('two')).toMatchObject({ allowed: false, remaining: 0, retry_after_ms: 5_000, renew_within_ms: null })
    expect(await ask('one', 'hold', globex.key)).toMatchObject({ allowed: true, tenant_id: globex.id })
  })

  test('are as many as a plan has, within a second; a smaller plan ends none that run', async () => {
    const id = await subscribe('starter')
    for (const agent of ['one', 'two', 'three']) expect(await ask(agent)).toMatchObject({ allowed: true, limit: 3 })
    expect(await ask('four')).toMatchObject({ allowed: false })
    await asOperator('POST', `/subscriptions/${id}/cancel`, { when: 'now' })
    await second()
    expect(await usage()).toEqual({ limit_id: 'concurrent_agents', tenant_id: acme.id, limit: 1, used: 3, remaining: 0 })
    expect(await ask('three')).toMatchObject({ allowed: true, limit: 1, remaining: 0 })
    for (const agent of ['one', 'two']) await ask(agent, 'release')
    expect(await ask('four')).toMatchObject({ allowed: false })
    await ask('three', 'release')
    expect(await ask('four')).toMatchObject({ allowed: true })
  })

  test('of two hundred that begin at once are exactly the plan’s', async () => {
    await subscribe('pro')
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`run_${i}`)))
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
    expect(await usage()).toMatchObject({ used: 10, remaining: 0 })
  })

  test('hold a place while they are heard of, and a minute longer', async () => {
    await ask('one')
    for (const at of ['00:00:59', '00:01:58', '00:02:57']) {
      t.clock.set(`2026-03-01T${at}Z`)
      expect(await ask('one')).toMatchObject({ allowed: true })
    }
    t.clock.set('2026-03-01T00:03:56Z')
    expect(await ask('two')).toMatchObject({ allowed: false })
    t.clock.set('2026-03-01T00:03:57Z')
    expect(await ask('two')).toMatchObject({ allowed: true })
    expect(await ask('one')).toMatchObject({ allowed: false })
  })

  test('give their place back once, however often that is said, and nobody else’s', async () => {
    await ask('one')
    expect(await ask('two', 'release')).toMatchObject({ allowed: true, remaining: 0 })
    for (let i = 0; i < 2; i += 1)
      expect(await ask('one', 'release')).toMatchObject({ allowed: true, remaining: 1, renew_within_ms: null })
    expect(await ask('two')).toMatchObject({ allowed: true })
    expect(await ask('one', 'release')).toMatchObject({ allowed: true, remaining: 0 })
  })

  test('are looked at without a place being taken', async () => {
    expect(await ask('one', 'look')).toMatchObject({ allowed: true, remaining: 1, renew_within_ms: null })
    expect(await ask('two')).toMatchObject({ allowed: true })
    expect(await ask('one', 'look')).toMatchObject({ allowed: false, remaining: 0, retry_after_ms: 5_000 })
  })

  test('are told in header fields, with when to come back', async () => {
    const first = await asked({ agent_id: 'one' })
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"concurrent_agents";q=1;qu="concurrent-requests"',
      ratelimit: '"concurrent_agents";r=0',
    })
    expect(first.headers).not.toHaveProperty('retry-after')
    const refused = await asked({ agent_id: 'two' })
    expect(refused.status).toBe(200)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(6)
    expect((await t.call('GET', '//metrics')).text).toMatch(/^concurrent_agents_refused_total [1-9]/m)
  })

  test('are asked about by an operator for any tenant that it names, and freed all at once', async () => {
    const body = { agent_id: 'one', tenant_id: acme.id }
    expect(await asOperator('POST', CHECK, body)).toMatchObject({ allowed: true, tenant_id: acme.id })
    expect(await asOperator('POST', CHECK, { agent_id: 'one' })).toMatchObject({ status: 404, code: 'tenant_not_found' })
    expect(await asOperator('POST', CHECK, { ...body, tenant_id: 'tnt_none' })).toMatchObject({ code: 'tenant_not_found' })
    expect(await ask('two')).toMatchObject({ allowed: false })
    const reset = await asOperator('POST', '/rate-limits/concurrent_agents/reset', { tenant_id: acme.id })
    expect(reset).toEqual({ limit_id: 'concurrent_agents', tenant_id: acme.id, freed: 1 })
    expect(await ask('two')).toMatchObject({ allowed: true })
    expect(
      (await t.call('POST', '/rate-limits/concurrent_agents/reset', { key: acme.key, body: { tenant_id: acme.id } })).status,
    ).toBe(403)
  })

  test('are no limit that can be read or changed by that name: it follows the plan', async () => {
    const path = '/rate-limits/concurrent_agents'
    expect(await asOperator('GET', path)).toMatchObject({ status: 404, code: 'rate_limit_not_found' })
  })
})

describeRedis('agents over two servers', () => {
  let t: TestApp
  let other: App
  beforeAll(async () => {
    t = await testApp({ redisUrl })
    other = await t.beside()
  })
  const { redis } = openRedis()
  let acme: TestTenant
  beforeEach(async () => {
    acme = await t.tenant()
  })
  afterAll(async () => {
    await t.close()
  })

  const keys = () => redis.keys(`cognitionos:{tenant=${acme.id}}*`)
  const servers = () => [t.app.services.concurrentAgents, other.services.concurrentAgents]

  test('have the places of one plan, and keep, free and lose them together', async () => {
    const [here, there] = servers()
    expect(await here?.hold(acme.id, 'one')).toMatchObject({ allowed: true, degraded: false })
    expect(await there?.hold(acme.id, 'two')).toMatchObject({ allowed: false })
    expect(await there?.hold(acme.id, 'one')).toMatchObject({ allowed: true })
    expect(await there?.release(acme.id, 'one')).toMatchObject({ remaining: 1 })
    expect(await here?.hold(acme.id, 'two')).toMatchObject({ allowed: true })
    expect(await there?.usage(acme.id)).toEqual({ limit: 1, used: 1 })
    expect(await there?.reset(acme.id)).toBe(1)
    expect(await here?.look(acme.id)).toMatchObject({ allowed: true, remaining: 1 })
  })

  test('of two hundred that begin at once on both are exactly the plan’s', async () => {
    const made = await t.call('POST', '/subscriptions', { key: acme.key, body: { plan: 'pro' } })
    expect(made.status).toBe(201)
    const answers = await Promise.all(
      servers().flatMap((server, s) => Array.from({ length: 100 }, (_, i) => server.hold(acme.id, `${s} ${i}`))),
    )
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
    expect(answers.some(({ degraded }) => degraded)).toBe(false)
  })

  test("lie with their tenant's other counts, and go by themselves", async () => {
    await servers()[0]?.hold(acme.id, '}odd{')
    expect(await keys()).not.toEqual([])
    const lives = await Promise.all((await keys()).map((key) => redis.pttl(key)))
    expect(lives.filter((ms) => ms <= 0 || ms > 60_000)).toEqual([])
    expect(await servers()[1]?.release(acme.id, '}odd{')).toMatchObject({ remaining: 1 })
  })
})
