import { once } from 'node:events'
import { expect, test } from 'vitest'
import { done, ended, listen, openHttp, resumeAll, talk, waiting } from '../../../test/harness/http-server.ts'
import type { Caller } from '../auth/caller.ts'
import { PREFIX } from './server.ts'

test('beyond the limit new requests get 503 at once, probes do not, and it recovers', async () => {
  const small = await openHttp(2)
  const get = (url: string) => small.app.inject({ method: 'GET', url })
  const slow = [get(`${PREFIX}/slow`), get(`${PREFIX}/slow`)]
  await expect.poll(() => waiting.length).toBe(2)
  const refused = await get(`${PREFIX}/slow`)
  expect([refused.statusCode, refused.json().code, refused.headers['retry-after']]).toEqual([503, 'overloaded', '1'])
  expect((await get('/health/live')).statusCode).toBe(404) // let in; no probe is registered in this test
  resumeAll()
  expect((await Promise.all(slow)).map(({ statusCode }) => statusCode)).toEqual([200, 200])
  await expect.poll(() => small.inFlight()).toBe(0)
  const again = get(`${PREFIX}/slow`)
  await expect.poll(() => waiting.length).toBe(1)
  resumeAll()
  expect((await again).statusCode).toBe(200)
  await small.stop(1_000)
})

test('whoever is not known holds three quarters of the places at most, the rest is for callers of ours', async () => {
  const known: Caller = { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) }
  const small = await openHttp(4, [], {
    authenticator: {
      recall: ({ authorization }) => (authorization === 'Bearer known' ? known : undefined),
      remembers: () => false,
      isWellFormed: () => false,
      authenticate: async () => known,
      flushLastUse: async () => {},
    },
  })
  const get = (path: string, key = '') =>
    small.app.inject({ method: 'GET', url: path, ...(key === '' ? {} : { headers: { authorization: `Bearer ${key}` } }) })
  const statusOf = async (path: string, key?: string) => (await get(path, key)).statusCode
  const slow = Array.from({ length: 3 }, () => get(`${PREFIX}/slow`))
  await expect.poll(() => waiting.length).toBe(3)
  expect([await statusOf(`${PREFIX}/slow`), await statusOf('/nowhere'), await statusOf(`${PREFIX}/things`, 'new')]).toEqual([
    503, 503, 503,
  ])
  for (let i = 0; i < 10; i += 1) expect(await statusOf(`${PREFIX}/things`, 'known')).toBe(200)
  expect(small.inFlight()).toBe(3)
  resumeAll()
  await Promise.all(slow)
  await expect.poll(() => small.inFlight()).toBe(0)
  // Whose key turns out good gives a stranger's place back, once.
  for (let i = 0; i < 10; i += 1) expect(await statusOf(`${PREFIX}/things`, 'new')).toBe(200)
  const again = Array.from({ length: 4 }, () => get(`${PREFIX}/slow`))
  await expect.poll(() => waiting.length).toBe(3)
  resumeAll()
  expect((await Promise.all(again)).map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 200, 200, 503])
  await small.stop(1_000)
})

