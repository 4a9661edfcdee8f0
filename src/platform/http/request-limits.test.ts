import { afterEach, expect, test } from 'vitest'
import { asking, denied, done, listen, openHttp, talk } from '../../../test/harness/http-server.ts'
import type { Authenticator } from '../auth/authenticate.ts'
import type { Caller } from '../auth/caller.ts'
import { unauthenticated, unavailable } from '../errors.ts'
import type { LimitAnswer, LimitedBy, RequestLimits } from './request-limits.ts'
import { type HttpServer, PREFIX } from './server.ts'

const answer = (refusedBy: readonly LimitedBy[], record?: LimitAnswer['record']): LimitAnswer => ({
  refusedBy,
  fields: { rateLimit: '"it";r=0;t=7', rateLimitPolicy: '"it";q=1;w=60' },
  retryAfter: refusedBy.length > 0 ? 8 : undefined,
  record,
})

/** Notes what it is asked, and says what it is told to. */
const scripted = (said: { address?: LimitAnswer; caller?: LimitAnswer | Promise<LimitAnswer>; spare?: boolean }) => {
  const asked: string[] = []
  const limits: RequestLimits = {
    byAddress(address) {
      asked.push(`address ${address}`)
      return said.address
    },
    spare(address) {
      asked.push(`spare ${address}`)
      return said.spare ?? false
    },
    giveBack: (address) => asked.push(`back ${address}`),
    byCaller(caller: Caller) {
      asked.push(`caller ${caller.keyId}`)
      return said.caller
    },
  }
  return { asked, limits }
}

let server: HttpServer
afterEach(() => server.stop(1_000))
const get = (as?: string, headers: Record<string, string> = {}) =>
  asking(server)('GET', '/things', { ...(as === undefined ? {} : { as }), headers })

test('the address is asked before anybody knows who calls, the caller after; a caller of ours costs its address nothing', async () => {
  const { asked, limits } = scripted({ caller: answer([]) })
  server = await openHttp(100, [], { limits })
  const reply = await get('acme')
  expect(reply.status).toBe(200)
  expect(reply.headers).toMatchObject({ ratelimit: '"it";r=0;t=7', 'ratelimit-policy': '"it";q=1;w=60' })
  expect(asked).toEqual(['address 127.0.0.1', 'back 127.0.0.1', 'caller key_acme'])
})

test('a bad key costs its address one, an outage of what knows the keys nothing', async () => {
  const { asked, limits } = scripted({})
  server = await openHttp(100, [], { limits })
  expect((await get('nobody')).status).toBe(401)
  expect(asked).toEqual(['address 127.0.0.1'])
  await server.stop(1_000)
  const authenticate = () => Promise.reject(unavailable('database_unavailable', 'ask again'))
  server = await openHttp(100, [], {
    limits,
    authenticator: {
      recall: () => undefined,
      remembers: () => false,
      isWellFormed: () => false,
      authenticate,
      flushLastUse: async () => {},
    },
  })
  expect((await get('acme')).status).toBe(503)
  expect(asked.slice(1)).toEqual(['address 127.0.0.1', 'back 127.0.0.1'])
})

test('an address that is refused is asked for no key, and the body names the limit', async () => {
  const { asked, limits } = scripted({ address: answer(['address'], { unwritten: 3 }) })
  server = await openHttp(100, [], { limits })
  denied.length = 0
  const reply = await get('acme')
  expect(reply.status).toBe(429)
  expect(reply.headers).toMatchObject({ 'retry-after': '8', ratelimit: '"it";r=0;t=7' })
  expect(reply.json).toMatchObject({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status: 429,
    code: 'rate_limited',
    detail: "refused by the rate limit 'address' (requests from one address without a valid key); retry in 8 s",
    'violated-policies': ['address'],
  })
  expect(asked).toEqual(['address 127.0.0.1'])
  expect(denied).toMatchObject([{ actorKind: 'anonymous', outcome: 'denied', code: 'rate_limited', detail: { unwritten: 3 } }])
})

/** Keys 'acme' and 'reader' are ours; whose name begins with 'made' looks like one. */
const authenticatorOf = (asked: string[], remembered: readonly string[]): Authenticator => ({
  recall: () => undefined,
  remembers: ({ authorization = '' }) => remembered.includes(authorization.replace('Bearer ', '')),
  isWellFormed: ({ authorization = '' }) => /^Bearer (acme|reader|made)/.test(authorization),
  async authenticate({ authorization = '' }) {
    const key = authorization.replace('Bearer ', '')
    asked.push(`key ${key}`)
    if (key === 'made-away') throw unavailable('database_unavailable', 'ask again')
    if (key !== 'acme' && key !== 'reader') throw unauthenticated('key_invalid', 'this API key does not exist')
    return { kind: 'tenant', keyId: `key_${key}`, tenantId: 'tnt_acme', scopes: new Set(['tenants:read']) }
  },
  flushLastUse: async () => {},
})

