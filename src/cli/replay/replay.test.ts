import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataFile } from '../../../test/data.ts'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { apiWithin } from '../api.ts'
import { cloudEvent, eventType } from './cloud-event.ts'
import { providerEvent } from './provider-log.ts'
import { formatOf, readEvents } from './read-file.ts'
import { replay } from './replay.ts'
import { traceTime } from './trace-csv.ts'

const traced = { provider: 'openai', model: 'gpt-4' }
let folder: string
let it: TestApp
let made = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cognitionos-replay-'))
  it = await testApp({ at: '2026-06-01T00:00:00Z' })
})
afterAll(async () => {
  await it.close()
  await rm(folder, { recursive: true })
})

const file = async (name: string, lines: readonly unknown[]): Promise<string> => {
  const path = join(folder, name)
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  await writeFile(path, `${text.join('\r\n')}\r\n`)
  return path
}

const read = async (path: string) => {
  const lines = []
  for await (const line of readEvents({ path, traced })) lines.push(line)
  return lines
}

const replayed = async (path: string, tenantId: string, more: { shiftTo?: Temporal.Instant; speed?: number } = {}) => {
  const api = apiWithin(it.app.http.app, it.operatorKey)
  const {
    seconds: _,
    events_per_second: __,
    ...report
  } = await replay({
    api,
    tenantId,
    read: () => readEvents({ path, traced }),
    nowMs: () => performance.now(),
    ...more,
  })
  return report
}

const trace = () => {
  made += 1
  return file(`trace-${made}.csv`, [
    'TIMESTAMP,ContextTokens,GeneratedTokens',
    '2023-11-16 18:17:03.9799600,4808,10',
    '2023-11-16 18:17:04.0319600,-1,8',
    '2023-11-16 18:17,1,8',
    '2023-11-16 18:17:05.1234567,100,20',
  ])
}

test('a trace is read line by line, and what is no call is told with its line', async () => {
  const path = await trace()
  expect(await formatOf(path)).toBe('trace')
  expect(await read(path)).toEqual([
    {
      ok: true,
      line: 2,
      event: {
        id: `trace-${made}.csv:2`,
        type: 'LLM_COMPLETION',
        occurred_at: '2023-11-16T18:17:03.9799600Z',
        ...traced,
        input_tokens: 4808,
        output_tokens: 10,
      },
    },
    { ok: false, line: 3, why: "ContextTokens '-1' is no whole number" },
    { ok: false, line: 4, why: "TIMESTAMP '2023-11-16 18:17' is no time such as 2023-11-16 18:17:03.9799600" },
    expect.objectContaining({ ok: true, line: 5 }),
  ])
})

test('a folder and an empty file are told as such', async () => {
  await expect(formatOf(folder)).rejects.toMatchObject({
    code: 'file_not_readable',
    message: expect.stringContaining('is a folder'),
  })
  const hollow = join(folder, 'hollow.ndjson')
  await writeFile(hollow, '')
  await expect(formatOf(hollow)).rejects.toMatchObject({ code: 'file_empty' })
  await writeFile(hollow, '\n\n')
  await expect(formatOf(hollow)).rejects.toMatchObject({ code: 'file_empty' })
})

test('replayed a second time, nothing changes', async () => {
  const [path, { id }] = [await trace(), await it.tenant()]
  const first = await replayed(path, id)
  expect(first).toMatchObject({ events: 2, accepted: 2, duplicates: 0, unpriced: 0, input_tokens: 4908, output_tokens: 30 })
  expect(first.unread.map(({ line }) => line)).toEqual([3, 4])
  expect(await replayed(path, id)).toMatchObject({ events: 2, accepted: 0, duplicates: 2, input_tokens: 4908 })
})

test('shifted, the last event occurs now and the gaps stay', async () => {
  const [path, { id }] = [await trace(), await it.tenant()]
  const sent: unknown[] = []
  await replay({
    api: {
      call: async (_method, url, body) => {
        if (url === '/usage/batch') sent.push(body?.events)
        return {}
      },
    },
    tenantId: id,
    read: () => readEvents({ path, traced }),
    shiftTo: Temporal.Instant.from('2026-06-01T00:00:00Z'),
    nowMs: () => performance.now(),
  })
  expect(sent).toEqual([
    [
      expect.objectContaining({ occurred_at: '2026-05-31T23:59:58.8565033Z' }),
      expect.objectContaining({ occurred_at: '2026-06-01T00:00:00Z' }),
    ],
  ])
})

test('at a speed, events wait for their time', async () => {
  const [path, { id }] = [await trace(), await it.tenant()]
  const started = performance.now()
  expect(await replayed(path, id, { speed: 4 })).toMatchObject({ accepted: 2 }) // 1.14 s apart
  expect(performance.now() - started).toBeGreaterThan(280)
})

