import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T00:00:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())
beforeEach(() => t.clock.set('2026-03-01T00:00:00Z'))

const spend = (limit: string) => ({ algorithm: 'COST_BASED', limit, window_ms: 60_000 })
const calls = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 60_000 })
const limit = async (policy: object): Promise<string> => {
  const body = { name: 'limit', scopes: ['PER_TENANT', 'PER_RESOURCE'], policy }
  return String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id)
}
const price = (provider: string, model: string, body: object) =>
  t.call('PUT', `/model-prices/${provider}/${model}`, { key: t.operatorKey, body })
const check = async (path: string, body: object) =>
  (await t.call('POST', `/rate-limits${path}check`, { key: acme.key, body: { resource: 'r', ...body } })).body
const left = async (id: string) => (await check(`/${id}/`, { peek: true })).limits
/** Until the prices are as they are now. */
const second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

// claude-3-sonnet costs 3 and 15 dollars a million tokens: case QU07, BerriAI/litellm#27509.
const QU07 = { provider: 'anthropic', model: 'claude-3-sonnet', input_tokens: 200, output_tokens: 1_024 }

// billing.json llm_cost-03 to -06: BerriAI/litellm#14849, earendil-works/pi PR #2148, Osmantic/ODS PR #2519, and a message of Aider.
test.each([
  [
    'litellm',
    { input_per_mtok: '1.25', cached_input_per_mtok: '0.625', output_per_mtok: '10' },
    { input_tokens: 262_960, cached_input_tokens: 257_955, output_tokens: 1_744 },
    '0.184918125',
    '9.815081875',
  ],
  [
    'pi',
    { input_per_mtok: '0.5', cached_input_per_mtok: '0.05', output_per_mtok: '3' },
    { input_tokens: 20_212, cached_input_tokens: 16_298, output_tokens: 931 },
    '0.0055649',
    '9.9944351',
  ],
  [
    'ods',
    { input_per_mtok: '2.5', cached_input_per_mtok: '1.25', output_per_mtok: '10' },
    { input_tokens: 1_000_000, cached_input_tokens: 900_000, output_tokens: 0 },
    '1.375',
    '8.625',
  ],
  [
    'aider',
    { input_per_mtok: '1.25', output_per_mtok: '10' },
    { input_tokens: 10_006, output_tokens: 81 },
    '0.0133175',
    '9.9866825',
  ],
])(
  'usage takes from a limit of spend what its event costs, to the last digit: %s',
  async (model, rates, tokens, cost, remaining) => {
    await price('acme', model, rates)
    await second()
    const usage = { provider: 'acme', model, ...tokens }
    const id = await limit(spend('10'))
    expect(await check(`/${id}/`, { usage })).toMatchObject({ allowed: true, limits: [{ amount: cost, remaining }] })
    const event = await t.call('POST', '/usage/record', { key: acme.key, body: { type: 'LLM_COMPLETION', ...usage } })
    expect(event.body).toMatchObject({ cost, priced: true })
  },
)

test('reasoning, cache writes, context tiers and calls have their own price, as for an event', async () => {
  const tier = { above_input_tokens: 1_000, input_per_mtok: '2', output_per_mtok: '20', reasoning_per_mtok: '30' }
  await price('acme', 'thinker', { input_per_mtok: '1', output_per_mtok: '10', per_call: '0.5', tiers: [tier] })
  await price('acme', 'cacher', { input_per_mtok: '1', cache_write_per_mtok: '1.25', output_per_mtok: '10' })
  await second()
  const id = await limit(spend('10'))
  const amount = async (usage: object) => (await check(`/${id}/`, { dry_run: true, usage })).limits
  const thought = { provider: 'acme', model: 'thinker', output_tokens: 100, reasoning_tokens: 60 }
  // 0.5 for the call; of a thousand tokens 1,000 + 100 × 10, beyond it 1,001 × 2 + 40 × 20 + 60 × 30 millionths.
  expect(await amount({ ...thought, input_tokens: 1_000 })).toMatchObject([{ amount: '0.502' }])
  expect(await amount({ ...thought, input_tokens: 1_001 })).toMatchObject([{ amount: '0.504602' }])
  const written = { provider: 'acme', model: 'cacher', input_tokens: 100, cache_write_tokens: 80, output_tokens: 0 }
  expect(await amount(written)).toMatchObject([{ amount: '0.00012' }])
})

