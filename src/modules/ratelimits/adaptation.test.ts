import { expect, test } from 'vitest'
import { atLevel, type Standing, stepOf } from './adaptation.ts'
import type { Policy } from './limiter/policy.ts'
import { askedOnce, endedOnce, NOTHING, observationOf, sum, type Tally } from './tally.ts'

const POLICY = { base: 100, minimum: 50, maximum: 200, cooldownMs: 30_000, easyMs: 100 }
const seen = (change: Partial<Tally>): Tally => ({ ...NOTHING, ...change })
const WANTED = seen({ asked: 200, blocked: 100, ended: 100, latencyMs: 10_000, timed: 100 })
const ILL = seen({ asked: 100, ended: 100, dropped: 50, latencyMs: 5_000, timed: 50 })
const begun = (): Standing => stepOf(POLICY, undefined, NOTHING, 0).standing

test('a limit begins at its base, and decides once in a cool-down over all that was seen since', () => {
  const first = stepOf(POLICY, begun(), WANTED, 29_999)
  expect(first).toMatchObject({ standing: { state: { current: 100 }, tally: { asked: 200, blocked: 100 } } })
  expect(first.change).toBeUndefined()
  const second = stepOf(POLICY, first.standing, WANTED, 30_000)
  expect(second.change).toMatchObject({ from: 100, to: 110, cause: 'demand', atMs: 30_000, signals: { blockRate: 0.5 } })
  expect(second.standing).toMatchObject({ state: { current: 110 }, tally: NOTHING })
})

test('errors cut it by a step, a refusal of the provider at once where the cool-down is over, and neither below the minimum', () => {
  expect(stepOf(POLICY, begun(), ILL, 30_000).change).toMatchObject({ from: 100, to: 90, cause: 'errors' })
  const refused = endedOnce({ provider: { retryAfterMs: 5_000 } })
  const early = stepOf(POLICY, begun(), refused, 10_000)
  expect(early.change).toBeUndefined()
  expect(stepOf(POLICY, early.standing, refused, 31_000).change).toMatchObject({ to: 90, cause: 'provider_refused' })
  let standing = begun()
  for (let at = 1; at <= 20; at += 1) standing = stepOf(POLICY, standing, ILL, at * 30_000).standing
  expect(standing.state.current).toBe(50)
})

test('a clock that steps back stops nothing', () => {
  const late = stepOf(POLICY, begun(), WANTED, 90_000).standing
  const back = stepOf(POLICY, late, WANTED, 1_000).standing
  expect(stepOf(POLICY, back, WANTED, 31_000).change).toMatchObject({ from: 110, cause: 'demand' })
})

test('tallies of servers add up; a latency is the mean of what ended well, and a refusal of the provider stays heard', () => {
  const all = [
    askedOnce(true),
    askedOnce(false),
    endedOnce({ latencyMs: 100 }),
    endedOnce({ latencyMs: 300, provider: { limit: 50, retryAfterMs: 9 } }),
    endedOnce({ latencyMs: 5_000, dropped: true, provider: { limit: 60, remaining: 1 } }),
    endedOnce({}),
  ].reduce(sum)
  expect(observationOf(all)).toEqual({
    asked: 2,
    blocked: 1,
    ended: 3,
    dropped: 1,
    latencyMs: 200,
    provider: { limit: 60, remaining: 1, retryAfterMs: 9 },
  })
  expect(observationOf(NOTHING)).toEqual({ asked: 0, blocked: 0, ended: 0, dropped: 0 })
})

test('a policy at a level differs in its number alone, and is one object for as long as it stands there', () => {
  const policy: Policy = { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 1_000 }
  expect(atLevel(policy, 110)).toEqual({ ...policy, limit: 110 })
  expect(atLevel(policy, 110)).toBe(atLevel(policy, 110))
  expect(atLevel(policy, 100)).toBe(policy)
})
