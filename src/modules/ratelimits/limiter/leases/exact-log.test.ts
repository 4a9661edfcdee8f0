import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/harness/runs.ts'
import type { Decision } from '../decision.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { leaseRule } from './lease-rule.ts'
import { type LeasedLimiter, leasedLimiter } from './limiter.ts'

/** The start of a day, of an hour, of a minute. */
const START = 19_675 * 86_400_000_000
const LATE_US = 1_000_000
const RUNS = runs(150, 40)

interface Admitted {
  readonly at: number
  readonly cost: number
}

interface Step {
  /** Microseconds, or to the last hundredth of a window or the first of the next. */
  readonly gap: number | 'edge'
  readonly what: 'burst' | 'ask' | 'execute' | 'deliver' | 'sweep' | 'close'
  readonly server: number
  readonly count: number
  readonly cost: number
}

type Job = { readonly sentAt: number; readonly isReturn: boolean; execute(): void; at?: number; deliver(): void }

/** Several servers over one store, whose requests and answers are on their way for as long as the test says. */
const stand = (policy: Policy, share: number, servers: number) => {
  let time = START
  const now = () => time
  const store = memoryLimiter({ limits: { it: leaseRule(policy, share).counted }, now, seed: 1 })
  const [sent, executed]: [Job[], Job[]] = [[], []]
  const admitted: Admitted[] = []
  const asked = { blocks: 0, refused: 0 }
  let settledAt = time

  const send = <T>(isReturn: boolean, work: () => T): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<T>()
    let answer: T
    sent.push({
      sentAt: time,
      isReturn,
      execute() {
        answer = work()
      },
      deliver: () => resolve(answer),
    })
    return promise
  }
  const refuse = () => Promise.reject(new Error('not of this test'))
  const limiters: LeasedLimiter[] = Array.from({ length: servers }, () =>
    leasedLimiter({
      limits: { it: policy },
      leases: { it: share },
      countedBy: () => ({
        acquire: (asks) => {
          if (asks.some(({ cost = 1 }) => cost > 1)) asked.blocks += 1
          return send(false, (): Decision => store.tryAcquireAll(asks))
        },
        giveBack: (limit, key, amount) => send(true, () => store.giveBack(limit, key, amount)),
        reserve: refuse,
        settle: refuse,
        release: refuse,
        reset: refuse,
        setPolicy: refuse,
      }),
      now,
    }),
  )
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  const execute = (): void => {
    const job = sent.shift()
    if (!job) return
    job.execute()
    executed.push({ ...job, at: time })
  }
  /** A request that is answered by what arrives now was admitted when the store took for it. */
  const deliver = async (): Promise<void> => {
    const job = executed.shift()
    if (!job) return
    settledAt = job.at ?? time
    job.deliver()
    await turn()
  }
  /** A give-back is executed within its second. */
  const pass = (gap: number): void => {
    while (sent.some(({ isReturn, sentAt }) => isReturn && sentAt + LATE_US <= time + gap)) execute()
    time += gap
  }
  const ask = async (server: number, cost: number): Promise<void> => {
    settledAt = time
    const answer = limiters[server % servers]?.acquire([{ limit: 'it', key: 'k', cost }])
    void answer?.then(({ allowed }) => {
      if (allowed) admitted.push({ at: settledAt, cost })
      else asked.refused += 1
    })
    await turn()
  }
  const settleAll = async (): Promise<void> => {
    while (sent.length + executed.length > 0) {
      execute()
      await deliver()
    }
  }
  return { now, store, limiters, admitted, asked, execute, deliver, pass, ask, settleAll, turn }
}

const sum = (entries: readonly Admitted[]): number => entries.reduce((total, { cost }) => total + cost, 0)

