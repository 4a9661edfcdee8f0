import type { ChargeResult, GivenUp, Payment } from './payment.ts'

/** How long after the payer's last try the gateway is asked by a job: longer than anyone waits for its answers. */
export const UNHEARD_FOR = { seconds: 60 } as const
/** How often it is asked whether the payer has acted. */
export const ACTION_LOOK = { minutes: 5 } as const
/** How long a payer has to act. */
const ACTION_WITHIN = { hours: 24 } as const

/** What to do with a payment that nobody has settled: write what the gateway says, or give the charge up. */
export type Resolution =
  | { readonly do: 'settle'; readonly result: ChargeResult }
  | { readonly do: 'give_up'; readonly why: GivenUp }
  | { readonly do: 'wait' }

/**
 * Decides by what the gateway `found` under the payment's key. A charge that never arrived is given up, not made: whoever asked for it has gone,
 * and money is taken while a person waits for it.
 */
export const decideResolution = (
  { status, updatedAt }: Pick<Payment, 'status' | 'updatedAt'>,
  found: ChargeResult | undefined,
  now: Temporal.Instant,
): Resolution => {
  if (!found) return { do: 'give_up', why: 'not_received' }
  if (found.status !== 'requires_action' || status === 'processing') return { do: 'settle', result: found }
  const expired = Temporal.Instant.compare(now, updatedAt.add(ACTION_WITHIN)) >= 0
  return expired ? { do: 'give_up', why: 'action_expired' } : { do: 'wait' }
}
