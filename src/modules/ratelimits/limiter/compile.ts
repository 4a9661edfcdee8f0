import { calendarWindows, shortestUs } from './cores/calendar.ts'
import type { Core } from './cores/core.ts'
import { calendarDebt, evenWindows } from './cores/debt-windows.ts'
import { epochWindows, firstUseWindows, fixedWindow } from './cores/fixed-window.ts'
import { intervalBucket } from './cores/interval-bucket.ts'
import { slidingCounter } from './cores/sliding-counter.ts'
import { slidingWindow } from './cores/sliding-window.ts'
import { spendWindow } from './cores/spend-window.ts'
import { tokenBucket } from './cores/token-bucket.ts'
import type { Anchor, Policy } from './policy.ts'

export interface Compiled {
  readonly core: Core
  /** The longest that a key which stays within the limit is remembered, in microseconds. */
  readonly horizonUs: number
}

/** A year and a day: beyond it a limit is a quota of a contract, and counts in periods. */
const LONGEST_MS = 366 * 86_400_000

/** A policy that cannot be counted. `message` says which number is wrong and what it may be. */
export class PolicyError extends RangeError {
  readonly code = 'policy_invalid'
}

const whole = (name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number => {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new PolicyError(`${name} is ${value}; it must be a whole number from ${least} to ${most}`)
  return value
}

const spanUs = (name: string, ms: number | undefined): number => {
  if (ms === undefined) throw new PolicyError(`${name} is missing`)
  return whole(name, ms, 1, LONGEST_MS) * 1_000
}

const windows = (anchor: Anchor = 'epoch', windowMs: number | undefined) => {
  if (typeof anchor === 'object')
    return { endOf: calendarWindows(anchor.timeZone, anchor.unit), windowUs: shortestUs(anchor.unit) }
  const windowUs = spanUs('windowMs', windowMs)
  return { endOf: anchor === 'epoch' ? epochWindows(windowUs) : firstUseWindows(windowUs), windowUs }
}

const DECIMAL = /^(\d{1,15})(?:\.(\d{1,12}))?$/

const pico = (text: string): bigint => {
  const [, units, digits = ''] = DECIMAL.exec(text) ?? []
  if (units === undefined) throw new PolicyError(`limit is ${JSON.stringify(text)}; it must be a decimal like "12.50"`)
  return BigInt(units + digits.padEnd(12, '0'))
}

const bucketOf = (capacity: number, amount: number, perMs: number, names: readonly [string, string]) => ({
  capacity: whole('capacity', capacity, 0),
  tokens: whole(names[0], amount, 1),
  perUs: spanUs(names[1], perMs),
})

/** Checks a policy and makes it count. Throws PolicyError. */
export const compile = (policy: Policy): Compiled => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW': {
      const { endOf, windowUs } = windows(policy.anchor, policy.windowMs)
      return { core: fixedWindow({ limit: whole('limit', policy.limit, 0), endOf }), horizonUs: windowUs }
    }
    case 'SLIDING_WINDOW': {
      const window = { limit: whole('limit', policy.limit, 0), windowUs: spanUs('windowMs', policy.windowMs) }
      const buckets = whole('buckets', policy.buckets ?? 20, 10, 60)
      return policy.approximate
        ? { core: slidingCounter(window), horizonUs: 2 * window.windowUs }
        : { core: slidingWindow({ ...window, buckets }), horizonUs: 2 * window.windowUs }
    }
    case 'TOKEN_BUCKET': {
      const bucket = bucketOf(policy.capacity, policy.refill.tokens, policy.refill.perMs, ['refill.tokens', 'refill.perMs'])
      const core = policy.mode === 'interval' ? intervalBucket(bucket) : tokenBucket(bucket)
      return { core, horizonUs: Math.ceil(bucket.capacity / bucket.tokens) * bucket.perUs }
    }
    case 'LEAKY_BUCKET': {
      const bucket = bucketOf(policy.capacity, policy.leak.amount, policy.leak.perMs, ['leak.amount', 'leak.perMs'])
      return { core: tokenBucket(bucket), horizonUs: Math.ceil(bucket.capacity / bucket.tokens) * bucket.perUs }
    }
    case 'COST_BASED': {
      const { anchor, windowMs, limit } = policy
      const { endOf, windowUs } = windows(anchor, windowMs)
      const debt = typeof anchor === 'object' ? calendarDebt(anchor.timeZone, anchor.unit) : evenWindows(endOf, windowUs)
      return { core: spendWindow({ limitPico: pico(limit), windows: debt }), horizonUs: windowUs }
    }
    default:
      throw policy satisfies never
  }
}
