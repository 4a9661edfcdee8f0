/**
 * Tokens of one model call. `inputTokens` is the TOTAL input, cached and cache-write tokens included;
 * `outputTokens` is the TOTAL output, reasoning included. All are safe integers, none negative.
 */
export type TokenUsage = {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
}

export type UsageCounts = Pick<TokenUsage, 'inputTokens' | 'outputTokens'> & Partial<TokenUsage>

export type UsageProblem = {
  readonly code: 'usage_not_a_count' | 'cached_exceeds_input' | 'reasoning_exceeds_output'
  readonly message: string
}

export const completeUsage = (counts: UsageCounts): TokenUsage => ({
  inputTokens: counts.inputTokens,
  outputTokens: counts.outputTokens,
  cachedInputTokens: counts.cachedInputTokens ?? 0,
  cacheWriteTokens: counts.cacheWriteTokens ?? 0,
  reasoningTokens: counts.reasoningTokens ?? 0,
})

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** The first thing wrong with the counts, or undefined: only a usage without a problem may be priced. */
export function usageProblem(usage: TokenUsage): UsageProblem | undefined {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage
  for (const [name, value] of Object.entries({ inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens }))
    if (!isCount(value))
      return {
        code: 'usage_not_a_count',
        message: `${name} is ${value}; send a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
      }
  // The sum of two safe integers may round, so compare by difference.
  if (cachedInputTokens > inputTokens - cacheWriteTokens)
    return {
      code: 'cached_exceeds_input',
      message: `${cachedInputTokens} cached and ${cacheWriteTokens} cache-write tokens exceed ${inputTokens} input tokens; input is the total that includes both`,
    }
  if (reasoningTokens > outputTokens)
    return {
      code: 'reasoning_exceeds_output',
      message: `${reasoningTokens} reasoning tokens exceed ${outputTokens} output tokens; output is the total that includes reasoning`,
    }
  return undefined
}
