import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import { describeRedis, openRedis, redisUrl } from '../../../test/harness/redis.ts'
import type { App } from '../../app.ts'

describeRedis('two servers over one Redis', () => {
  let t: TestApp
  let other: App
  let acme: TestTenant
  beforeAll(async () => {
    t = await testApp({ redisUrl })
    other = await t.beside()
    acme = await t.tenant()
  })
  const { redis } = openRedis()
  const made: string[] = []
  afterAll(async () => {
    for (const id of made) {
      const keys = await redis.keys(`cognitionos:*${id}*`)
      if (keys.length > 0) await redis.unlink(keys)
    }
    await t.close()
  })

  const HOUR = 3_600_000
  const limit = async (terms: object): Promise<string> => {
    const body = { name: 'calls', scopes: ['PER_TENANT'], ...terms }
    made.push(String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id))
    return made.at(-1) ?? ''
  }
  const check = async (id: string, body: object = {}) =>
    (await t.call('POST', `/rate-limits/${id}/check`, { key: acme.key, body })).body
  const checkThere = async (id: string, body: object = {}) => {
    const headers = { authorization: `Bearer ${acme.key}`, 'content-type': 'application/json' }
    const url = `/api/v3/saas/rate-limits/${id}/check`
    return JSON.parse((await other.http.app.inject({ method: 'POST', url, headers, payload: JSON.stringify(body) })).body)
  }

  test('let exactly 100 of 2,000 requests at once through a limit of 100', { timeout: 60_000 }, async () => {
    const id = await limit({ policy: { algorithm: 'SLIDING_WINDOW', limit: 100, window_ms: HOUR } })
    const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
    const servers = [t.app, other]
    const answers = await Promise.all(
      Array.from({ length: 2_000 }, (_, i) =>
        servers[i % 2]?.services.rateChecks.one(operator, id, { subject: { tenantId: acme.id } }),
      ),
    )
    expect(answers.filter((answer) => answer?.allowed)).toHaveLength(100)
    expect(answers.some((answer) => answer?.limits.some(({ degraded }) => degraded))).toBe(false)
  })

  test('see what the other took, read it, and forget it together', async () => {
    const id = await limit({ policy: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, per_ms: HOUR } } })
    expect(await check(id, { cost: 4 })).toMatchObject({ allowed: true, limits: [{ remaining: 6, degraded: false }] })
    expect(await checkThere(id, { peek: true })).toMatchObject({ limits: [{ remaining: 6 }] })
    expect(await checkThere(id, { dry_run: true, cost: 7 })).toMatchObject({ allowed: false, limits: [{ remaining: 6 }] })
    expect(await checkThere(id, { cost: 6 })).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
    expect(await check(id)).toMatchObject({ allowed: false, refused_by: id })
    await t.call('POST', `/rate-limits/${id}/reset`, { key: t.operatorKey, body: { tenant_id: acme.id } })
    expect(await checkThere(id, { peek: true })).toMatchObject({ limits: [{ remaining: 10 }] })
  })

  test('count as one under a changed number, and under another window', async () => {
    const window = (number: number, window_ms: number) => ({
      algorithm: 'FIXED_WINDOW',
      limit: number,
      window_ms,
      anchor: 'first_use',
    })
    const id = await limit({ policy: window(10, HOUR) })
    const change = async (policy: object) => {
      await t.call('PATCH', `/rate-limits/${id}`, { key: t.operatorKey, body: { policy } })
      await new Promise((resolve) => setTimeout(resolve, 1_000)) // by then every server knows
    }
    await check(id, { cost: 3 })
    expect(await checkThere(id, { cost: 4 })).toMatchObject({ limits: [{ remaining: 3, version: 1 }] })
    await change(window(8, HOUR))
    expect(await check(id, { peek: true })).toMatchObject({ limits: [{ remaining: 1, version: 2 }] })
    await change(window(8, 2 * HOUR))
    expect(await checkThere(id, { peek: true })).toMatchObject({ limits: [{ remaining: 1, version: 3 }] })
    expect(await check(id)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
    expect(await checkThere(id)).toMatchObject({ allowed: false })
  })

  test('one that starts after a change takes along what was taken before it, each by its own policy', async () => {
    const window = (number: number, window_ms: number) => ({
      algorithm: 'FIXED_WINDOW',
      limit: number,
      window_ms,
      anchor: 'first_use',
    })
    const chat = (window_ms: number) => [{ match: { endpoint: 'chat' }, policy: window(50, window_ms) }]
    const id = await limit({ policy: window(100, HOUR), overrides: chat(2 * HOUR) })
    await check(id, { cost: 60 })
    await check(id, { cost: 5, endpoint: 'chat' })
    const body = { policy: window(100, 3 * HOUR), overrides: chat(4 * HOUR) }
    await t.call('PATCH', `/rate-limits/${id}`, { key: t.operatorKey, body })
    const { services } = await t.beside()
    const left = async (endpoint: string) => {
      const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
      const { limits } = await services.rateChecks.one(operator, id, { subject: { tenantId: acme.id, endpoint }, peek: true })
      return limits.map(({ version, remaining }) => [version, remaining])
    }
    expect(await left('chat')).toEqual([[2, 45]])
    expect(await left('list')).toEqual([[2, 40]])
  })

  test('a shadow and a limit that all share are counted together as well', async () => {
    const policy = { algorithm: 'FIXED_WINDOW', limit: 1, window_ms: HOUR, anchor: 'first_use' }
    const ids = [await limit({ policy, mode: 'shadow' }), await limit({ policy, scopes: ['GLOBAL'] })]
    const body = { tenant_id: acme.id, limits: ids.map((limit_id) => ({ limit_id })) }
    const both = async () => (await t.call('POST', '/rate-limits/check', { key: t.operatorKey, body })).body
    expect(await both()).toMatchObject({ allowed: true, limits: [{ would_refuse: false }, { allowed: true }] })
    expect(await both()).toMatchObject({ allowed: false, refused_by: ids[1] })
    expect(await checkThere(ids[0] ?? '')).toMatchObject({ allowed: true, limits: [{ would_refuse: true }] })
  })

  test('lease a limit that all share: never passed, to the last token, and another number holds within a second', {
    timeout: 60_000,
  }, async () => {
    const policy = (number: number) => ({ algorithm: 'FIXED_WINDOW', limit: number, window_ms: HOUR, anchor: 'first_use' })
    const id = await limit({ scopes: ['GLOBAL'], leased: true, policy: policy(1_000) })
    const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
    const servers = [t.app, other]
    const one = (i: number) => servers[i % 2]?.services.rateChecks.one(operator, id, { subject: {} })
    for (let i = 0; i < 400; i += 1)
      expect(await one(i)).toMatchObject({ allowed: true, limits: [{ key: 'global', degraded: false }] })
    await t.call('PATCH', `/rate-limits/${id}`, { key: t.operatorKey, body: { policy: policy(300) } })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    for (let i = 0; i < 2; i += 1) expect(await one(i)).toMatchObject({ allowed: false, refusedBy: id, limits: [{ version: 2 }] })
    await t.call('PATCH', `/rate-limits/${id}`, { key: t.operatorKey, body: { policy: policy(1_000) } })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, i) => one(i)))
    let passed = 400 + answers.filter((answer) => answer?.allowed).length
    expect(passed).toBeLessThanOrEqual(1_000)
    for (let i = 0; i < 2; i += 1) while ((await one(i))?.allowed) passed += 1
    expect(passed).toBe(1_000)
    expect(await one(0)).toMatchObject({ allowed: false, limits: [{ remaining: 0, version: 3 }] })
  })

  test('know of each other, and tell the metrics that Redis answers', async () => {
    await Promise.all([t.app, other].map((app) => app.countServers()))
    const metrics = await t.app.http.app.inject({ method: 'GET', url: '/metrics' })
    expect(metrics.body).toContain('\nrate_limit_redis_reachable 1\n')
  })
})