test('an event that the server refuses is told with its line; the others of its batch are metered', async () => {
  const event = { specversion: '1.0', source: 'app', type: 'io.acme.llm-completion', time: '2026-05-01T00:00:00Z' }
  const path = await file('events.ndjson', [
    { ...event, id: '1', data: { ...traced, input_tokens: 10, output_tokens: 2 } },
    { ...event, id: '2', data: { ...traced, input_tokens: -10 } },
    { ...event, id: '3', time: '2036-05-01T00:00:00Z', data: traced },
    { ...event, id: '4', data: { model: 'nobody-knows-it', input_tokens: 5 } },
    'no json',
  ])
  const { id } = await it.tenant()
  const report = await replayed(path, id)
  expect(report).toMatchObject({ events: 2, accepted: 2, unpriced: 1, input_tokens: 15 })
  expect(report.unread).toEqual([
    { ok: false, line: 2, why: 'input_tokens must be ≥ 0' },
    { ok: false, line: 3, why: "2036-05-01T00:00:00Z is more than five minutes ahead of this server's clock" },
    { ok: false, line: 5, why: 'not JSON' },
  ])
})

test('the end of a CloudEvent type is the type of use, whatever its case and separators', () => {
  expect(eventType('com.example.llm-completion')).toBe('LLM_COMPLETION')
  expect(eventType('API_CALL')).toBe('API_CALL')
  expect(eventType('acme.storage.operation')).toBe('STORAGE_OPERATION')
  expect(eventType('com.example.order')).toBeUndefined()
  expect(eventType('NOTANAPI_CALLER')).toBeUndefined()
})

test('of a CloudEvent, source and id make the id, subject the user, and unknown data attributes', () => {
  const event = {
    specversion: '1.0',
    id: '7',
    source: '/eu/app',
    type: 'a.API_CALL',
    subject: 'ada',
    data: { quantity: 3, region: 'eu' },
  }
  expect(cloudEvent(event, 1)).toEqual({
    ok: true,
    line: 1,
    event: { id: '/eu/app#7', type: 'API_CALL', user_id: 'ada', quantity: 3, attributes: { region: 'eu' } },
  })
  expect(cloudEvent({ ...event, specversion: '0.3' }, 4)).toMatchObject({ ok: false, line: 4 })
  const { event: long } = { event: { id: '' }, ...cloudEvent({ ...event, source: 'x'.repeat(200) }, 1) }
  expect(long.id).toHaveLength(67) // hashed: ids hold 128 characters
})

test("a provider's response is an event under the provider's own id, bare or wrapped", () => {
  // The form of Anthropic's Messages API: input_tokens leaves cached tokens out.
  const body = {
    id: 'msg_1',
    type: 'message',
    model: 'claude-3-haiku-20240307',
    usage: { input_tokens: 10, cache_read_input_tokens: 90, cache_creation_input_tokens: 0, output_tokens: 5 },
  }
  const expected = { id: 'msg_1', provider: 'anthropic', input_tokens: 100, cached_input_tokens: 90, output_tokens: 5 }
  expect(providerEvent(body, 1, 'log')).toMatchObject({ ok: true, event: expected })
  const wrapped = { time: 1_755_100_406, user_id: 'ada', response: body }
  expect(providerEvent(wrapped, 1, 'log')).toMatchObject({
    event: { ...expected, occurred_at: '2025-08-13T15:53:26Z', user_id: 'ada' },
  })
  expect(providerEvent({ error: { message: 'overloaded' } }, 3, 'log')).toEqual({
    ok: false,
    line: 3,
    why: 'the provider answered with an error: overloaded',
  })
})

test('times without an offset are UTC, and keep their digits', () => {
  expect(traceTime('2023-11-16 18:17:03.9799600')).toBe('2023-11-16T18:17:03.9799600Z')
  expect(traceTime('2023-11-16T18:17:03+01:00')).toBe('2023-11-16T17:17:03Z')
  expect(traceTime('2023-02-30 00:00:00')).toBeUndefined()
})

test('a file of another kind is refused with what can be read', async () => {
  await expect(formatOf(await file('x.txt', ['hello']))).rejects.toThrow('TIMESTAMP,ContextTokens,GeneratedTokens')
  await expect(formatOf(join(folder, 'absent'))).rejects.toThrow('cannot read')
})

const conversation = dataFile('llm/AzureLLMInferenceTrace_conv.csv')
test.skipIf(!conversation)(
  'a real trace is metered whole, and once (skipped where the Azure traces are not at hand)',
  { timeout: 60_000 },
  async () => {
    const { id } = await it.tenant()
    const whole = { events: 19_366, unpriced: 0, refused: [], unread: [] }
    expect(await replayed(conversation ?? '', id)).toMatchObject({ ...whole, accepted: 19_366, duplicates: 0 })
    expect(await replayed(conversation ?? '', id)).toMatchObject({ ...whole, accepted: 0, duplicates: 19_366 })
  },
)
