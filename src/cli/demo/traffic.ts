import { atShare, QUANTILES, type Workload } from './token-quantiles.ts'

/** As POST /usage/batch takes it. */
export interface Use {
  readonly id: string
  readonly type: 'LLM_COMPLETION' | 'COMPUTE_TIME' | 'STORAGE_OPERATION'
  readonly occurred_at: string
  readonly provider?: string
  readonly model?: string
  readonly user_id?: string
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly duration_ms?: number
  readonly success?: boolean
  readonly quantity?: number | string
}

export interface Model {
  readonly provider: string
  readonly model: string
  /** How often, against the others. */
  readonly weight: number
}

/** What one tenant does in a month. */
export interface Profile {
  readonly slug: string
  readonly calls: number
  readonly workload: Workload
  readonly models: readonly Model[]
  readonly computeHours: number
  /** Stored at the end of the month, growing day by day. */
  readonly storageGb: number
}

export interface Month {
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const USERS = 12
const BYTES_PER_GB = 1e9
// Quiet nights, a morning and an afternoon peak; a weekend has a third of it.
const BY_HOUR = [1, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 11, 13, 15, 14, 12, 9, 7, 5, 4, 3, 2, 1]
const WEEKEND = 1 / 3

/** Numbers in [0, 1), the same for the same seed. Source: mulberry32, Tommy Ettinger, public domain. */
export const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

// The first of January 1970 was a Thursday.
const isWeekend = (ms: number): boolean => [2, 3].includes(Math.floor(ms / DAY_MS) % 7)

/** `count` times of the month in order, as office hours have them. */
const timesOf = ({ start, end }: Month, count: number, random: () => number): number[] => {
  const from = start.epochMilliseconds
  const hours = Math.round((end.epochMilliseconds - from) / HOUR_MS)
  const weights = Array.from({ length: hours }, (_, hour) => {
    const at = from + hour * HOUR_MS
    return (BY_HOUR[Math.floor((at % DAY_MS) / HOUR_MS)] ?? 1) * (isWeekend(at) ? WEEKEND : 1)
  })
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let hour = 0
  let before = 0
  return Array.from({ length: count }, (_, index) => {
    const mark = ((index + random()) / count) * total
    while (hour < hours - 1 && before + (weights[hour] ?? 0) <= mark) {
      before += weights[hour] ?? 0
      hour += 1
    }
    return from + Math.floor((hour + Math.min(0.999, (mark - before) / (weights[hour] ?? 1))) * HOUR_MS)
  })
}

/** One of them, each as often as it weighs. */
export const pick = <T extends { readonly weight: number }>(from: readonly T[], random: () => number): T => {
  let mark = random() * from.reduce((sum, { weight }) => sum + weight, 0)
  for (const one of from) {
    mark -= one.weight
    if (mark < 0) return one
  }
  throw new RangeError('there is nothing to pick from')
}

/** Always three digits: texts then sort as times do. */
export const timeText = (at: Temporal.Instant): string => at.toString({ fractionalSecondDigits: 3 })
const at = (ms: number): string => timeText(Temporal.Instant.fromEpochMilliseconds(ms))

const callsOf = ({ slug, calls, workload, models }: Profile, month: Month, random: () => number): Use[] => {
  const { input, output } = QUANTILES[workload]
  return timesOf(month, calls, random).map((ms, index) => {
    const { provider, model } = pick(models, random)
    const output_tokens = atShare(output, random())
    return {
      id: `${slug}-call-${index + 1}`,
      type: 'LLM_COMPLETION',
      occurred_at: at(ms),
      provider,
      model,
      user_id: `user-${1 + Math.floor(random() * USERS)}`,
      input_tokens: atShare(input, random()),
      output_tokens,
      duration_ms: Math.round(180 + output_tokens * (14 + 10 * random())),
      success: random() >= 0.004,
    }
  })
}

/** Once a day: the compute time that was used and what the store grew by. */
const daysOf = ({ slug, computeHours, storageGb }: Profile, { start, end }: Month): Use[] => {
  const from = start.epochMilliseconds
  const days = Math.round((end.epochMilliseconds - from) / DAY_MS)
  return Array.from({ length: days }, (_, day): Use[] => [
    {
      id: `${slug}-storage-${day + 1}`,
      type: 'STORAGE_OPERATION',
      occurred_at: at(from + day * DAY_MS),
      quantity: Math.round((storageGb * BYTES_PER_GB) / days),
    },
    {
      id: `${slug}-compute-${day + 1}`,
      type: 'COMPUTE_TIME',
      occurred_at: at(from + day * DAY_MS + 23 * HOUR_MS),
      quantity: Math.round((computeHours * 3_600) / days),
    },
  ]).flat()
}

/** A month of one tenant in order of time: generated, the same for the same seed. */
export const trafficOf = (profile: Profile, month: Month, seed: number): Use[] =>
  [...callsOf(profile, month, seeded(seed)), ...daysOf(profile, month)].sort((a, b) =>
    a.occurred_at === b.occurred_at ? 0 : a.occurred_at < b.occurred_at ? -1 : 1,
  )
