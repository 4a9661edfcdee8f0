import { calendarWindows, shortestUs } from '../cores/calendar.ts'
import { calendarDebt, MEAN_US } from '../cores/debt-windows.ts'
import { rational } from '../cores/token-bucket.ts'
import type { Anchor, Policy } from '../policy.ts'
import { type CalendarEnds, calendarEnds } from './calendar-ends.ts'
import { debtEnds } from './debt-ends.ts'
import type { ShortPolicy } from './short-way.ts'

/** A policy as the script counts by it. The policy has been compiled before: its numbers are right. */
export interface Spec {
  /** The script's core, and in the key what its numbers mean: a policy whose row reads otherwise starts afresh. */
  readonly layout: string
  /** The script's arguments of this limit at a cost. `now` is the server's time as far as known, in microseconds. */
  args(cost: number, now: number): readonly string[]
  /** Of token buckets and fixed windows: what `SHORT_SCRIPT` counts by. */
  readonly short?: ShortPolicy
}

type Numbers = readonly number[]

const spec = (kind: string, width: number, layout: readonly (number | string)[], numbers: Numbers, ends?: CalendarEnds): Spec => {
  const fixed = numbers.map(String)
  const known = [String(width), String(fixed.length), ...fixed]
  return {
    layout: [kind, ...layout].join('.'),
    args(cost, now) {
      if (!ends) return [kind, String(cost), ...known]
      const all = [...fixed, ...ends(now).map(String)]
      return [kind, String(cost), String(width), String(all.length), ...all]
    },
  }
}

const windows = (
  anchor: Anchor = 'epoch',
  windowMs = 0,
): { readonly numbers: Numbers; readonly ends?: CalendarEnds; readonly us: number } => {
  if (typeof anchor === 'object') {
    const us = shortestUs(anchor.unit)
    return { numbers: [2], ends: calendarEnds(calendarWindows(anchor.timeZone, anchor.unit), us), us }
  }
  const us = windowMs * 1_000
  return { numbers: [anchor === 'epoch' ? 0 : 1, us], us }
}

/** A decimal as whole units and 10^-12 of one. */
const money = (text: string): readonly [number, number] => {
  const [units = '0', digits = ''] = text.split('.')
  return [Number(units), Number(digits.padEnd(12, '0'))]
}

const bucket = (capacity: number, tokens: number, perMs: number, shapes: boolean): Spec => {
  const { tick, price, drain } = rational({ capacity, tokens, perUs: perMs * 1_000 })
  const long = spec('token', 2, [tick, price, drain], [capacity, tick, price, drain, shapes ? 1 : 0])
  return { ...long, short: { price, full: capacity * price, flow: drain, tick, shapes } }
}

/** `most`: what the core says can ever be taken at once. */
export const specOf = (policy: Policy, most: number): Spec => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW': {
      const { numbers, ends, us } = windows(policy.anchor, policy.windowMs)
      const long = spec('fixed', 2, [], [policy.limit, ...numbers], ends)
      if (ends) return long
      const flow = policy.anchor === 'first_use' ? -1 : 0
      return { ...long, short: { price: 1, full: policy.limit, flow, tick: us, shapes: false } }
    }
    case 'SLIDING_WINDOW': {
      const { limit, windowMs, buckets = 20 } = policy
      const lengthUs = Math.ceil((windowMs * 1_000) / buckets)
      return policy.approximate
        ? spec('counter', 3, [windowMs], [limit, windowMs * 1_000])
        : spec('ring', buckets + 3, [lengthUs, buckets], [limit, lengthUs, buckets + 1])
    }
    case 'TOKEN_BUCKET': {
      const { capacity, refill, mode } = policy
      return mode === 'interval'
        ? spec('interval', 2, [], [capacity, refill.tokens, refill.perMs * 1_000])
        : bucket(capacity, refill.tokens, refill.perMs, false)
    }
    case 'LEAKY_BUCKET':
      return bucket(policy.capacity, policy.leak.amount, policy.leak.perMs, policy.mode === 'shaper')
    case 'COST_BASED': {
      const { limit, anchor, windowMs } = policy
      if (typeof anchor === 'object') {
        const ends = debtEnds(calendarDebt(anchor.timeZone, anchor.unit), shortestUs(anchor.unit))
        return spec('spend', 8, ['debt', anchor.unit], [most, ...money(limit), MEAN_US[anchor.unit], 3], ends)
      }
      const { numbers, us } = windows(anchor, windowMs)
      return spec('spend', 8, ['debt'], [most, ...money(limit), us, ...numbers])
    }
    default:
      throw policy satisfies never
  }
}
