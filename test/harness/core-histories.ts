import fc from 'fast-check'
import { expect } from 'vitest'
import type { Core } from '../../src/modules/ratelimits/limiter/cores/core.ts'
import { MAX_COST } from '../../src/modules/ratelimits/limiter/decision.ts'
import type { Entry, ExactLog } from './exact-logs.ts'
import { runs } from './runs.ts'

interface Subject {
  readonly core: Core
  readonly exact: ExactLog
  readonly spanUs: number
  /** What costs are measured by; of money 10^-12. */
  readonly unit?: number
  /** Whether what does not fit is taken too, now and then. */
  readonly owes?: boolean
}

interface Step extends Entry {
  /** Of a request that took nothing: whether the row is kept as it was brought up to the step's instant, as memory does, or not, as Redis. */
  readonly isKept: boolean
  /** Is taken beyond the room, too: what a reservation cost in truth. */
  readonly isCharged: boolean
}

export const START = 1_700_000_000_000_000
export const RUNS = { numRuns: runs(200, 40) }
/** In limits: a log pays off a debt window by window. */
const MOST_OWED = 20
/** Steps that a property makes at least: a history has some 60, and in the first runs fewer. */
const STEPS = RUNS.numRuns * 40

/** The most that a core tells, whose numbers are doubles. */
const told = (room: bigint): number => Number(room > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : room)

/** Holds a core to the log at each step: what fits, until when it does not, and until when anything counts. Answers with the log. */
const hold = (core: Core, exact: ExactLog, steps: readonly Step[]): readonly Entry[] => {
  let rows = new Float64Array(core.width)
  const log: Entry[] = []
  const broughtTo = (at: number) => {
    const row = rows.slice()
    core.advance(row, 0, at)
    return row
  }
  const expectUntil = (span: number, at: number, holds: (row: Float64Array, then: number) => boolean): void => {
    const [before, after] = [at + span - 1, at + span]
    expect(holds(broughtTo(after), after)).toBe(true)
    if (span > 0) expect(holds(broughtTo(before), before)).toBe(false)
  }
  for (const { at, cost, isKept, isCharged } of steps) {
    const row = broughtTo(at)
    const room = exact.room(log, at)
    const fits = room >= BigInt(cost)
    expect(core.room(row, 0, at)).toBe(told(room))
    const wait = core.wait(row, 0, at, cost)
    if (cost > core.limit) expect(wait).toBe(Number.POSITIVE_INFINITY)
    else {
      expectUntil(wait, at, (then, when) => core.room(then, 0, when) >= cost)
      expect(exact.room(log, at + wait) >= BigInt(cost)).toBe(true)
      if (wait > 0) expect(exact.room(log, at + wait - 1) >= BigInt(cost)).toBe(false)
    }
    const takes = cost > 0 && (fits || (isCharged && cost <= MOST_OWED * core.limit))
    if (takes) core.take(row, 0, at, cost)
    if (takes || isKept) {
      rows = row
      log.push({ at, cost: takes ? cost : 0 })
    }
    const reset = core.reset(broughtTo(at), 0, at)
    expect(exact.isFresh(log, at + reset)).toBe(true)
    if (reset > 0) expect(exact.isFresh(log, at + reset - 1)).toBe(false)
  }
  return log
}

interface Reach {
  steps: number
  admitted: number
  refused: number
  back: number
  longest: number
}

/** Histories of a core under random policies, each step held to the log; then that they were long, refused, and went back in time. */
export const follow = <P>(
  policy: fc.Arbitrary<P>,
  of: (policy: P) => Subject,
  more = (_: P, __: readonly Entry[]): void => {},
): void => {
  const reach: Reach = { steps: 0, admitted: 0, refused: 0, back: 0, longest: 0 }
  const input = policy.chain((one) => fc.tuple(fc.constant(one), stepsOf(of(one))))
  fc.assert(
    fc.property(input, ([one, steps]) => {
      const { core, exact } = of(one)
      const log = hold(core, exact, steps)
      reach.steps += steps.length
      const admitted = log.filter(({ cost }) => cost > 0).length
      reach.admitted += admitted
      reach.refused += steps.filter(({ cost }) => cost > 0).length - admitted
      reach.back += steps.filter(({ at }, i) => at < (steps[i - 1]?.at ?? 0)).length
      reach.longest = Math.max(reach.longest, steps.length)
      more(one, log)
    }),
    RUNS,
  )
  expect(reach.steps).toBeGreaterThanOrEqual(STEPS)
  expect(reach.longest).toBeGreaterThan(100)
  for (const count of [reach.admitted, reach.refused, reach.back]) expect(count).toBeGreaterThan(STEPS / 20)
}

/** Bursts and pauses, at the edges of windows and off them, and steps back in time; costs from nothing to beyond any limit. */
const stepsOf = ({ spanUs, unit = 1, owes = false }: Subject): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.record({
        gap: fc.oneof(
          fc.constant(0),
          fc.nat(3),
          fc.nat(spanUs),
          fc.constantFrom(spanUs - 1, spanUs, spanUs + 1),
          fc.nat(3 * spanUs),
          fc.nat(2 * spanUs).map((us) => -us),
        ),
        cost: fc.oneof(
          { weight: 3, arbitrary: fc.constant(unit) },
          { weight: 3, arbitrary: fc.nat(12).map((units) => units * unit) },
          { weight: 1, arbitrary: fc.nat(60).map((units) => units * unit + (unit > 1 ? 1 : 0)) },
          { weight: 1, arbitrary: fc.constantFrom(0, MAX_COST) },
        ),
        isKept: fc.boolean(),
        isCharged: owes ? fc.nat(9).map((n) => n === 0) : fc.constant(false),
      }),
      { minLength: 30, maxLength: 120, size: 'max' },
    )
    .map((steps) => {
      let at = START
      return steps.map(({ gap, ...step }) => {
        at += gap
        return { at, ...step }
      })
    })
