import type { Totals } from './invoice.ts'

/** Debits are positive, credits negative. `customer_credit` is what we owe the tenant. */
export type Account = 'receivable' | 'revenue' | 'tax_payable' | 'cash' | 'customer_credit'

export interface Entry {
  readonly account: Account
  /** Minor units. */
  readonly amount: bigint
}

const nonZero = (entries: readonly Entry[]): Entry[] => entries.filter(({ amount }) => amount !== 0n)

/** An invoice becomes final: what is due is owed to us, revenue and tax are earned, credit is used up or, with a negative total, given. */
export const finalizeEntries = ({ total, tax, creditApplied, amountDue }: Totals): Entry[] =>
  nonZero([
    { account: 'receivable', amount: amountDue },
    { account: 'customer_credit', amount: total < 0n ? total : creditApplied },
    { account: 'revenue', amount: -(total - tax) },
    { account: 'tax_payable', amount: -tax },
  ])

/** A void takes all of it back. */
export const voidEntries = (totals: Totals): Entry[] =>
  finalizeEntries(totals).map(({ account, amount }) => ({ account, amount: -amount }))

/** Money came in for an invoice. */
export const paymentEntries = (amount: bigint): Entry[] => [
  { account: 'cash', amount },
  { account: 'receivable', amount: -amount },
]
