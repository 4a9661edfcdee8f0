import { expect, test } from 'vitest'
import { asking, openHttp } from '../../../test/harness/http-server.ts'
import { newKey } from '../auth/key-format.ts'
import { logger, requestLog } from './log.ts'

const written = (write: (log: ReturnType<typeof logger>) => void): string => {
  const lines: string[] = []
  write(logger('info', { write: (line) => lines.push(line) }))
  return lines.join('')
}

test('an API key is redacted wherever it stands', () => {
  const key = newKey('tn')
  const text = written((log) => {
    log.info({ url: `/things?key=${key}`, deep: { er: [{ still: key }] } }, `a key: ${key}`)
    log.error({ err: new Error(`bad ${key}`) })
  })
  expect(text).not.toContain(key)
  expect(text.match(/\[key\]/g)?.length).toBeGreaterThanOrEqual(5) // the stack repeats the message
})

test('secret fields are redacted at any depth, and the rest of the line stays', () => {
  const headers = { authorization: 'Bearer x"y\\', cookie: 'a=b', host: 'h' }
  const text = written((log) =>
    log.info({ a: { b: { c: { headers, new_password: 'hunter2', payment_token: 'tok_visa' } } } }, 'm'),
  )
  expect(JSON.parse(text).a.b.c).toEqual({
    headers: { authorization: '[redacted]', cookie: '[redacted]', host: 'h' },
    new_password: '[redacted]',
    payment_token: '[redacted]',
  })
})

test('what a customer pays with is redacted under each of its names; counts of tokens stay', () => {
  const names = ['token', 'gateway_token', 'gatewayToken', 'payment_method', 'paymentMethod', 'apiKey', 'client_secret']
  const text = written((log) =>
    log.info({ charge: Object.fromEntries(names.map((name) => [name, 'tok_visa'])), input_tokens: 7 }),
  )
  expect(text).not.toContain('tok_visa')
  expect(JSON.parse(text)).toMatchObject({ charge: { gatewayToken: '[redacted]' }, input_tokens: 7 })
})

test('a row that PostgreSQL refused is not shown', () => {
  const detail = 'Failing row contains (pay_1, tok_visa, "a", jane@example.com).'
  const text = written((log) =>
    log.error({ err: Object.assign(new Error('violates check constraint'), { code: '23514', detail }) }),
  )
  expect(JSON.parse(text).err).toMatchObject({ code: '23514', detail: 'Failing row contains [redacted]' })
})

test('the password in a connection URL is redacted, also within a message', () => {
  const text = written((log) => log.warn({ err: new Error('cannot reach postgres://app:hunter2@db:5432/x') }))
  expect(text).not.toContain('hunter2')
  expect(text).toContain('postgres://app:[redacted]@db:5432/x')
})

test('a request is one line: request id, trace id, tenant, key id, route, status; neither its path nor its body', async () => {
  const lines: string[] = []
  const http = await openHttp(10, [requestLog(logger('info', { write: (line) => lines.push(line) }))])
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  await asking(http)('POST', '/things?hidden=1', {
    as: 'acme',
    body: { price: '1.00', count: 1, note: 'hidden' },
    headers: { 'x-request-id': 'r1', traceparent },
  })
  await expect.poll(() => lines.length).toBe(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    request_id: 'r1',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    tenant_id: 'tnt_acme',
    key_id: 'key_acme',
    route: 'createThing',
    method: 'POST',
    status: 201,
  })
  expect(lines[0]).not.toContain('hidden')
  await http.stop(1_000)
})