test('a server whose Redis cannot be reached starts, and answers by what each limit says', { timeout: 60_000 }, async () => {
  const t = await testApp({ redisUrl: 'redis://127.0.0.1:1' })
  try {
    const { key } = await t.tenant()
    const policy = { algorithm: 'FIXED_WINDOW', limit: 5, window_ms: 60_000 }
    const ask = async (on_unavailable: string) => {
      const terms = { name: 'calls', scopes: ['PER_TENANT'], policy, on_unavailable }
      const { body } = await t.call('POST', '/rate-limits', { key: t.operatorKey, body: terms })
      return (await t.call('POST', `/rate-limits/${body.id}/check`, { key, body: {} })).body
    }
    expect(await ask('open')).toMatchObject({ allowed: true, limits: [{ degraded: true }] })
    expect(await ask('closed')).toMatchObject({ allowed: false, retry_after_ms: 1_000, limits: [{ degraded: true }] })
    expect(await ask('local')).toMatchObject({ allowed: true, limits: [{ remaining: 4, degraded: true }] })
    const { body } = await t.app.http.app.inject({ method: 'GET', url: '/metrics' })
    expect(body.match(/^rate_limit_degraded_total.*$/gm)?.sort()).toEqual(
      ['closed', 'local', 'open'].map((by) => `rate_limit_degraded_total{on_unavailable="${by}"} 1`),
    )
  } finally {
    await t.close()
  }
})