test('a key that was good before is asked after whatever its address has sent, and costs it nothing', async () => {
  const { asked, limits } = scripted({ address: answer(['address']) })
  server = await openHttp(100, [], { limits, authenticator: authenticatorOf(asked, ['acme']) })
  expect([(await get('acme')).status, (await get('reader')).status]).toEqual([200, 429])
  expect(asked).toEqual(['key acme', 'caller key_acme', 'address 127.0.0.1', 'spare 127.0.0.1'])
})

test('from an address that is used up some keys that could be ours are looked at; who is not ours is told of the address alone', async () => {
  const { asked, limits } = scripted({ address: answer(['address'], { unwritten: 3 }), spare: true })
  server = await openHttp(100, [], { limits, authenticator: authenticatorOf(asked, []) })
  expect((await get('acme')).status).toBe(200)
  // Nothing was taken from the address, and nothing is given back.
  expect(asked.splice(0)).toEqual(['address 127.0.0.1', 'spare 127.0.0.1', 'key acme', 'caller key_acme'])
  denied.length = 0
  expect((await get('made-up')).json).toMatchObject({ status: 429, code: 'rate_limited', 'violated-policies': ['address'] })
  expect(denied).toMatchObject([{ actorKind: 'anonymous', code: 'rate_limited', detail: { unwritten: 3 } }])
  expect((await get('made-away')).status).toBe(503)
  expect(asked.splice(0).filter((line) => line.startsWith('key'))).toEqual(['key made-up', 'key made-away'])
  // A typing error and no key at all take nobody's chance.
  expect([(await get('nonsense')).status, (await get()).status]).toEqual([429, 429])
  expect(asked).toEqual(['address 127.0.0.1', 'address 127.0.0.1'])
})

test('a refusal that the limits do not want written down is not audited', async () => {
  const { limits } = scripted({ caller: answer(['key', 'tenant']) })
  server = await openHttp(100, [], { limits })
  denied.length = 0
  const reply = await get('acme')
  expect([reply.status, reply.json['violated-policies']]).toEqual([429, ['key', 'tenant']])
  expect(denied).toEqual([])
})

test('where no wait helps, none is told', async () => {
  const { limits } = scripted({ caller: { ...answer(['key', 'tenant']), retryAfter: undefined } })
  server = await openHttp(100, [], { limits })
  const reply = await get('acme')
  expect(reply.status).toBe(429)
  expect(reply.headers['retry-after']).toBeUndefined()
  expect(reply.json.detail).toMatch(/; the plan includes no calls$/)
})

test('who waits for its limits is counted; whose client goes meanwhile is not begun, and another one is', async () => {
  const { promise, resolve } = Promise.withResolvers<LimitAnswer>()
  const { limits } = scripted({ caller: promise })
  server = await openHttp(100, [], { limits })
  const port = await listen(server)
  const [gone, stays] = [talk(port), talk(port)]
  for (const { socket } of [gone, stays])
    socket.write(`DELETE ${PREFIX}/things/tnt_${'0'.repeat(26)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer acme\r\n\r\n`)
  await expect.poll(() => server.inFlight()).toBe(2)
  gone.socket.destroy()
  await expect.poll(() => server.inFlight()).toBe(1)
  done.length = 0
  resolve(answer([]))
  await expect.poll(stays.text).toMatch(/^HTTP\/1.1 204 /)
  await expect.poll(() => server.inFlight()).toBe(0)
  expect(done).toMatchObject([{ operation: 'dropThing' }])
})

test('a made-up X-Forwarded-For does not change whose address counts; that of a trusted proxy does', async () => {
  const { asked, limits } = scripted({})
  const headers = { 'x-forwarded-for': '198.51.100.9, 192.0.2.7' }
  server = await openHttp(100, [], { limits })
  await get(undefined, headers)
  await server.stop(1_000)
  server = await openHttp(100, [], { limits, trustedProxies: ['127.0.0.0/8'] })
  await get(undefined, headers)
  expect(asked).toEqual(['address 127.0.0.1', 'address 192.0.2.7'])
})
