import fc from 'fast-check'
import { expect, test } from 'vitest'
import { completeUsage, usageProblem } from './usage.ts'

const problemOf = (counts: Parameters<typeof completeUsage>[0]) => usageProblem(completeUsage(counts))?.code

test('parts that exceed their total are refused by name', () => {
  expect(problemOf({ inputTokens: 10, outputTokens: 0, cachedInputTokens: 6, cacheWriteTokens: 5 })).toBe('cached_exceeds_input')
  expect(problemOf({ inputTokens: 10, outputTokens: 3, reasoningTokens: 4 })).toBe('reasoning_exceeds_output')
  expect(
    problemOf({ inputTokens: 10, outputTokens: 3, cachedInputTokens: 6, cacheWriteTokens: 4, reasoningTokens: 3 }),
  ).toBeUndefined()
})

test('parts whose sum would round to the total are still refused', () => {
  const most = Number.MAX_SAFE_INTEGER
  expect(problemOf({ inputTokens: most, outputTokens: 0, cachedInputTokens: most, cacheWriteTokens: 1 })).toBe(
    'cached_exceeds_input',
  )
})

test('anything that is no count is refused', () => {
  for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    expect(problemOf({ inputTokens: bad, outputTokens: 0 })).toBe('usage_not_a_count')
})

test('whatever passes the check has no negative part', () => {
  const any = fc.integer({ min: -5, max: 50 })
  fc.assert(
    fc.property(any, any, any, any, any, (inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens) => {
      const usage = { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens }
      const sound =
        Object.values(usage).every((n) => n >= 0) &&
        inputTokens >= cachedInputTokens + cacheWriteTokens &&
        outputTokens >= reasoningTokens
      return (usageProblem(usage) === undefined) === sound
    }),
  )
})