test('what does not fit is refused and tells its price; peek and dry run tell it and take nothing', async () => {
  const id = await limit(spend('0.02'))
  const told = { amount: '0.01596', remaining: '0.02' }
  expect(await check(`/${id}/`, { usage: QU07, peek: true })).toMatchObject({ limits: [told] })
  expect(await check(`/${id}/`, { usage: QU07, peek: true, explain: true })).toMatchObject({
    limits: [told],
    explanation: { limits: [{ reason: 'applies', policy: { limit: '0.02' } }] },
  })
  expect(await check(`/${id}/`, { usage: QU07, dry_run: true })).toMatchObject({ allowed: true, limits: [{ amount: '0.01596' }] })
  expect(await left(id)).toMatchObject([{ remaining: '0.02' }])
  expect(await check(`/${id}/`, { usage: QU07 })).toMatchObject({ allowed: true, limits: [{ remaining: '0.00404' }] })
  expect(await check(`/${id}/`, { usage: QU07 })).toMatchObject({
    allowed: false,
    refused_by: id,
    retry_after_ms: 60_000,
    limits: [{ amount: '0.01596', remaining: '0.00404' }],
  })
  expect(await check(`/${id}/`, { amount: '0.00404' })).toMatchObject({ allowed: true, limits: [{ amount: '0.00404' }] })
})

test('a model without a price, counts that cannot be and two words on one cost are refused, and nothing is taken', async () => {
  const [money, count] = [await limit(spend('1')), await limit(calls(3))]
  const both = [{ limit_id: money }, { limit_id: count }]
  const refused: [string, object][] = [
    ['model_unpriced', { usage: { ...QU07, model: 'no-such-model' } }],
    ['model_unpriced', { usage: { ...QU07, provider: 'no-such-provider' } }],
    ['model_unpriced', { usage: { ...QU07, model: 'no-such-model' }, peek: true }],
    ['cached_exceeds_input', { usage: { ...QU07, cached_input_tokens: 150, cache_write_tokens: 51 } }],
    ['reasoning_exceeds_output', { usage: { ...QU07, reasoning_tokens: 1_025 } }],
    ['amount_and_usage', { usage: QU07, amount: '0.01' }],
    ['amount_and_usage', { limits: [{ limit_id: count }, { limit_id: money, usage: QU07, amount: '0.01' }] }],
    ['amount_missing', {}],
    ['amount_too_large', { usage: { provider: 'openai', model: 'gpt-4', input_tokens: 1e9, output_tokens: 0 } }],
    ['validation_failed', { usage: { ...QU07, input_tokens: 1e9 + 1 } }],
    ['validation_failed', { usage: { ...QU07, output_tokens: -1 } }],
    ['validation_failed', { usage: { model: 'claude-3-sonnet', input_tokens: 1 } }],
    ['validation_failed', { usage: { input_tokens: 1, output_tokens: 1 } }],
  ]
  for (const [code, body] of refused) expect([body, await check('/', { limits: both, ...body })]).toMatchObject([{}, { code }])
  expect(await left(money)).toMatchObject([{ remaining: '1' }])
  expect(await left(count)).toMatchObject([{ remaining: 3 }])
})

