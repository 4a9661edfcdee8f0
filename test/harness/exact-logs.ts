import type { Anchor, Policy } from '../../src/modules/ratelimits/limiter/policy.ts'

/** A request that was admitted, or of no cost: one that took nothing, whose instant was kept. Whole microseconds. */
export interface Entry {
  readonly at: number
  readonly cost: number
}

/**
 * An algorithm by its definition: it keeps every admitted request, in order, and decides from them alone. Slow, exact, and without the cores'
 * arithmetic. A clock that steps back stands still.
 */
export interface ExactLog {
  readonly limit: bigint
  /** What may be taken at `now`. */
  room(log: readonly Entry[], now: number): bigint
  /** Whether nothing of the log counts any more. */
  isFresh(log: readonly Entry[], now: number): boolean
}

type EndOf = (at: number) => number

const logOf = (limit: bigint, room: ExactLog['room']): ExactLog => ({
  limit,
  room,
  isFresh: (log, now) => room(log, now) === limit,
})

const most = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export const epochEnd =
  (lengthUs: number): EndOf =>
  (at) =>
    at - (at % lengthUs) + lengthUs
export const firstUseEnd =
  (lengthUs: number): EndOf =>
  (at) =>
    at + lengthUs

/** Of time zones whose clocks change by whole hours, and not at midnight. */
const calendarEnd = ({ unit, timeZone }: Exclude<Anchor, string>): EndOf => {
  const known = new Map<number, number>()
  const zoned = (at: number) => Temporal.Instant.fromEpochMilliseconds(Math.floor(at / 1_000)).toZonedDateTimeISO(timeZone)
  const next = (at: Temporal.ZonedDateTime): Temporal.ZonedDateTime => {
    switch (unit) {
      case 'minute':
        return at.round({ smallestUnit: 'minute', roundingMode: 'floor' }).add({ minutes: 1 })
      case 'hour':
        return at.round({ smallestUnit: 'hour', roundingMode: 'floor' }).add({ hours: 1 })
      case 'day':
        return at.startOfDay().add({ days: 1 })
      case 'week':
        return at.startOfDay().add({ days: 8 - at.dayOfWeek })
      case 'month':
        return at.startOfDay().with({ day: 1 }).add({ months: 1 })
    }
  }
  return (at) => {
    const end = known.get(at) ?? next(zoned(at)).epochMilliseconds * 1_000
    known.set(at, end)
    return end
  }
}

export const windowLog = (limit: bigint, endOf: EndOf): ExactLog =>
  logOf(limit, (log, now) => {
    let [end, used] = [0, 0n]
    for (const { at, cost } of log) {
      if (at >= end) [end, used] = [cost > 0 ? endOf(at) : 0, 0n]
      used += BigInt(cost)
    }
    return now < end ? limit - used : limit
  })

/** Tokens times `perUs`, so that a microsecond refills `tokens` of them. */
export const bucketLog = (capacity: bigint, tokens: number, perUs: number): ExactLog => {
  const [token, full] = [BigInt(perUs), capacity * BigInt(perUs)]
  return logOf(capacity, (log, now) => {
    let [level, last] = [full, 0]
    for (const { at, cost } of [...log, { at: now, cost: 0 }]) {
      const time = Math.max(at, last)
      const refilled = level + BigInt(time - last) * BigInt(tokens)
      level = (refilled > full ? full : refilled) - BigInt(cost) * token
      last = time
    }
    return level / token
  })
}

/** Of a leaky bucket: water, in 1/`perUs` of what one request pours in, so that a microsecond lets `amount` of it out. */
const water = (log: readonly Entry[], now: number, amount: number, perUs: number): bigint => {
  let [level, last] = [0n, 0]
  for (const { at, cost } of [...log, { at: now, cost: 0 }]) {
    const time = Math.max(at, last)
    const left = level - BigInt(time - last) * BigInt(amount)
    level = (left > 0n ? left : 0n) + BigInt(cost) * BigInt(perUs)
    last = time
  }
  return level
}

const leakyLog = (capacity: bigint, amount: number, perUs: number): ExactLog => ({
  limit: capacity,
  room: (log, now) => (capacity * BigInt(perUs) - water(log, now, amount, perUs)) / BigInt(perUs),
  isFresh: (log, now) => water(log, now, amount, perUs) === 0n,
})

