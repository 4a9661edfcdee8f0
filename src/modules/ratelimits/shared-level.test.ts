import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Standing, stepOf } from './adaptation.ts'
import { askerOf } from './asker.ts'
import type { Askers } from './askers.ts'
import { nothing, type Tally } from './tally.ts'

const COOLDOWN_MS = 1_000
const EASY_MS = 20

/** A limit of each tenant alike, and what each of them wants of it in a cool-down. */
interface Shared {
  readonly base: number
  readonly maximum: number
  readonly factor: number
  readonly wants: readonly number[]
  /** By which what is wanted varies, from one cool-down to the next. */
  readonly noise: number
}

const ASKERS = Array.from({ length: 201 }, (_, i) =>
  askerOf({ id: 'rl_1', current: { scopes: ['PER_TENANT'] } }, { tenantId: `tnt_${i}` }, `tenant=tnt_${i}`),
)

/** What is seen at a level: a system that is well, whatever passes. */
const seenAt = (wants: readonly number[], level: number): Tally => {
  const askers: Askers = new Map()
  let [asked, blocked] = [0, 0]
  for (const [i, wanted] of wants.entries()) {
    const refused = Math.max(0, wanted - level)
    const asker = ASKERS[i]
    if (asker) askers.set(asker.party, new Map([[asker.key, { asked: wanted, refused }]]))
    asked += wanted
    blocked += refused
  }
  const ended = asked - blocked
  return { ...nothing(), asked, blocked, ended, latencyMs: ended * EASY_MS, timed: ended, askers }
}

const run = ({ base, maximum, factor, wants, noise }: Shared, cooldowns: number, begun?: Standing) => {
  const policy = { base, minimum: 1, maximum, adjustmentFactor: factor, cooldownMs: COOLDOWN_MS, easyMs: EASY_MS }
  let standing = begun ?? stepOf(policy, undefined, nothing(), 0).standing
  const from = standing.state.seenAtMs
  const levels: number[] = []
  for (let i = 1; i <= cooldowns; i += 1) {
    const varied = wants.map((wanted, key) => Math.max(1, Math.round(wanted * (1 + noise * Math.sin(i * (key + 1))))))
    standing = stepOf(policy, standing, seenAt(varied, standing.state.current), from + i * COOLDOWN_MS).standing
    levels.push(standing.state.current)
  }
  return { levels, standing }
}

const QUIET = { base: 100, maximum: 1_000, factor: 0.1, noise: 0, wants: Array<number>(200).fill(50) }

test('one key of two hundred that is refused 100,000 times in each of a hundred cool-downs moves nothing', () => {
  expect(new Set(run({ ...QUIET, wants: [...QUIET.wants, 100_000] }, 100).levels)).toEqual(new Set([100]))
})

test('one of two moves nothing either, and one that is alone brings a limit that was cut back to its base, no further', () => {
  expect(new Set(run({ ...QUIET, wants: [50, 100_000] }, 100).levels)).toEqual(new Set([100]))
  const alone = { ...QUIET, wants: [100_000] }
  expect(new Set(run(alone, 100).levels)).toEqual(new Set([100]))
  const { standing } = run(QUIET, 1)
  const cut: Standing = { ...standing, state: { ...standing.state, current: 60 } }
  expect(run(alone, 100, cut).levels.slice(0, 3)).toEqual([66, 72, 79])
  expect(run(alone, 100, cut).levels.at(-1)).toBe(100)
})

test('many keys that are refused raise it, to where fewer than a fifth is', () => {
  const { levels } = run({ ...QUIET, wants: Array<number>(200).fill(300) }, 100)
  expect(levels.slice(0, 4)).toEqual([110, 121, 133, 146])
  expect(levels.at(-1)).toBeGreaterThanOrEqual(0.8 * 300)
  expect(levels.at(-1)).toBeLessThanOrEqual(0.95 * 300)
})

const SETTLING = 200
const shared = fc.record({
  base: fc.integer({ min: 20, max: 500 }),
  maximum: fc.constant(5_000),
  factor: fc.double({ min: 0.05, max: 0.15, noNaN: true }),
  wants: fc.array(fc.integer({ min: 10, max: 2_000 }), { minLength: 2, maxLength: 100, size: 'max' }),
  noise: fc.double({ min: 0, max: 0.02, noNaN: true }),
})

/** Convergence, as `limiter/adaptive/load-models.test.ts` asserts it of one that asks: here of as many as there are, each wanting another amount. */
test('a limit that many share settles within a step, and turns round no more', () => {
  fc.assert(
    fc.property(shared, (given) => {
      const rest = run(given, SETTLING + 100).levels.slice(SETTLING)
      const [low, high] = [Math.min(...rest), Math.max(...rest)]
      expect(high - low).toBeLessThanOrEqual(Math.max(1, Math.ceil(high * given.factor)))
      const moves = rest.map((level, i) => level - (rest[i - 1] ?? level)).filter((by) => by !== 0)
      expect(moves.filter((by, i) => i > 0 && by * (moves[i - 1] ?? by) < 0)).toEqual([])
    }),
    { seed: 3, numRuns: 20 },
  )
})

test('one more key that is refused most, by however much, leaves the level where the mean of the others has it', () => {
  fc.assert(
    fc.property(shared, fc.integer({ min: 10_000, max: 1_000_000 }), (given, hammered) => {
      const more = (by: number) => run({ ...given, noise: 0, wants: [...given.wants, by] }, 60).levels
      expect(more(hammered)).toEqual(more(10_000))
    }),
    { seed: 3, numRuns: 10 },
  )
})
