import { expect, test } from 'vitest'
import { atLevel, type Standing, stepOf } from './adaptation.ts'
import type { Policy } from './limiter/policy.ts'
import { add, askedOnce, type Counts, endedOnce, nothing, type Outcome, observationOf, type Tally } from './tally.ts'

const POLICY = { base: 100, minimum: 50, maximum: 200, cooldownMs: 30_000, easyMs: 100 }
const seen = (change: Partial<Counts>): Tally => ({ ...nothing(), ...change })
const told = (outcome: Outcome): Tally => seen(endedOnce(outcome))
const WANTED = seen({ asked: 200, blocked: 100, ended: 100, latencyMs: 10_000, timed: 100 })
const ILL = seen({ asked: 100, ended: 100, dropped: 50, latencyMs: 5_000, timed: 50 })
const begun = (): Standing => stepOf(POLICY, undefined, nothing(), 0).standing

test('a limit begins at its base, and decides once in a cool-down over all that was seen since', () => {
  const first = stepOf(POLICY, begun(), WANTED, 29_999)
  expect(first).toMatchObject({ standing: { state: { current: 100 }, tally: { asked: 200, blocked: 100 } } })
  expect(first.change).toBeUndefined()
  const second = stepOf(POLICY, first.standing, WANTED, 30_000)
  expect(second.change).toMatchObject({ from: 100, to: 110, cause: 'demand', atMs: 30_000, signals: { blockRate: 0.5 } })
  expect(second.standing).toMatchObject({ state: { current: 110 }, tally: nothing() })
})

test('errors cut it by a step, a refusal of the provider at once where the cool-down is over, and neither below the minimum', () => {
  expect(stepOf(POLICY, begun(), ILL, 30_000).change).toMatchObject({ from: 100, to: 90, cause: 'errors' })
  const refused = told({ provider: { retryAfterMs: 5_000 } })
  const early = stepOf(POLICY, begun(), refused, 10_000)
  expect(early.change).toBeUndefined()
  expect(stepOf(POLICY, early.standing, refused, 31_000).change).toMatchObject({ to: 90, cause: 'provider_refused' })
  let standing = begun()
  for (let at = 1; at <= 20; at += 1) standing = stepOf(POLICY, standing, ILL, at * 30_000).standing
  expect(standing.state.current).toBe(50)
})

const REFUSED = told({ provider: { retryAfterMs: 60_000 } })
/** What becomes of a limit whose last change, to 110, was at 30 s. */
const risen = (): Standing => stepOf(POLICY, begun(), WANTED, 30_000).standing
const after = (from: Standing, seenAt: readonly (readonly [atMs: number, seen: Tally])[]) => {
  let standing = from
  const changes = seenAt.flatMap(([atMs, one]) => {
    const step = stepOf(POLICY, standing, one, atMs)
    standing = step.standing
    return step.change ? [[step.change.atMs, step.change.cause, step.change.from, step.change.to]] : []
  })
  return { standing, changes }
}

test('a refusal that is heard within a cool-down cuts at its end, though all was well since, once however many were heard', () => {
  const well = seen({ asked: 10, ended: 10, latencyMs: 1_000, timed: 10 })
  expect(
    after(risen(), [
      [35_000, REFUSED],
      [40_000, well],
      [55_000, REFUSED],
      [59_999, well],
      [60_000, well],
      [65_000, well],
      [89_999, well],
    ]).changes,
  ).toEqual([[60_000, 'provider_refused', 110, 100]])
})

test('what was seen in a cool-down is kept where a refusal is heard in it, and decides with it', () => {
  const { standing } = after(risen(), [
    [40_000, WANTED],
    [45_000, REFUSED],
    [50_000, WANTED],
  ])
  expect(standing.tally).toMatchObject({ asked: 400, blocked: 200, timed: 200 })
  expect(stepOf(POLICY, standing, nothing(), 60_000).change).toMatchObject({ signals: { blockRate: 0.5 } })
})

test('a cool-down after the last change a refusal cuts at once, whenever the last decision was', () => {
  const still = seen({ asked: 100, blocked: 10, ended: 90, latencyMs: 9_000, timed: 90 })
  expect(
    after(risen(), [
      [60_000, still],
      [65_000, REFUSED],
    ]).changes,
  ).toEqual([[65_000, 'provider_refused', 110, 100]])
})

test('a Retry-After runs from when it was heard, not from the cut: nothing grows before it is over, and all may after it', () => {
  const held = after(risen(), [
    [35_000, REFUSED],
    [60_000, WANTED],
    [90_000, WANTED],
    [94_999, nothing()],
  ])
  expect(held.changes).toEqual([[60_000, 'provider_refused', 110, 100]])
  expect(held.standing.state.heldUntilMs).toBe(95_000)
  expect(after(held.standing, [[120_000, WANTED]]).changes).toEqual([[120_000, 'demand', 100, 105]])
})

test('refusals that three servers hear and write in any order cut once in a cool-down', () => {
  const seenAt = Array.from({ length: 36 }, (_, i) => [35_000 + 2_500 * i, REFUSED] as const)
  expect(after(risen(), seenAt).changes).toEqual([
    [60_000, 'provider_refused', 110, 100],
    [90_000, 'provider_refused', 100, 90],
    [120_000, 'provider_refused', 90, 81],
  ])
})

test('a refusal is not forgotten where the clock steps back, and still cuts once', () => {
  const { changes } = after(risen(), [
    [35_000, REFUSED],
    [1_000, nothing()],
    [30_999, nothing()],
    [31_000, nothing()],
    [56_000, seen({ asked: 30, ended: 30, latencyMs: 3_000, timed: 30 })],
  ])
  expect(changes).toEqual([[31_000, 'provider_refused', 110, 100]])
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
  ].reduce(add)
  expect(observationOf(seen(all))).toEqual({
    asked: 2,
    blocked: 1,
    ended: 3,
    dropped: 1,
    latencyMs: 200,
    provider: { limit: 60, remaining: 1, retryAfterMs: 9 },
  })
  expect(observationOf(nothing())).toEqual({ asked: 0, blocked: 0, ended: 0, dropped: 0 })
})

test('a policy at a level differs in its number alone, and is one object for as long as it stands there', () => {
  const policy: Policy = { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 1_000 }
  expect(atLevel(policy, 110)).toEqual({ ...policy, limit: 110 })
  expect(atLevel(policy, 110)).toBe(atLevel(policy, 110))
  expect(atLevel(policy, 100)).toBe(policy)
})
