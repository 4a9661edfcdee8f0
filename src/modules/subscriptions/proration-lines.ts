import type { Period } from '../../lib/period.ts'

/** A line of the invoice for a change, minor units; a credit is negative. */
export interface ProrationLine {
  readonly description: string
  readonly amount: bigint
  readonly period: Period
}

interface Billed {
  readonly credit: bigint
  readonly charge: bigint
  readonly oldRest: Period
  readonly newRest: Period
}

/** What a change bills, in words: preview and invoice say it alike. */
export const prorationLines = (
  { credit, charge, oldRest, newRest }: Billed,
  plans: { readonly old: string; readonly new: string },
): ProrationLine[] => [
  { description: `Unused time of ${plans.old}`, amount: -credit, period: oldRest },
  { description: `Remaining time of ${plans.new}`, amount: charge, period: newRest },
]
