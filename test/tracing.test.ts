import { expect, test } from 'vitest'
import { testApp } from './harness/app.ts'
import { openCollector, type Span } from './harness/collector.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

test('a request is a span named by its route under the caller’s own, each transaction of it one below, a delivery a trace of its own', async () => {
  const collector = await openCollector()
  const t = await testApp({ otlpEndpoint: collector.endpoint })
  const { id, key } = await t.tenant()
  await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: id, plan: 'pro' } })
  await t.settle()
  const traceparent = (last: string) => ({ traceparent: `00-${TRACE.slice(0, -1)}${last}-${PARENT}-01` })
  await t.call('GET', `/tenants/${id}`, { key, headers: traceparent('1') })
  const body = { type: 'API_CALL' }
  await t.call('POST', '/usage/record', { key, body, headers: traceparent('2') })
  await t.call('GET', '/tenants/tnt_other', { key, headers: traceparent('3') })
  await t.close()
  collector.close()
  expect(new Set(collector.paths)).toEqual(new Set(['/v1/traces']))

  const within = (last: string): readonly Span[] =>
    collector.spans.filter(({ traceId }) => traceId === `${TRACE.slice(0, -1)}${last}`)
  const [read] = within('1').filter(({ name }) => name === 'getTenant')
  expect(read).toMatchObject({
    parentSpanId: PARENT,
    attributes: { 'cognitionos.tenant_id': id, 'http.response.status_code': 200 },
  })
  const [transaction] = within('1').filter(({ name }) => name === 'control transaction')
  expect(transaction).toMatchObject({ parentSpanId: read?.spanId, attributes: { 'cognitionos.tenant_id': id } })
  const [recorded] = within('2').filter(({ name }) => name === 'recordUsage')
  // The body came in between: the work is still part of the request.
  const written = within('2').filter(({ name }) => name.includes('tenant transaction'))
  expect(written.map(({ parentSpanId }) => parentSpanId)).toEqual([recorded?.spanId])
  expect(within('3').map(({ status }) => status.code ?? 0)).toEqual(within('3').map(() => 0))
  const roots = collector.spans.filter(({ parentSpanId }) => !parentSpanId).map(({ name }) => name)
  expect(roots).toContain('deliver subscription.period_started')
  expect(roots.filter((name) => name.includes('transaction') || name.includes('look-up'))).toEqual([])
})

test('a collector that is away does not keep the server from ending', async () => {
  const t = await testApp({ otlpEndpoint: 'http://127.0.0.1:1' })
  await t.tenant()
  await t.close()
}, 15_000)
