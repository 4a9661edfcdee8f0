import { expect, test } from 'vitest'
import { ended, listen, openHttp, resumeAll, talk, waiting } from '../../../test/harness/http-server.ts'
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