test.each([
  ['a stranger', false, 1],
  ['a stranger, ten of them on one connection', false, 10],
  ['one of ours', true, 1],
  ['one of ours, ten of them on one connection', true, 10],
])('who goes away while the key of %s is looked up is not worked on, and counts once', async (_what, isOurs, requests) => {
  const known: Caller = { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) }
  const lookups: (() => void)[] = []
  const settled: Promise<void>[] = []
  const small = await openHttp(16, undefined, {
    authenticator: {
      recall: () => undefined,
      remembers: () => isOurs,
      isWellFormed: () => false,
      authenticate: () => {
        const looked = new Promise<void>((resolve) => lookups.push(resolve))
        settled.push(looked)
        return looked.then(() => known)
      },
      flushLastUse: async () => {},
    },
  })
  const port = await listen(small)
  const ask = `POST ${PREFIX}/sweep HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`
  done.length = 0
  ended.length = 0
  for (let round = 1; round <= 3; round += 1) {
    const { socket, closed } = talk(port)
    socket.write(ask.repeat(requests))
    await expect.poll(() => lookups.length).toBe(requests)
    expect(small.inFlight()).toBe(requests)
    socket.destroy()
    await closed
    await expect.poll(() => ended).toHaveLength(requests * round)
    expect(small.inFlight()).toBe(0)
    for (const answer of lookups.splice(0)) answer()
    await Promise.all(settled.splice(0))
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(small.inFlight()).toBe(0)
  }
  expect(done).toEqual([])
  expect(ended.filter(([id, status]) => id === 'sweep' && status === 499)).toHaveLength(requests * 3)
  // As many strangers come in as ever, no more: of sixteen places twelve.
  const asked = Array.from({ length: 17 }, () => small.app.inject({ method: 'POST', url: `${PREFIX}/sweep` }))
  const taken = isOurs ? 16 : 12
  await expect.poll(() => lookups.length).toBe(taken)
  expect(small.inFlight()).toBe(taken)
  for (const answer of lookups.splice(0)) answer()
  const statuses = (await Promise.all(asked)).map(({ statusCode }) => statusCode)
  expect(statuses.filter((status) => status === 200)).toHaveLength(taken)
  expect(statuses.filter((status) => status === 503)).toHaveLength(17 - taken)
  await expect.poll(() => small.inFlight()).toBe(0)
  await small.stop(1_000)
})

test('a connection has ten requests open at most: one more is told so behind their answers, takes no place and ends it', async () => {
  const http = await openHttp(100)
  const port = await listen(http)
  const [ten, eleven] = [talk(port), talk(port)]
  const ask = `GET ${PREFIX}/slow HTTP/1.1\r\nhost: x\r\n\r\n`
  ten.socket.write(ask.repeat(10))
  await expect.poll(() => waiting.length).toBe(10)
  resumeAll()
  await expect.poll(() => ten.text().match(/"done"/g)?.length).toBe(10)
  ended.length = 0
  ten.socket.write(ask.repeat(10))
  await expect.poll(() => waiting.length).toBe(10)
  eleven.socket.write(ask.repeat(11))
  await expect.poll(() => waiting.length).toBe(20)
  expect(http.inFlight()).toBe(20)
  resumeAll()
  await eleven.closed
  expect(eleven.text().match(/HTTP\/1.1 \d+/g)).toEqual([...Array(10).fill('HTTP/1.1 200'), 'HTTP/1.1 429'])
  expect(eleven.text().match(/"done"/g)).toHaveLength(10)
  expect(eleven.text()).toContain('"code":"too_many_requests_ahead"')
  expect(eleven.text().match(/connection: close/g)).toHaveLength(1)
  await expect.poll(() => ten.text().match(/"done"/g)?.length).toBe(20)
  await expect.poll(() => ended.filter(([, status]) => status === 200)).toHaveLength(20)
  expect(ended.filter(([, status]) => status !== 200)).toEqual([['slow', 429]])
  await expect.poll(() => http.inFlight()).toBe(0)
  await http.stop(1_000)
})

