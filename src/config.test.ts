import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

test('requests are limited, and no proxy is believed, unless the environment says so', () => {
  expect(readConfig({}).http).toMatchObject({
    limitRequests: true,
    addressPerMinute: 6_000,
    keySharePercent: 100,
    trustedProxies: [],
  })
  const TRUSTED_PROXIES = '10.0.0.0/8, 192.0.2.1,2001:db8::/32'
  expect(readConfig({ TRUSTED_PROXIES }).http.trustedProxies).toEqual(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
})

test.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '2001:db8::/129', '*'])(
  'TRUSTED_PROXIES with %s stops the start and is named',
  (TRUSTED_PROXIES) => {
    expect(() => readConfig({ TRUSTED_PROXIES })).toThrow(`TRUSTED_PROXIES has '${TRUSTED_PROXIES}'`)
  },
)

test('rate limits are counted in the process unless REDIS_URL says where', () => {
  expect(readConfig({}).redis).toEqual({ urls: [], isCluster: false, deadlineMs: 50 })
  const nodes = { REDIS_URL: 'redis://a:6379, rediss://b', REDIS_CLUSTER: 'true', REDIS_DEADLINE_MS: '20' }
  expect(readConfig(nodes).redis).toEqual({ urls: ['redis://a:6379', 'rediss://b'], isCluster: true, deadlineMs: 20 })
})

test.each([
  [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL is not a URL that begins with redis:// or rediss://'],
  [{ REDIS_URL: 'redis://a,redis://b' }, 'set REDIS_CLUSTER=true if they are one Cluster'],
  [{ REDIS_CLUSTER: 'true' }, 'REDIS_CLUSTER is true, and REDIS_URL is not set'],
  [{ REDIS_DEADLINE_MS: '0' }, 'give a whole number from 1 to 10000'],
])('%o stops the start and says what to give', (env, advice) => {
  expect(() => readConfig(env)).toThrow(advice)
})
