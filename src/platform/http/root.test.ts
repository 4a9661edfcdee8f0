import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asking, openHttp } from '../../../test/harness/http-server.ts'
import { metrics } from '../telemetry/metrics.ts'
import { registerRoot } from './root.ts'
import type { HttpServer } from './server.ts'

let server: HttpServer
let isAway = false
beforeAll(async () => {
  server = await openHttp()
  await registerRoot(server.app, {
    ready: async () => {
      if (isAway) throw new Error('away')
    },
    registry: new Registry(),
    openApi: { openapi: '3.1.0', info: { title: 'Things', version: '1' }, paths: {} },
  })
})
afterAll(() => server.stop(1_000))

const get = (url: string) => server.app.inject({ method: 'GET', url })

test('live says that the process runs, ready that its database answers', async () => {
  expect((await get('/health/live')).json()).toEqual({ status: 'ok' })
  expect((await get('/health/ready')).statusCode).toBe(200)
  isAway = true
  const away = await get('/health/ready')
  expect([away.statusCode, away.headers['retry-after']]).toEqual([503, '1'])
  expect((await get('/health/live')).statusCode).toBe(200)
  isAway = false
})

test('the reference page loads its one script from this server, and its policy lets the browser load from nowhere else', async () => {
  const page = await get('/docs/')
  expect(page.statusCode).toBe(200)
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')
  expect(loaded.filter((url) => /^(?:https?:)?\/\//.test(url))).toEqual([])
  expect(page.body).not.toMatch(/fonts\.|cdn\./)
  expect(page.body).toMatch(/"showDeveloperTools": *"never"/)
  expect(page.headers['content-security-policy']).toContain("default-src 'self'")
  expect(page.headers['content-security-policy']).not.toContain('http')
  const [script] = loaded.filter((url) => url.endsWith('.js'))
  const { statusCode, headers } = await get(new URL(script ?? '', 'http://x/docs/').pathname)
  expect([statusCode, headers['content-type']]).toEqual([200, 'application/javascript; charset=utf-8'])
  expect((await get('/')).headers.location).toBe('/docs/')
  expect((await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' })
})

test('a root path knows its methods too', async () => {
  const reply = await asking(server)('POST', '//metrics')
  expect([reply.status, reply.headers.allow]).toEqual([405, 'GET, HEAD'])
})

test('metrics name routes, methods and statuses, and nothing that a caller made up', async () => {
  const measured = metrics({ inFlight: () => 3, pools: () => [] })
  const http = await openHttp(100, [measured.observer])
  const ask = asking(http)
  await ask('GET', '/tenants/tnt_acme', { as: 'acme' })
  await ask('GET', '/tenants/tnt_secret', { as: 'acme' })
  await ask('GET', '/made-up')
  await expect.poll(() => measured.registry.metrics()).toContain('route="unmatched",method="GET",status="404"')
  const text = await measured.registry.metrics()
  expect(text).toContain('http_requests_total{route="readTenant",method="GET",status="200"} 1')
  expect(text).toContain('http_requests_total{route="readTenant",method="GET",status="404"} 1')
  expect(text).toContain('http_requests_in_flight 3')
  expect(text).toContain('nodejs_eventloop_lag_seconds')
  expect(text).not.toMatch(/tnt_|made-up/)
  await http.stop(1_000)
})

test.each([
  ['which answers', true, [' 1']],
  ['which is gone', false, [' 0']],
  ['of which there is none', undefined, []],
] as const)('of a Redis %s the metrics tell no other', async (_, reachable, told) => {
  const { registry } = metrics({ inFlight: () => 0, pools: () => [], redisReachable: () => reachable })
  const text = await registry.metrics()
  expect([...text.matchAll(/^rate_limit_redis_reachable(.*)$/gm)].map(([, value]) => value)).toEqual(told)
})
