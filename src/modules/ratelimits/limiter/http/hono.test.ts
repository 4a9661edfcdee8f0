import { type Context, Hono } from 'hono'
import { expect, test } from 'vitest'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { honoRateLimit } from './hono.ts'

const limits: Readonly<Record<string, Policy>> = {
  api: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 60_000 },
  evenly: { algorithm: 'LEAKY_BUCKET', capacity: 2, leak: { amount: 1, perMs: 1_000 }, mode: 'shaper' },
}

const stand = (asked: readonly string[]) => {
  const limiter = memoryLimiter({ limits, now: () => 1_700_000_000_000_000, seed: 1 })
  const slept: number[] = []
  const app = new Hono()
  app.use(
    '/limited/*',
    honoRateLimit({
      limiter,
      limits,
      random: () => 0,
      asks: ({ req }: Context) => asked.map((limit) => ({ limit, key: req.header('x-api-key') ?? '' })),
      sleep: async (ms) => {
        slept.push(ms)
      },
    }),
  )
  app.get('/limited/own', () => new Response('a response of its own'))
  app.get('/limited/json', (context) => context.json({ served: true }))
  app.get('/free', (context) => context.text('free'))
  app.onError(({ message }, context) => context.text(message, 500))
  const ask = async (path: string, key = 'a'): Promise<readonly unknown[]> => {
    const response = await app.request(path, { headers: { 'x-api-key': key } })
    return [
      response.status,
      response.headers.get('ratelimit'),
      response.headers.get('content-type')?.split(';')[0],
      await response.text(),
    ]
  }
  return { ask, slept }
}

test('Hono itself serves what is allowed, with its fields, and leaves to the limiter what is not', async () => {
  const { ask } = stand(['api'])
  expect(await ask('/limited/json')).toEqual([200, '"api";r=1;t=40', 'application/json', '{"served":true}'])
  expect(await ask('/limited/own')).toEqual([200, '"api";r=0;t=40', 'text/plain', 'a response of its own'])
  expect(await ask('/limited/json')).toEqual([
    429,
    '"api";r=0;t=40',
    'application/problem+json',
    expect.stringContaining('"violated-policies":["api"]'),
  ])
  expect((await ask('/limited/json', 'b'))[0]).toBe(200)
  expect(await ask('/free')).toEqual([200, null, 'text/plain', 'free'])
})

test('Hono itself waits where a shaper says so, and hears of a mistake as of any error', async () => {
  const { ask, slept } = stand(['evenly'])
  await ask('/limited/json')
  expect((await ask('/limited/json'))[0]).toBe(200)
  expect(slept).toEqual([1_000])
  expect(await stand(['that']).ask('/limited/json')).toContain("there is no limit 'that'; there are api, evenly")
})