test('limits that count no money are asked for the cost, whatever the usage comes to', async () => {
  const [money, count] = [await limit(spend('1')), await limit(calls(2_000))]
  const limits = [{ limit_id: money }, { limit_id: count, cost: 1_224 }]
  expect(await check('/', { limits, usage: QU07 })).toMatchObject({ allowed: true })
  expect(await left(money)).toMatchObject([{ remaining: '0.98404' }])
  expect(await left(count)).toMatchObject([{ remaining: 776 }])
  const [, counted] = JSON.parse(JSON.stringify((await check('/', { limits, usage: QU07, peek: true })).limits))
  expect(counted).not.toHaveProperty('amount')
  // A billion tokens at 30 dollars a million are more than money is counted to, and no matter to a count.
  const usage = { provider: 'openai', model: 'gpt-4', input_tokens: 1e9, output_tokens: 0 }
  expect(await check(`/${count}/`, { usage })).toMatchObject({ allowed: true, limits: [{ remaining: 775 }] })
})

test('all limits of spend that apply take what the usage costs, named or not; what a limit is told goes before', async () => {
  const ids = [await limit(spend('1')), await limit(spend('1')), await limit(spend('1'))]
  await second()
  const all = await check('/', { usage: QU07, resource: 'all' })
  const answers: { limit_id: string; remaining: string }[] = JSON.parse(JSON.stringify(all.limits))
  for (const id of ids) expect(answers.find(({ limit_id }) => limit_id === id)).toMatchObject({ remaining: '0.98404' })
  const [plain, priced, told] = ids
  const double = { ...QU07, input_tokens: 400, output_tokens: 2_048 }
  const limits = [{ limit_id: plain }, { limit_id: priced, usage: double }, { limit_id: told, amount: '0.5' }]
  await check('/', { limits, usage: QU07 })
  expect(await left(String(plain))).toMatchObject([{ remaining: '0.98404' }])
  expect(await left(String(priced))).toMatchObject([{ remaining: '0.96808' }])
  expect(await left(String(told))).toMatchObject([{ remaining: '0.5' }])
})

test('what costs nothing is let through, also where nothing is left', async () => {
  await price('acme', 'free', { input_per_mtok: '0', output_per_mtok: '0' })
  await second()
  const id = await limit(spend('0.01596'))
  expect(await check(`/${id}/`, { usage: QU07 })).toMatchObject({ allowed: true, limits: [{ remaining: '0' }] })
  const usage = { provider: 'acme', model: 'free', input_tokens: 1e9, output_tokens: 1e9 }
  expect(await check(`/${id}/`, { usage })).toMatchObject({ allowed: true, limits: [{ amount: '0', remaining: '0' }] })
  expect(await check(`/${id}/`, { usage: { ...QU07, input_tokens: 0, output_tokens: 0 } })).toMatchObject({ allowed: true })
  expect(await check(`/${id}/`, { usage: { ...QU07, input_tokens: 1, output_tokens: 0 } })).toMatchObject({ allowed: false })
})

test('the price is that of the instant, and a changed one holds within a second', async () => {
  const id = await limit(spend('100'))
  const usage = { provider: 'acme', model: 'changing', input_tokens: 1_000_000, output_tokens: 0 }
  const amount = async () => (await check(`/${id}/`, { dry_run: true, usage })).limits
  await price('acme', 'changing', { input_per_mtok: '1', output_per_mtok: '1' })
  await price('acme', 'changing', { input_per_mtok: '2', output_per_mtok: '1', effective_from: '2026-03-01T06:00:00Z' })
  await second()
  expect(await amount()).toMatchObject([{ amount: '1' }])
  t.clock.set('2026-03-01T05:59:59.999Z')
  expect(await amount()).toMatchObject([{ amount: '1' }])
  t.clock.set('2026-03-01T06:00:00Z')
  expect(await amount()).toMatchObject([{ amount: '2' }])
  await price('acme', 'changing', { input_per_mtok: '3', output_per_mtok: '1' })
  await second()
  expect(await amount()).toMatchObject([{ amount: '3' }])
})