/** Refill by refill, from the first use of a full bucket on. */
export const intervalLog = (capacity: bigint, tokens: number, perUs: number): ExactLog =>
  logOf(capacity, (log, now) => {
    let [taken, next] = [0n, Number.POSITIVE_INFINITY]
    for (const { at, cost } of [...log, { at: now, cost: 0 }]) {
      while (at >= next) {
        taken = most(0n, taken - BigInt(tokens))
        next = taken === 0n ? Number.POSITIVE_INFINITY : next + perUs
      }
      if (cost > 0 && taken === 0n) next = at + perUs
      taken += BigInt(cost)
    }
    return capacity - taken
  })

/** Each entry with the number of the span that it counts in, and the number of the span that runs. */
const inSpans = (log: readonly Entry[], now: number, lengthUs: number) => {
  let newest = 0
  const entries = log.map(({ at, cost }) => {
    newest = Math.max(newest, Math.floor(at / lengthUs))
    return { span: newest, cost: BigInt(cost) }
  })
  const running = Math.max(newest, Math.floor(now / lengthUs))
  const sum = (from: number, to: number): bigint =>
    entries.reduce((total, { span, cost }) => (span >= from && span <= to ? total + cost : total), 0n)
  return { running, sum }
}

/** What was admitted counts until its bucket, whole, has left the window. */
export const ringLog = (limit: bigint, windowUs: number, buckets: number): ExactLog =>
  logOf(limit, (log, now) => {
    const { running, sum } = inSpans(log, now, Math.ceil(windowUs / buckets))
    return limit - sum(running - buckets, running)
  })

/** The approximation, by its formula: what this window holds, and of the last one's the share that still overlaps, cut to a whole number. */
export const counterLog = (limit: bigint, windowUs: number): ExactLog => ({
  limit,
  room(log, now) {
    const { running, sum } = inSpans(log, now, windowUs)
    const left = Math.min((running + 1) * windowUs - now, windowUs)
    return limit - sum(running, running) - (sum(running - 1, running - 1) * BigInt(left)) / BigInt(windowUs)
  },
  isFresh(log, now) {
    const { running, sum } = inSpans(log, now, windowUs)
    return sum(running - 1, running) === 0n
  },
})

/** Window after window: what went beyond the limit is owed, and fills the next one; a limit of nothing forgives it. */
export const spendLog = (limit: bigint, endOf: EndOf): ExactLog =>
  logOf(limit, (log, now) => {
    let [end, spent, debt] = [0, 0n, 0n]
    for (const { at, cost } of [...log, { at: now, cost: 0 }]) {
      while (end > 0 && at >= end) {
        spent = limit === 0n ? 0n : debt
        debt = most(0n, spent - limit)
        end = spent === 0n ? 0 : endOf(end)
      }
      if (end === 0 && cost > 0) end = endOf(at)
      debt += most(0n, BigInt(cost) - most(0n, limit - spent))
      spent += BigInt(cost)
    }
    return limit - spent
  })

const pico = (decimal: string): bigint => {
  const [units = '0', digits = ''] = decimal.split('.')
  return BigInt(units + digits.padEnd(12, '0'))
}

const endsOf = (anchor: Anchor = 'epoch', windowMs = 0): EndOf => {
  if (typeof anchor === 'object') return calendarEnd(anchor)
  return anchor === 'epoch' ? epochEnd(windowMs * 1_000) : firstUseEnd(windowMs * 1_000)
}

export const exactLogOf = (policy: Policy): ExactLog => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
      return windowLog(BigInt(policy.limit), endsOf(policy.anchor, policy.windowMs))
    case 'SLIDING_WINDOW': {
      const [limit, windowUs] = [BigInt(policy.limit), policy.windowMs * 1_000]
      return policy.approximate ? counterLog(limit, windowUs) : ringLog(limit, windowUs, policy.buckets ?? 20)
    }
    case 'TOKEN_BUCKET': {
      const { capacity, refill, mode } = policy
      return (mode === 'interval' ? intervalLog : bucketLog)(BigInt(capacity), refill.tokens, refill.perMs * 1_000)
    }
    case 'LEAKY_BUCKET':
      return leakyLog(BigInt(policy.capacity), policy.leak.amount, policy.leak.perMs * 1_000)
    case 'COST_BASED':
      return spendLog(pico(policy.limit), endsOf(policy.anchor, policy.windowMs))
  }
}