test('of twenty thousand requests sent ahead on each of four connections forty take a place, four are refused, and half of it is never read', {
  timeout: 60_000,
}, async () => {
  const http = await openHttp(100)
  const port = await listen(http)
  const greedy = Array.from({ length: 4 }, () => talk(port))
  const flood = Buffer.from(`GET ${PREFIX}/slow HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(20_000))
  const patient = { timeout: 20_000 }
  let read = 0
  http.app.server.on('request', () => {
    read += 1
  })
  ended.length = 0
  for (const { socket } of greedy) socket.write(flood)
  await expect.poll(() => waiting.length, patient).toBe(40)
  const other = talk(port)
  for (let i = 1; i <= 5; i += 1) {
    other.send('/nowhere')
    await expect.poll(() => other.text().match(/ 404 /g)?.length, patient).toBe(i)
  }
  expect(waiting).toHaveLength(40)
  expect(http.inFlight()).toBe(40)
  resumeAll()
  await Promise.all(greedy.map(({ closed }) => closed))
  await expect.poll(() => http.inFlight(), patient).toBe(0)
  await expect.poll(() => ended.filter(([id]) => id === 'slow')).toHaveLength(44)
  expect(ended.filter(([, status]) => status === 429)).toHaveLength(4)
  expect(read).toBeLessThan(40_000)
  await http.stop(1_000)
})

test('more connections than ten for each place, and than a thousand, are not taken, and headers must be there in fifteen seconds', async () => {
  const http = await openHttp(1)
  const port = await listen(http)
  expect(http.app.server).toMatchObject({ headersTimeout: 15_000, requestTimeout: 60_000, maxConnections: 1_000 })
  // So many fewer are opened here than a test may open files.
  http.app.server.maxConnections = 10
  const open = Array.from({ length: 10 }, () => talk(port))
  await Promise.all(open.map(({ socket }) => once(socket, 'connect')))
  const late = talk(port)
  await late.closed
  expect(late.text()).toBe('')
  for (const { send } of open.slice(0, 1)) send('/nowhere')
  await expect.poll(() => open[0]?.text()).toContain('404')
  for (const { socket } of open) socket.destroy()
  await http.stop(1_000)
})

test('a request counts until its work ends, also when its client has gone', async () => {
  const http = await openHttp()
  const { socket, send } = talk(await listen(http))
  ended.length = 0
  send(`${PREFIX}/slow`)
  await expect.poll(() => waiting.length).toBe(1)
  socket.destroy()
  await expect.poll(() => ended).toEqual([['slow', 499]])
  expect(http.inFlight()).toBe(1)
  resumeAll()
  await expect.poll(() => http.inFlight()).toBe(0)
  await http.stop(1_000)
})

test('a client that does not take its answer is cut off, and its request counts no longer', async () => {
  const http = await openHttp()
  http.app.get('/large', async () => 'x'.repeat(100_000_000))
  const port = await listen(http)
  expect(http.app.server.timeout).toBe(120_000)
  http.app.server.setTimeout(200)
  const { socket, send } = talk(port)
  socket.pause()
  send('/large')
  await expect.poll(() => http.inFlight()).toBe(1)
  await expect.poll(() => http.inFlight(), { timeout: 10_000 }).toBe(0)
  socket.destroy()
  await http.stop(1_000)
})

test('a stop finishes what began, refuses what is new on open connections, and ends', async () => {
  const http = await openHttp()
  const port = await listen(http)
  const [busy, alone] = [talk(port), talk(port)]
  for (const { send } of [busy, alone]) send(`${PREFIX}/slow`)
  await expect.poll(() => waiting.length).toBe(2)
  const stopped = http.stop(5_000)
  busy.send(`${PREFIX}/slow`) // pipelined behind the one in progress
  await new Promise((resolve) => setTimeout(resolve, 50))
  const late = talk(port)
  await late.closed
  expect(late.text()).toBe('')
  resumeAll()
  await stopped
  await Promise.all([busy.closed, alone.closed])
  expect(alone.text()).toMatch(/^HTTP\/1.1 200 OK/)
  expect(alone.text()).toContain('connection: close')
  expect(busy.text()).toMatch(/^HTTP\/1.1 200 OK/)
  expect(busy.text().match(/"done"/g)).toHaveLength(1)
})

test('a stop gives up on work that does not end', async () => {
  const http = await openHttp()
  const stuck = talk(await listen(http))
  stuck.send(`${PREFIX}/slow`)
  await expect.poll(() => waiting.length).toBe(1)
  await http.stop(100)
  await stuck.closed
  expect(stuck.text()).toBe('')
  waiting.length = 0
})

test('what is not HTTP is answered with a problem and closed', async () => {
  const http = await openHttp()
  const { socket, closed, text } = talk(await listen(http))
  socket.write('NONSENSE\r\n\r\n')
  await closed
  expect(text()).toContain('HTTP/1.1 400 Bad Request')
  expect(text()).toContain('"code":"malformed_http"')
  await http.stop(1_000)
})
