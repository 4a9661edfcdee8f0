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
