import type { Decision, LimitDecision } from '../decision.ts'
import type { ReservationState, Settlement } from '../reservation.ts'

const PER_LIMIT = 5
const STATES = ['unknown', 'held', 'settled', 'released', 'expired'] as const satisfies readonly (ReservationState | 'unknown')[]

const isFigure = (item: unknown): item is number | string =>
  typeof item === 'number' || (typeof item === 'string' && /^-?\d+$/.test(item))

/** The script's answer as numbers. Throws where something else answers: a proxy, or a script of another version. */
export const numbersOf = (reply: unknown): readonly number[] => {
  if (Array.isArray(reply) && reply.every(isFigure)) return reply.map(Number)
  throw new TypeError('Redis answered what the limiter does not understand')
}

/** The server's time, where the answer is that the calendar's ends did not hold it. */
export const outrunAt = ([code, now]: readonly number[]): number | undefined => (code === -1 ? now : undefined)

export const isInUse = ([code]: readonly number[]): boolean => code === -2

export const isOfOthers = ([code]: readonly number[]): boolean => code === -3

export const toDecision = (names: readonly string[], numbers: readonly number[]): Decision => ({
  allowed: numbers[0] === 1,
  limits: names.map((limit, i): LimitDecision => {
    const [fits = 0, remaining = 0, resetMs = 0, retryMs = 0, delayMs = 0] = numbers.slice(1 + i * PER_LIMIT)
    return {
      limit,
      allowed: fits === 1,
      remaining,
      resetMs,
      retryAfterMs: retryMs < 0 ? Number.POSITIVE_INFINITY : retryMs,
      delayMs,
    }
  }),
})

export const toSettlement = ([state = 0, changed]: readonly number[]): Settlement => ({
  state: STATES[state] ?? 'unknown',
  changed: changed === 1,
})
