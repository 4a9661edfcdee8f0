import { formatAmount } from '../../lib/money.ts'
import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import type { ClosedPeriod } from '../subscriptions/index.ts'
import { readChanged, readEnded, readPeriodStarted } from '../subscriptions/index.ts'
import type { InvoiceKind, LineDraft } from './invoice.ts'

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
  /** Whose names the lines carry. */
  readonly lines: (planName: (versionId: string) => string, currency: string) => LineDraft[]
  /** Whose use is billed in arrears. */
  readonly closedPeriod: ClosedPeriod | undefined
  /** The versions that the lines name. */
  readonly planVersionIds: readonly string[]
}

const ONE = 10n ** 12n
const flat = (kind: LineDraft['kind'], description: string, amount: bigint, period: Period): LineDraft => ({
  kind,
  meter: null,
  description,
  quantity: ONE,
  unitPrice: 0n,
  amount,
  period,
})

const started = (payload: unknown): Bill => {
  const { subscriptionId, newPeriod, closedPeriod } = readPeriodStarted(payload)
  const months = CYCLE_MONTHS[newPeriod.cycle]
  return {
    kind: 'period',
    sourceKey: `${subscriptionId}:${newPeriod.index}`,
    subscriptionId,
    period: newPeriod,
    closedPeriod,
    planVersionIds: [newPeriod.planVersionId],
    lines: (planName, currency) => [
      {
        kind: 'base',
        meter: null,
        description: `${planName(newPeriod.planVersionId)}, ${months === 1 ? 'one month' : `${months} months at ${formatAmount(newPeriod.monthlyPrice, currency)}`}`,
        quantity: BigInt(months) * ONE,
        unitPrice: newPeriod.monthlyPrice,
        amount: newPeriod.base,
        period: newPeriod,
      },
    ],
  }
}

const changed = (payload: unknown): Bill => {
  const change = readChanged(payload)
  return {
    kind: 'change',
    sourceKey: change.changeId,
    subscriptionId: change.subscriptionId,
    period: change.new.rest,
    closedPeriod: change.closedPeriod,
    planVersionIds: [change.old.planVersionId, change.new.planVersionId],
    lines: (planName) => [
      flat('proration', `Unused time of ${planName(change.old.planVersionId)}`, -change.credit, change.old.rest),
      flat('proration', `Remaining time of ${planName(change.new.planVersionId)}`, change.charge, change.new.rest),
    ],
  }
}

const ended = (payload: unknown): Bill => {
  const { subscriptionId, at, credit, closedPeriod } = readEnded(payload)
  const period = closedPeriod ? { start: closedPeriod.start, end: closedPeriod.end } : { start: at, end: at }
  const rest = closedPeriod ? { start: at, end: closedPeriod.whole.end } : period
  return {
    kind: 'final',
    sourceKey: `${subscriptionId}:final`,
    subscriptionId,
    period,
    closedPeriod,
    planVersionIds: [],
    lines: () => (credit === 0n ? [] : [flat('proration', 'Unused time, given back', -credit, rest)]),
  }
}

/** Reads the news; undefined: nothing that is billed. */
export const billOf = ({ type, payload }: News): Bill | undefined => {
  if (type === 'subscription.period_started') return started(payload)
  if (type === 'subscription.changed') return changed(payload)
  if (type === 'subscription.ended') return ended(payload)
  return undefined
}
