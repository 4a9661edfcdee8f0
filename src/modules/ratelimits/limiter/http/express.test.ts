import { once } from 'node:events'
import express from 'express'
import { expect, test } from 'vitest'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { expressRateLimit } from './express.ts'

const limits: Readonly<Record<string, Policy>> = { api: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 60_000 } }

test('Express itself serves what is allowed and leaves to the limiter what is not', async () => {
  const limiter = memoryLimiter({ limits, now: () => 1_700_000_000_000_000, seed: 1 })
  const app = express()
  app.use(expressRateLimit({ limiter, limits, random: () => 0, asks: () => [{ limit: 'api', key: 'k' }] }))
  app.get('/', (_request, response) => response.json({ served: true }))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = server.address()
    const ask = async (): Promise<readonly unknown[]> => {
      const response = await fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`)
      return [response.status, response.headers.get('ratelimit'), response.headers.get('content-type'), await response.json()]
    }
    const json = 'application/json; charset=utf-8'
    expect(await ask()).toEqual([200, '"api";r=1;t=40', json, { served: true }])
    expect(await ask()).toEqual([200, '"api";r=0;t=40', json, { served: true }])
    expect(await ask()).toEqual([
      429,
      '"api";r=0;t=40',
      'application/problem+json; charset=utf-8',
      expect.objectContaining({ status: 429, 'violated-policies': ['api'] }),
    ])
  } finally {
    server.close()
  }
})
