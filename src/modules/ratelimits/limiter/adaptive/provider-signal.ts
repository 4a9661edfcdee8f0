import type { ProviderSignal } from './observation.ts'

/** Of fetch, or of node:http and clients that hand over a record. Names may be in any case. */
export type ProviderHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>

export interface ProviderSignalOptions {
  /** What the limit counts: providers tell of both. Fields that do not say, as plain `x-ratelimit-limit`, are of requests. */
  readonly of: 'requests' | 'tokens'
  /** When the answer came, for dates. */
  readonly nowMs: number
  /** The provider refused: without a Retry-After the time of the reset is the wait. */
  readonly refused?: boolean
}

type Read = (name: string) => string | undefined

const isFetched = (headers: ProviderHeaders): headers is { get(name: string): string | null } => typeof headers.get === 'function'

/** Of a field that was sent twice the first. */
const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0]

const readerOf = (headers: ProviderHeaders): Read => {
  if (isFetched(headers)) return (name) => headers.get(name)?.trim()
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), textOf(value)?.trim()]))
  return (name) => byName.get(name)
}

const COUNT = /^\d{1,15}$/
const DECIMAL = /^\d{1,12}(?:\.\d{1,9})?$/
const GO_DURATION = /^(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s|us|µs|ns))+$/
const GO_PART = /([\d.]+)(h|ms|m|s|us|µs|ns)/g
const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 }
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/
/** RFC 9110, section 5.6.7: the form that is sent, and the two obsolete ones that are to be understood. Date.parse alone reads dates into anything. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT)$/
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/
/** Seconds from here on are no wait but an instant since the epoch, of 2001 or later. */
const EPOCH_SECONDS = 1_000_000_000

const count = (text: string | undefined): number | undefined => (text && COUNT.test(text) ? Number(text) : undefined)
const decimal = (text: string): number | undefined => (DECIMAL.test(text) ? Number(text) : undefined)

const duration = (text: string): number | undefined => {
  if (!GO_DURATION.test(text)) return undefined
  let ms = 0
  for (const [, amount, unit = ''] of text.matchAll(GO_PART)) ms += Number(amount) * (UNIT_MS[unit] ?? 0)
  return Math.ceil(ms)
}

const untilDate = (text: string, nowMs: number): number | undefined => {
  const dated = ASCTIME.test(text) ? `${text} GMT` : RFC_3339.test(text) || HTTP_DATE.test(text) ? text : ''
  const ms = Date.parse(dated)
  return Number.isNaN(ms) ? undefined : Math.max(0, ms - nowMs)
}

const untilReset = (text: string, nowMs: number): number | undefined => {
  const seconds = decimal(text)
  if (seconds === undefined) return duration(text) ?? untilDate(text, nowMs)
  return seconds < EPOCH_SECONDS ? Math.ceil(seconds * 1_000) : Math.max(0, Math.ceil(seconds * 1_000) - nowMs)
}

const retryAfter = (read: Read, nowMs: number): number | undefined => {
  const exact = decimal(read('retry-after-ms') ?? '')
  if (exact !== undefined) return Math.ceil(exact)
  const text = read('retry-after') ?? ''
  const seconds = decimal(text)
  return seconds === undefined ? untilDate(text, nowMs) : Math.ceil(seconds * 1_000)
}

/** By the names of OpenAI and those that follow it, of Anthropic, and the plain ones. */
const namesOf = (what: 'limit' | 'remaining' | 'reset', of: 'requests' | 'tokens'): readonly string[] => [
  `x-ratelimit-${what}-${of}`,
  `anthropic-ratelimit-${of}-${what}`,
  ...(of === 'requests' ? [`x-ratelimit-${what}`] : []),
]

/** The first that is understood. */
const first = <T>(names: readonly string[], read: Read, parse: (text: string) => T | undefined): T | undefined => {
  for (const name of names) {
    const value = parse(read(name) ?? '')
    if (value !== undefined) return value
  }
  return undefined
}

/** What a provider's answer says of its limit, by its headers, for `Observation.provider`. What is not understood is as if it were not there. */
export const providerSignal = (
  headers: ProviderHeaders,
  { of, nowMs, refused = false }: ProviderSignalOptions,
): ProviderSignal => {
  const read = readerOf(headers)
  const limit = first(namesOf('limit', of), read, count)
  const remaining = first(namesOf('remaining', of), read, count)
  const reset = refused ? first(namesOf('reset', of), read, (text) => untilReset(text, nowMs)) : undefined
  const retryAfterMs = retryAfter(read, nowMs) ?? reset
  return {
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}
