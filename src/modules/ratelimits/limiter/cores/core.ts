/** The numbers of all keys of a policy, side by side; a key's own are `rows[at]` to `rows[at + width - 1]`, zero before its first use. */
export type Rows = Float64Array

/**
 * How a bucket lets go of what it holds: what was taken last flows off last. A stamp is the instant, in the bucket's ticks, from which on it
 * flows. Where that falls between two ticks it is the one before, so that less comes back, never more.
 */
export interface Flow {
  /** One unit of cost in units of debt. */
  readonly price: number
  /** Units of debt that have flowed off of what is under the stamp; 0: all of it is there. */
  flowed(rows: Rows, at: number, stamp: number): number
  /** Gives back `amount` of what is `of` in all under the stamp, but for what has flowed off. Answers how many units of debt. */
  giveBack(rows: Rows, at: number, amount: number, stamp: number, of: number): number
  /** The stamp once `amount` more is to flow off before. */
  later(stamp: number, amount: number): number
  /** The stamp once so many units of debt less are to flow off before; of what flows already its own. */
  sooner(rows: Rows, at: number, stamp: number, units: number): number
}

/**
 * One algorithm under one policy: pure arithmetic on a key's numbers, the same in memory and in Redis. Instants and spans are whole
 * microseconds, instants since the epoch; amounts are whole, from 0 to 2^53 - 1. `advance` comes before every other call with the same `now`.
 * A clock that steps back stands still until it has caught up: nothing is forgotten early.
 */
export interface Core {
  readonly width: number
  /** The most that can ever be taken at once. */
  readonly limit: number
  /** What is taken counts less and less, so that a reservation's end is as of its instant. Else the stamp is the instant at which all of it is over. */
  readonly fades: boolean
  /** Lets go of what is over at `now`. Idempotent. */
  advance(rows: Rows, at: number, now: number): void
  /** What may be taken now; negative in debt. */
  room(rows: Rows, at: number, now: number): number
  /** Takes, also beyond the room: that is debt. */
  take(rows: Rows, at: number, now: number, amount: number): void
  /** Takes what another policy's numbers, brought up to `now`, hold: of sums that may be more than `room` can tell. */
  takeAs?(rows: Rows, at: number, now: number, from: Rows, fromAt: number): void
  /** Of a bucket. */
  readonly flow?: Flow
  /** Of the `amount` that was taken last the window, or when it begins to flow off. `giveBack` asks for it, for a later settlement. */
  stamp(rows: Rows, at: number, now: number, amount: number): number
  /** Whether some of the `amount` under the stamp counts still, so that `giveBack` may give something back, now or later. */
  counts(rows: Rows, at: number, amount: number, stamp: number): boolean
  /** Gives back what was taken under `stamp`, where it still counts: what is over gives no credit, and no more comes back than was taken. */
  giveBack(rows: Rows, at: number, now: number, amount: number, stamp: number): void
  /** How long until `amount` fits, if nobody takes meanwhile; 0: now, Infinity: never. */
  wait(rows: Rows, at: number, now: number, amount: number): number
  /** How long until the key is as if it had never been used. */
  reset(rows: Rows, at: number, now: number): number
}
