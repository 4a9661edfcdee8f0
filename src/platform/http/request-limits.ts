import type { FastifyReply } from 'fastify'
import type { Caller } from '../auth/caller.ts'
import { AppError } from '../errors.ts'

/** By what the API's own requests are limited: the client's address before anybody knows who asks, then the key and its tenant. */
export type LimitedBy = 'address' | 'key' | 'tenant'

/** What the limits say of one request. */
export interface LimitAnswer {
  /** Which limits refuse; empty: none does, and the request is counted. */
  readonly refusedBy: readonly LimitedBy[]
  /** RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-10. */
  readonly fields: { readonly rateLimit: string; readonly rateLimitPolicy: string }
  /** In whole seconds, with jitter; undefined: nobody is refused, or no wait helps. */
  readonly retryAfter: number | undefined
  /** What the audit log is to hold of a refusal; undefined: it has one like it already. */
  readonly record: Readonly<Record<string, unknown>> | undefined
}

/** Limits the API's own requests. Before authentication nothing is waited for. A module has it; the composition root passes it. */
export interface RequestLimits {
  /** Before authentication. undefined: it may come in, and is counted unless `giveBack` follows. */
  byAddress(address: string): LimitAnswer | undefined
  /** Whether a key that could be ours may be looked at though its address is used up: of each such address, and of all together, some a second. */
  spare(address: string): boolean
  /** The caller is one of ours and has limits of its own, or nobody could tell: its address is not to pay for it. */
  giveBack(address: string): void
  /**
   * undefined: this caller is not limited. A promise only where its plan was not looked at within the last second, or where servers that count
   * together must be asked; not longer than those may take, and whatever becomes of them it answers.
   */
  byCaller(caller: Caller): LimitAnswer | undefined | Promise<LimitAnswer | undefined>
}

const WHAT = {
  address: 'requests from one address without a valid key',
  key: 'calls with one key',
  tenant: "calls under the tenant's plan",
} as const satisfies Record<LimitedBy, string>

const detailOf = ({ refusedBy, retryAfter }: LimitAnswer): string => {
  const by = refusedBy.map((name) => `'${name}' (${WHAT[name]})`).join(' and ')
  const cure = retryAfter === undefined ? 'the plan includes no calls' : `retry in ${retryAfter} s`
  return `refused by the rate limit ${by}; ${cure}`
}

/** 429. The body names each limit that refused, as the draft's section 5 has it. */
export class RateLimited extends AppError {
  readonly record: LimitAnswer['record']

  constructor(answer: LimitAnswer) {
    const { refusedBy, retryAfter, record } = answer
    super('quota', 'rate_limited', detailOf(answer), {
      'violated-policies': refusedBy,
      retry_after: retryAfter,
    })
    this.record = record
  }
}

/** Tells the client where it stands. Throws RateLimited. */
export const enforce = (reply: FastifyReply, answer: LimitAnswer): void => {
  reply.header('ratelimit-policy', answer.fields.rateLimitPolicy).header('ratelimit', answer.fields.rateLimit)
  if (answer.refusedBy.length > 0) throw new RateLimited(answer)
}
