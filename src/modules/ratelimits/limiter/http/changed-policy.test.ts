import { expect, test } from 'vitest'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { answering } from './answer.ts'

const fixed = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })

test('clients are told the policy that holds: one that is replaced in the limits is told from the next request on, one that is not in them never', async () => {
  const limits: Record<string, Policy> = { api: fixed(10) }
  const limiter = memoryLimiter({ limits: { ...limits, constructor: fixed(10) }, now: () => 1_700_000_000_000_000, seed: 1 })
  const asks = () => ['api', 'constructor'].map((limit) => ({ limit, key: 'k' }))
  const { decide } = answering({ limiter, limits, random: () => 0, asks })
  const told = async () => await decide({})
  expect(await told()).toMatchObject({ policies: '"api";q=10;w=60', left: '"api";r=9;t=40' })
  limits.api = fixed(5)
  limiter.setPolicy('api', limits.api)
  expect(await told()).toMatchObject({ policies: '"api";q=5;w=60', left: '"api";r=3;t=40' })
})
