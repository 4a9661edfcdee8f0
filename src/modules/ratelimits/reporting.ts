import type { Limiter } from './counting.ts'
import type { OnUnavailable } from './limit.ts'

/** A limiter that tells of each answer that was given without the counts, by what answered in their place. */
export const reporting = (limiter: Limiter, degraded: (by: OnUnavailable) => void): Limiter => ({
  async decide(asks, options) {
    const answers = await limiter.decide(asks, options)
    for (const [i, answer] of answers.entries()) {
      const ask = asks[i]
      if (answer.degraded && ask) degraded(ask.onUnavailable)
    }
    return answers
  },
  reset: limiter.reset,
})
