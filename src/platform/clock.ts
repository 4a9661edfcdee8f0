/** The only source of time. Tests and test clocks pass a fixed one. */
export interface Clock {
  now(): Temporal.Instant
}

export const systemClock: Clock = { now: () => Temporal.Now.instant() }

export interface SettableClock extends Clock {
  set(at: Temporal.Instant | string): void
}

export const settableClock = (at: Temporal.Instant | string): SettableClock => {
  let current = Temporal.Instant.from(at)
  return {
    now: () => current,
    set: (next) => {
      current = Temporal.Instant.from(next)
    },
  }
}
