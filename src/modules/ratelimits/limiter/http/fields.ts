import type { LimitDecision } from '../decision.ts'

/** A quota as RateLimit-Policy tells it, in the words of draft-ietf-httpapi-ratelimit-headers-10, section 3.1. */
export interface QuotaPolicy {
  readonly name: string
  /** How many units a window holds. */
  readonly quota: number
  /** Whole seconds from 1; the field knows no smaller ones. */
  readonly windowSeconds?: number
  /** Requests unless told. */
  readonly unit?: 'requests' | 'content-bytes' | 'concurrent-requests'
  /** Whose quota it is: bytes in base64, as they go on the wire. */
  readonly partitionKey?: string
}

/** The largest Integer of RFC 9651, section 3.3.1. */
const MOST = 999_999_999_999_999

const integer = (value: number): string => String(Math.min(MOST, Math.max(0, Math.floor(value))))

/** A String of RFC 9651, section 3.3.3: printable ASCII, quotes and backslashes escaped. */
export const quoted = (name: string): string => {
  if (!/^[\x20-\x7e]+$/.test(name))
    throw new RangeError(`the policy's name ${JSON.stringify(name)} cannot stand in a header field; use printable ASCII`)
  return `"${name.replaceAll(/["\\]/g, '\\$&')}"`
}

/** RFC 9651, section 3.3.5. Bits left over at the end are let through: RFC 9651 has parsers take them. */
const bytes = (base64: string): string => {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw new RangeError(`the partition key ${JSON.stringify(base64)} is not base64`)
  return `:${base64}:`
}

const partition = (key: string | undefined): string => (key === undefined ? '' : `;pk=${bytes(key)}`)

/** One item of RateLimit-Policy. Throws RangeError for what the field cannot say. */
export const policyItem = ({ name, quota, windowSeconds, unit, partitionKey }: QuotaPolicy): string => {
  if (!Number.isInteger(quota) || quota < 0) throw new RangeError(`the quota of '${name}' is ${quota}; it must be whole, from 0`)
  if (windowSeconds !== undefined && !(Number.isInteger(windowSeconds) && windowSeconds > 0))
    throw new RangeError(`the window of '${name}' is ${windowSeconds} s; it must be a whole number of seconds from 1`)
  const qu = unit === undefined ? '' : `;qu="${unit}"`
  const w = windowSeconds === undefined ? '' : `;w=${integer(windowSeconds)}`
  return `${quoted(name)};q=${integer(quota)}${qu}${w}${partition(partitionKey)}`
}

/** Milliseconds until there is more: of a refusal until the request fits, else until the quota is whole. */
const moreMs = ({ allowed, resetMs, retryAfterMs }: LimitDecision): number =>
  allowed || retryAfterMs === Number.POSITIVE_INFINITY ? resetMs : retryAfterMs

/** What an item of RateLimit says after its name: what remains, and the seconds until there is more, rounded up. Without `t` nothing is to come back. */
export const limitParameters = (decision: LimitDecision): string => {
  const ms = moreMs(decision)
  const t = ms > 0 && ms < Number.POSITIVE_INFINITY ? `;t=${integer(Math.ceil(ms / 1_000))}` : ''
  return `;r=${integer(decision.remaining)}${t}`
}

/** One item of RateLimit. */
export const limitItem = (decision: LimitDecision, partitionKey?: string): string =>
  `${quoted(decision.limit)}${limitParameters(decision)}${partition(partitionKey)}`

/** The items of a field as one List; the draft writes it without spaces, which RFC 9651 leaves open to a sender. */
export const list = (items: readonly string[]): string => items.join(',')
