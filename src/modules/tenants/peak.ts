import type { Period } from '../../lib/period.ts'

/** When a member was one: from `from` until just before `until`; null: still. */
export interface Membership {
  readonly from: Temporal.Instant
  readonly until: Temporal.Instant | null
}

/** The most members at any one instant of the half-open period. A member who leaves as another joins is not counted beside it. */
export const peakConcurrent = (memberships: readonly Membership[], { start, end }: Period): number => {
  const steps = memberships.flatMap(({ from, until }) => {
    const joins = later(from, start)
    const leaves = until === null ? end : until
    const counts = Temporal.Instant.compare(joins, leaves) < 0 && Temporal.Instant.compare(joins, end) < 0
    return counts ? [{ at: joins, change: 1 }, ...(until === null ? [] : [{ at: until, change: -1 }])] : []
  })
  // Equal instants: who leaves goes first.
  steps.sort((a, b) => Temporal.Instant.compare(a.at, b.at) || a.change - b.change)
  let members = 0
  let peak = 0
  for (const { change } of steps) {
    members += change
    peak = Math.max(peak, members)
  }
  return peak
}

const later = (a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant => (Temporal.Instant.compare(a, b) >= 0 ? a : b)
