/** At these shares of the calls, in percent. */
export const SHARES = [0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100] as const

export interface TokenQuantiles {
  readonly input: readonly number[]
  readonly output: readonly number[]
}

/**
 * Tokens of a call at each share of the calls: 8,819 code completions and 19,366 turns of conversation.
 * Source: Azure LLM inference traces 2023, Patel et al., Splitwise, ISCA 2024, CC-BY-4.0.
 */
export const QUANTILES = {
  code: {
    input: [3, 17, 75, 147, 578, 1469, 2745, 5188, 7303, 7436, 7437],
    output: [6, 6, 6, 7, 9, 13, 24, 55, 90, 251, 1899],
  },
  conversation: {
    input: [2, 29, 181, 207, 396, 1020, 1189, 2735, 4083, 4142, 14050],
    output: [7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 1000],
  },
} as const satisfies Readonly<Record<string, TokenQuantiles>>

export type Workload = keyof typeof QUANTILES

/** The value at share `u` (0 to 1) of a table, linear between its points. */
export const atShare = (values: readonly number[], u: number): number => {
  const percent = u * 100
  const upper = Math.max(
    1,
    SHARES.findIndex((share) => share >= percent),
  )
  const [from, to] = [SHARES[upper - 1] ?? 0, SHARES[upper] ?? 100]
  const [low, high] = [values[upper - 1] ?? 0, values[upper] ?? 0]
  return Math.round(low + ((percent - from) / (to - from)) * (high - low))
}
