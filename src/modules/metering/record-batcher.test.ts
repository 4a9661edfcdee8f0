import { expect, test } from 'vitest'
import type { UsageEvent } from './event.ts'
import { recordBatcher } from './record-batcher.ts'

const event: UsageEvent = {
  id: 'e1',
  type: 'API_CALL',
  provider: null,
  model: null,
  userId: null,
  occurredAt: '2026-03-01T12:00:00Z',
  success: true,
  quantity: '1',
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  durationMs: null,
  cost: '0',
  attributes: null,
}

test('a lane that could not be found is looked for again with the next record', async () => {
  let asked = 0
  const record = recordBatcher(
    async (submissions) => submissions.map(({ events }) => events.map(() => 'accepted')),
    async () => {
      asked += 1
      if (asked === 1) throw new Error('the database is away')
      return 'shared'
    },
  )
  await expect(record('tnt_1', event)).rejects.toThrow('away')
  expect(await record('tnt_1', event)).toBe('accepted')
  expect(asked).toBe(2)
})
