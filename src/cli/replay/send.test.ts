import { expect, test } from 'vitest'
import { quotaExceeded } from '../../platform/errors.ts'
import type { Api } from '../api.ts'
import { sendBatch } from './send.ts'

const lines = [{ line: 1, event: { id: 'a', type: 'api_call' } }]
const refusing = (refusals: number, error: Error): Api => ({
  call: async () => {
    refusals -= 1
    if (refusals >= 0) throw error
    return { accepted: 1, duplicates: 0, unpriced: 0, rejected: [] }
  },
})

test('a batch that a rate limit refuses is sent again when it is told to be, however often', async () => {
  const error = quotaExceeded('rate_limited', 'retry soon', { retry_after: 0.001 })
  expect(await sendBatch(refusing(20, error), undefined, lines)).toMatchObject({ accepted: 1, invalid: [] })
})

test('one that no wait helps is told at once', async () => {
  const error = quotaExceeded('rate_limited', 'the plan includes no calls')
  await expect(sendBatch(refusing(1, error), undefined, lines)).rejects.toBe(error)
})
