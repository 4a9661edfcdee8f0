import { expect, test } from 'vitest'
import type { LimitScope, Subject } from './limit.ts'
import { keyOf, missingOf } from './limit-key.ts'
import { ipKey, readIpKey } from './limiter/ip-key.ts'

const ADA: Subject = { tenantId: 'tnt_1', userId: 'ada', ip: '192.0.2.7', endpoint: 'POST /v1/chat', resource: 'gpt-4' }

test.each<readonly [string, readonly LimitScope[], Subject, string | undefined]>([
  ['one count for all', ['GLOBAL'], {}, 'global'],
  ['by tenant', ['PER_TENANT'], ADA, 'tenant=tnt_1'],
  ['by user, who is of a tenant', ['PER_USER'], ADA, 'tenant=tnt_1|user=ada'],
  ['by user, of none', ['PER_USER'], { userId: 'ada' }, 'user=ada'],
  ['by tenant and user, the tenant named once', ['PER_USER', 'PER_TENANT'], ADA, 'tenant=tnt_1|user=ada'],
  ['by address', ['PER_IP'], ADA, 'ip=192.0.2.7'],
  ['by the /64 of an address', ['PER_IP'], { ip: '2001:db8:0:1:a:b:c:d' }, 'ip=2001:db8:0:1::/64'],
  ['by endpoint', ['PER_ENDPOINT'], ADA, 'endpoint=POST /v1/chat'],
  ['by resource', ['PER_RESOURCE'], ADA, 'resource=gpt-4'],
  [
    'by everything, in one order',
    ['PER_RESOURCE', 'PER_ENDPOINT', 'PER_IP', 'PER_USER', 'PER_TENANT'],
    ADA,
    'tenant=tnt_1|user=ada|ip=192.0.2.7|endpoint=POST /v1/chat|resource=gpt-4',
  ],
  ['nobody known', ['PER_TENANT'], {}, undefined],
  ['something unknown', ['PER_TENANT', 'PER_RESOURCE'], { tenantId: 'tnt_1' }, undefined],
  ['no name', ['PER_ENDPOINT'], { endpoint: '' }, undefined],
  ['no address', ['PER_IP'], { ip: 'localhost' }, undefined],
])('%s: %j', (_name, scopes, subject, key) => {
  expect(keyOf({ scopes }, subject)).toBe(key)
  expect(missingOf({ scopes }, subject).length > 0).toBe(key === undefined)
})

test('no value can pretend to be another part of a key', () => {
  const both = { scopes: ['PER_TENANT', 'PER_ENDPOINT'] } as const
  const forged = keyOf({ scopes: ['PER_TENANT'] }, { tenantId: 'a|endpoint=b' })
  expect(forged).not.toBe(keyOf(both, { tenantId: 'a', endpoint: 'b' }))
  expect(keyOf({ scopes: ['PER_ENDPOINT'] }, { endpoint: 'a%7Cb' })).not.toBe(
    keyOf({ scopes: ['PER_ENDPOINT'] }, { endpoint: 'a|b' }),
  )
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['::1', '0:0:0:0::/64'],
  ['2001:DB8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:ffff::', '2001:db8:0:0::/64'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '192.0.2.7'],
  ['64:ff9b::c000:207', '192.0.2.7'],
  ['64:ff9b::1:0:c000:207', '64:ff9b:0:0::/64'],
  ['64:ff9b:1::192.0.2.7', '64:ff9b:1:0::/64'],
  ['2002:c000:207::1', '2002:c000:207:0::/64'],
  ['192.0.2', undefined],
  ['192.0.2.256', undefined],
  ['192.0.2.07', undefined],
  ['1::2::3', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1:2:3:4::5:6:7:8', undefined],
  ['12345::', undefined],
  [':', undefined],
  ['', undefined],
  ['::ffff:1.2.3', undefined],
  ['64:ff9b::1.2.3', undefined],
  ['203.0.113.9:51234', undefined],
  ['203.0.113.9, 10.0.0.1', undefined],
  [' 203.0.113.9', undefined],
  ['[2001:db8::1]', undefined],
])('the address %s counts as %s', (address, key) => {
  expect(readIpKey(address)).toBe(key)
  if (key !== undefined) expect(ipKey(address)).toBe(key)
  else expect(() => ipKey(address)).toThrow(`${JSON.stringify(address)} is no IP address`)
})
