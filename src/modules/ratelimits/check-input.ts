import type { Caller } from '../../platform/auth/caller.ts'
import { forbidden, unprocessable } from '../../platform/errors.ts'
import type { ModelUse } from '../metering/index.ts'
import type { Subject } from './limit.ts'
import { isAddressWrong } from './limit-key.ts'
import type { Outcome } from './tally.ts'

/** What a request says of its cost: a count for most limits; for limits of spend money, or what is to be priced. */
export interface StatedCost {
  readonly cost?: number | undefined
  /** A decimal in the major unit of what the limit counts. */
  readonly amount?: string | undefined
  /** Instead of the amount; priced in dollars. */
  readonly usage?: ModelUse | undefined
}

export interface CheckInput extends StatedCost {
  readonly subject: Subject
  /** Of the request: what limits reserve for it and lower ones it may use; 0 unless told. */
  readonly priority?: number | undefined
  /** Only tells how things stand: a cost of nothing. */
  readonly peek?: boolean | undefined
  /** Decides, and takes nothing. */
  readonly dryRun?: boolean | undefined
  /** How an earlier request ended; limits that follow the load heed it. */
  readonly observed?: Outcome | undefined
  /** Tells of each limit why it counts the request or does not. */
  readonly explain?: boolean | undefined
  /** Only explains how the limits met the request then. */
  readonly at?: Temporal.Instant | undefined
}

export interface NamedLimit extends StatedCost {
  readonly limitId: string
}

/** What one tenant says of latencies would move a limit for all. Throws 403 `observed_not_taken`. */
export const checkObserver = (caller: Caller, { observed }: CheckInput): void => {
  if (observed && caller.kind !== 'operator')
    throw forbidden(
      'observed_not_taken',
      "outcomes are heard from operators alone; leave out observed, or check with the operator's key",
    )
}

/** What looks may explain an address that is none; what is let through by the answer may not pass by it. Throws 422 `subject_incomplete`. */
export const checkAddress = ({ subject, peek, explain }: CheckInput): void => {
  if (isAddressWrong(subject) && !(peek && explain))
    throw unprocessable(
      'subject_incomplete',
      `ip is ${JSON.stringify(subject.ip)}, which is no address; send one alone, without port, brackets or spaces`,
      { missing: ['ip'] },
    )
}

/** Throws 422 `at_without_explanation`. */
export const checkPast = ({ peek, explain, observed }: CheckInput): void => {
  if (!peek || !explain || observed)
    throw unprocessable('at_without_explanation', 'at tells of the past; send it with peek and explain, and without observed')
}

/** Throws 422 `rate_limit_repeated`. */
export const checkDistinct = (wanted: readonly NamedLimit[]): void => {
  if (new Set(wanted.map(({ limitId }) => limitId)).size < wanted.length)
    throw unprocessable('rate_limit_repeated', 'a limit stands twice in limits; ask for it once, with the sum of the costs')
}