/** What must hold of a log in order, whatever it was. */
const check = (policy: Policy, log: readonly Admitted[]): void => {
  if (policy.algorithm === 'FIXED_WINDOW') {
    const windows = Map.groupBy(log, ({ at }) => Math.floor(at / ((policy.windowMs ?? 0) * 1_000)))
    for (const entries of windows.values()) expect(sum(entries)).toBeLessThanOrEqual(policy.limit)
  } else if (policy.algorithm === 'SLIDING_WINDOW') {
    for (const { at } of log) {
      const trailing = log.filter((one) => one.at > at - policy.windowMs * 1_000 && one.at <= at)
      expect(sum(trailing)).toBeLessThanOrEqual(policy.limit)
    }
  } else if (policy.algorithm === 'TOKEN_BUCKET') {
    // In tokens times perUs, so that a microsecond refills `tokens` of them.
    const perUs = policy.refill.perMs * 1_000
    let [debt, last] = [0, START]
    for (const { at, cost } of log) {
      debt = Math.max(0, debt - (at - last) * policy.refill.tokens) + cost * perUs
      last = at
      expect(debt).toBeLessThanOrEqual(policy.capacity * perUs)
    }
  }
}

/** Bursts over a quick line, single requests that are long on their way, and pauses up to the edges of windows and over them. */
const steps = (windowUs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      gap: fc.oneof(
        { weight: 6, arbitrary: fc.nat(Math.floor(windowUs / 2_000)) },
        { weight: 3, arbitrary: fc.nat(Math.floor(windowUs / 100)) },
        { weight: 2, arbitrary: fc.nat(Math.floor(windowUs / 10)) },
        { weight: 1, arbitrary: fc.nat(windowUs) },
        { weight: 2, arbitrary: fc.constant<'edge'>('edge') },
      ),
      what: fc.oneof(
        { weight: 300, arbitrary: fc.constant<Step['what']>('burst') },
        { weight: 200, arbitrary: fc.constantFrom<Step['what']>('ask', 'execute', 'deliver', 'sweep') },
        { weight: 1, arbitrary: fc.constant<Step['what']>('close') },
      ),
      server: fc.nat(2),
      count: fc.integer({ min: 1, max: 40 }),
      cost: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(15) }),
    }),
    { minLength: 20, maxLength: 100, size: 'max' },
  )

const policies: Readonly<Record<string, readonly [Policy, windowUs: number]>> = {
  'a fixed window': [{ algorithm: 'FIXED_WINDOW', limit: 150, windowMs: 20_000 }, 20_000_000],
  'a short fixed window': [{ algorithm: 'FIXED_WINDOW', limit: 150, windowMs: 50 }, 50_000],
  'a sliding window': [{ algorithm: 'SLIDING_WINDOW', limit: 150, windowMs: 10_000, buckets: 10 }, 10_000_000],
  'a token bucket': [{ algorithm: 'TOKEN_BUCKET', capacity: 150, refill: { tokens: 10, perMs: 1_000 } }, 15_000_000],
  'a quick token bucket': [{ algorithm: 'TOKEN_BUCKET', capacity: 150, refill: { tokens: 150, perMs: 101 } }, 101_000],
}

for (const [name, [policy, windowUs]] of Object.entries(policies))
  test(`three servers that lease ${name} never admit more than it allows, however late requests and answers are`, async () => {
    const reached = { longest: 0, leased: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(steps(windowUs), async (all) => {
        const { now, limiters, admitted, asked, pass, ask, execute, deliver, settleAll, turn } = stand(policy, 0.1, 3)
        for (const { gap, what, server, count, cost } of all) {
          const left = windowUs - (now() % windowUs)
          pass(gap === 'edge' ? (left > windowUs / 100 ? left - Math.floor(windowUs / 200) : left) : gap)
          if (what === 'execute') execute()
          else if (what === 'deliver') await deliver()
          else if (what === 'sweep') limiters[server]?.sweep()
          else if (what === 'close') void limiters[server]?.close()
          else
            for (let n = 0; n < (what === 'burst' ? count : 1); n += 1) {
              await ask(server, cost)
              if (what === 'burst') await settleAll()
            }
          await turn()
        }
        await settleAll()
        check(
          policy,
          admitted.toSorted((a, b) => a.at - b.at),
        )
        reached.longest = Math.max(reached.longest, all.length)
        if (asked.blocks > 0) reached.leased += 1
        if (asked.refused > 0) reached.refused += 1
      }),
      { numRuns: RUNS },
    )
    // Histories were long, took blocks, and used the limit up.
    expect(reached.longest).toBeGreaterThan(80)
    for (const count of [reached.leased, reached.refused]) expect(count).toBeGreaterThan(RUNS / 2)
  })
