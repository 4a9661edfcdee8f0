import { counterOf } from './counter.ts'
import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import type { Policy } from './limiter/policy.ts'
import { fraction } from './limiter/redis/fraction.ts'

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

/** What limits answer while the shared counts cannot be reached: each by its `onUnavailable`, each `degraded`. */
export const countingAlone = ({ now, seed, liveServers }: CountingAloneOptions): Limiter => {
  const shares = inProcessLimiter({ now, seed })
  const known = new WeakMap<Policy, Map<number, Policy>>()

  const shareOf = (policy: Policy): Policy => {
    const servers = Math.max(1, Math.floor(liveServers()))
    const bySize = known.get(policy) ?? new Map<number, Policy>()
    const share = bySize.get(servers) ?? fraction(policy, servers)
    known.set(policy, bySize.set(servers, share))
    return share
  }

  const shareOfAsk = <T extends Pick<CountAsk, 'limitId' | 'policy'>>(ask: T): T => {
    const policy = shareOf(ask.policy)
    return { ...ask, policy, counter: counterOf(ask.limitId, policy) }
  }

  return {
    async decide(asks, { take }) {
      const isClosed = asks.some(({ onUnavailable }) => onUnavailable === 'closed')
      const own = asks.filter(({ onUnavailable }) => onUnavailable === 'local').map(shareOfAsk)
      // A closed limit refuses the whole request: nothing is taken for it.
      const counted = (await shares.decide(own, { take: take && !isClosed })).values()
      return asks.map(({ onUnavailable }) => {
        const { value } = onUnavailable === 'local' ? counted.next() : { value: undefined }
        return value ? { ...value, degraded: true } : unheard(onUnavailable === 'open')
      })
    },
    reset: (ask) => shares.reset(shareOfAsk(ask)),
  }
}
