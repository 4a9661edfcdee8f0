import { formatAmount, minorDigits } from '../../lib/money.ts'
import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import type { ClosedPeriod, Offer } from '../subscriptions/index.ts'
import { prorationLines, readChanged, readEnded, readPeriodStarted } from '../subscriptions/index.ts'
import { type InvoiceKind, type LineDraft, pieceLine } from './invoice.ts'

/** What a subscription tells that is to be billed. */
export interface News {
  readonly type: string
  readonly payload: unknown
}

export const BILLED_NEWS = ['subscription.period_started', 'subscription.changed', 'subscription.ended'] as const

/** An invoice to be made of it: its key says what it bills, once. */
export interface Bill {
  readonly kind: InvoiceKind
  readonly sourceKey: string
  readonly subscriptionId: string
  readonly period: Period
  /** Whose use is billed in arrears. */
  readonly closedPeriod: ClosedPeriod | undefined
  /** The versions that the lines name. */
  readonly planVersionIds: readonly string[]
  readonly lines: (planName: (versionId: string) => string, currency: string) => LineDraft[]
}

/** The base of a period, in advance. */
export const baseLine = (
  plan: string,
  { cycle, monthlyPrice }: Pick<Offer, 'cycle' | 'monthlyPrice'>,
  period: Period,
  currency: string,
): LineDraft => {
  const months = BigInt(CYCLE_MONTHS[cycle])
  const price = formatAmount(monthlyPrice, currency)
  return {
    kind: 'base',
    meter: null,
    description: `${plan}, ${months === 1n ? 'one month' : `${months} months at ${price}`}`,
    quantity: months * 10n ** 12n,
    unitPrice: monthlyPrice * 10n ** BigInt(12 - minorDigits(currency)),
    amount: months * monthlyPrice,
    period,
  }
}

const started = (payload: unknown): Bill => {
  const { subscriptionId, newPeriod, closedPeriod } = readPeriodStarted(payload)
  const { index, start, end, planVersionId } = newPeriod
  const period = { start, end }
  return {
    kind: 'period',
    sourceKey: `${subscriptionId}:${index}`,
    subscriptionId,
    period,
    closedPeriod,
    planVersionIds: [planVersionId],
    lines: (planName, currency) => [baseLine(planName(planVersionId), newPeriod, period, currency)],
  }
}

const changed = (payload: unknown): Bill => {
  const change = readChanged(payload)
  const { old, new: next, credit, charge } = change
  const billed = { credit, charge, oldRest: old.rest, newRest: next.rest }
  return {
    kind: 'change',
    sourceKey: change.changeId,
    subscriptionId: change.subscriptionId,
    period: next.rest,
    closedPeriod: change.closedPeriod,
    planVersionIds: [old.planVersionId, next.planVersionId],
    lines: (planName, currency) =>
      prorationLines(billed, { old: planName(old.planVersionId), new: planName(next.planVersionId) }).map((line) =>
        pieceLine({ kind: 'proration', ...line }, minorDigits(currency)),
      ),
  }
}

const ended = (payload: unknown): Bill => {
  const { subscriptionId, at, credit, closedPeriod } = readEnded(payload)
  const rest = { start: at, end: closedPeriod?.whole.end ?? at }
  const back = { kind: 'proration', description: 'Unused time, given back', amount: -credit, period: rest } as const
  return {
    kind: 'final',
    sourceKey: `${subscriptionId}:final`,
    subscriptionId,
    period: closedPeriod ? { start: closedPeriod.start, end: closedPeriod.end } : { start: at, end: at },
    closedPeriod,
    planVersionIds: [],
    lines: (_planName, currency) => (credit === 0n ? [] : [pieceLine(back, minorDigits(currency))]),
  }
}

const LATE = 'invoicing.late_use'

/** Use of a subscription that has ended which came after its final invoice; `nth` tells such invoices apart. */
export const lateNews = (subscriptionId: string, nth: number, at: Temporal.Instant): News => ({
  type: LATE,
  payload: { subscription_id: subscriptionId, nth, at: at.toString() },
})

const late = (payload: unknown): Bill | undefined => {
  if (typeof payload !== 'object' || payload === null) return undefined
  if (!('subscription_id' in payload && 'nth' in payload && 'at' in payload)) return undefined
  const at = Temporal.Instant.from(String(payload.at))
  return {
    kind: 'final',
    sourceKey: `${payload.subscription_id}:late:${payload.nth}`,
    subscriptionId: String(payload.subscription_id),
    period: { start: at, end: at },
    closedPeriod: undefined,
    planVersionIds: [],
    lines: () => [],
  }
}

/** Reads the news; undefined: nothing that is billed. */
export const billOf = ({ type, payload }: News): Bill | undefined => {
  if (type === 'subscription.period_started') return started(payload)
  if (type === 'subscription.changed') return changed(payload)
  if (type === 'subscription.ended') return ended(payload)
  return type === LATE ? late(payload) : undefined
}
