import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { asking, openHttp } from '../../../test/harness/http-server.ts'
import { traceIdOf } from './trace-context.ts'
import { traceRequests } from './tracing.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

// Source: W3C Trace Context, section 3.2.2.
test.each([
  [`00-${TRACE}-${PARENT}-01`, TRACE],
  [`01-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, TRACE],
  [`00-${TRACE}-${PARENT}-01-extra`, undefined],
  [`ff-${TRACE}-${PARENT}-01`, undefined],
  [`00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, undefined],
  ['nonsense', undefined],
])('traceparent %s has the trace id %s', (header, traceId) => {
  expect(traceIdOf(header)).toBe(traceId)
})

test("each request is a span named by its route, a child of the caller's, sent by OTLP", async () => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => {
      bodies.push(`${request.url} ${text}`)
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const address = collector.address()
  const http = await openHttp()
  const tracing = await traceRequests(http.app, `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, '1')
  await asking(http)('GET', '/tenants/tnt_acme', { as: 'acme', headers: { traceparent: `00-${TRACE}-${PARENT}-01` } })
  await http.stop(1_000)
  await tracing.stop()
  collector.close()
  expect(bodies).toHaveLength(1)
  const [path, body] = bodies[0]?.split(/ (.*)/s) ?? []
  expect(path).toBe('/v1/traces')
  const [span] = JSON.parse(body ?? '').resourceSpans[0].scopeSpans[0].spans
  expect(span).toMatchObject({ name: 'readTenant', traceId: TRACE, parentSpanId: PARENT })
  expect(span.attributes).toEqual(
    expect.arrayContaining([
      { key: 'cognitionos.tenant_id', value: { stringValue: 'tnt_acme' } },
      { key: 'http.response.status_code', value: { intValue: 200 } },
    ]),
  )
})
