import { divCeil, divFloor } from '../../lib/money.ts'
import { CYCLE_MONTHS, type Cycle, type Period, split } from '../../lib/period.ts'

/** The base of one whole period, minor units. */
export const periodPrice = ({ monthlyPrice, cycle }: { readonly monthlyPrice: bigint; readonly cycle: Cycle }): bigint =>
  monthlyPrice * BigInt(CYCLE_MONTHS[cycle])

/** A paid period that runs. */
export interface Running {
  readonly period: Period
  /** Price of the whole period in force, minor units. */
  readonly price: bigint
  /** Since when within the period. */
  readonly pricedFrom: Temporal.Instant
  /** Charged for the period so far, less credits. */
  readonly charged: bigint
  /** Σ price × nanoseconds over what ran before `pricedFrom`: divided by the period's length it is the exact worth of that use. */
  readonly usedWeight: bigint
}

/** Minor units, both 0 or more; `charged` and `usedWeight` are the running period's after the change. */
export interface Proration {
  readonly credit: bigint
  readonly charge: bigint
  readonly charged: bigint
  readonly usedWeight: bigint
}

const nanosecondsBetween = (from: Temporal.Instant, to: Temporal.Instant): bigint => to.epochNanoseconds - from.epochNanoseconds
const lengthOf = ({ start, end }: Period): bigint => nanosecondsBetween(start, end)

/** Halves up, not away from zero: what is carried into a new period (−½ … ½) is then worth 0 at its start, never −1. */
const roundHalfUp = (n: bigint, d: bigint): bigint => divFloor(2n * n + d, 2n * d)

const usedUpTo = ({ period, price, pricedFrom, usedWeight }: Running, at: Temporal.Instant) => {
  const weight = usedWeight + price * nanosecondsBetween(pricedFrom, at)
  return { weight, worth: roundHalfUp(weight, lengthOf(period)) }
}

/**
 * A new price from `at` on, in the same period: the unused part of what was charged is credited, the rest of the period is charged at
 * the new price. `charged` is afterwards the worth of the use so far plus the price of the rest, each rounded once from its exact value, so after ANY
 * number of changes it is within 1 minor unit of the exact sum: rounding neither adds up nor can be harvested by changing back and forth.
 * A credit never exceeds what was charged. Source: proration by the second as Stripe and Polar do it; the cumulative form is ours.
 */
export const changePrice = (running: Running, newPrice: bigint, at: Temporal.Instant): Proration => {
  const { weight, worth } = usedUpTo(running, at)
  const rest = split(newPrice, running.period, at).unused
  return { ...settle(running.charged, worth, rest), charged: worth + rest, usedWeight: weight }
}

/**
 * The period is cut at `at` and one of another length begins there, at `newPrice` in full. The fraction of a minor unit that the
 * cut leaves over is carried into the new period's weight, so that cutting again and again is no way to use without paying.
 */
export const restartPeriod = (running: Running, newPrice: bigint, next: Period): Proration => {
  const { weight, worth } = usedUpTo(running, next.start)
  const length = lengthOf(running.period)
  const carried = divCeil((weight - worth * length) * lengthOf(next), length)
  return { ...settle(running.charged, worth, newPrice), charged: newPrice, usedWeight: carried }
}

/** What is given back when the period ends at `at` for good, minor units. */
export const unusedAt = (running: Running, at: Temporal.Instant): bigint =>
  settle(running.charged, usedUpTo(running, at).worth, 0n).credit

/** Where rounding has charged a unit less than the use is worth, nothing is credited and the unit is charged. */
const settle = (charged: bigint, worth: bigint, rest: bigint): { credit: bigint; charge: bigint } =>
  charged >= worth ? { credit: charged - worth, charge: rest } : { credit: 0n, charge: rest + worth - charged }
