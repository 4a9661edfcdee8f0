import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import { compile } from './limiter/compile.ts'
import { MAX_COST } from './limiter/decision.ts'

export interface CountingAloneOptions {
  /** Whole microseconds since the epoch. */
  readonly now: () => number
  /** Of the hash of keys. */
  readonly seed: number
  /** Among how many servers a limit is divided. */
  readonly liveServers: () => number
}

/** When somebody who was refused unheard may ask again. */
const RETRY_MS = 1_000

const unheard = (fits: boolean): CountAnswer => ({
  fits,
  remaining: 0,
  resetMs: 0,
  retryAfterMs: fits ? 0 : RETRY_MS,
  delayMs: 0,
  degraded: true,
})

/**
 * What limits answer while the shared counts cannot be reached: each by its `onUnavailable`, each `degraded`. A server's share of a limit is the
 * limit, with each cost counted once for each live server: so it holds whatever becomes of their number.
 */
export const countingAlone = ({ now, seed, liveServers }: CountingAloneOptions): Limiter => {
  const shares = inProcessLimiter({ now, seed })

  /** What a share never holds, the whole limit may hold when the shared counts are back. */
  const waitOf = ({ policy, cost }: CountAsk, { retryAfterMs }: CountAnswer): number =>
    Number.isFinite(retryAfterMs) || cost > compile(policy).core.limit ? retryAfterMs : RETRY_MS

  return {
    async decide(asks, { take }) {
      const servers = Math.max(1, Math.floor(liveServers()))
      const isOwn = ({ onUnavailable, cost }: CountAsk): boolean => onUnavailable === 'local' && cost * servers <= MAX_COST
      const own = asks.filter(isOwn).map((ask) => ({ ...ask, cost: ask.cost * servers }))
      // What refuses unheard refuses the whole request: nothing is taken for it.
      const isRefused = asks.some((ask) => !isOwn(ask) && ask.onUnavailable !== 'open')
      const counted = (await shares.decide(own, { take: take && !isRefused })).values()
      return asks.map((ask) => {
        const { value } = isOwn(ask) ? counted.next() : { value: undefined }
        if (!value) return unheard(ask.onUnavailable === 'open')
        const remaining = Math.floor(value.remaining / servers)
        return { ...value, remaining, retryAfterMs: waitOf(ask, value), degraded: true }
      })
    },
    reset: shares.reset,
  }
}
