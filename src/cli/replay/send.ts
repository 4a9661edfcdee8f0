import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../platform/errors.ts'
import type { Api, Body } from '../api.ts'
import type { EventInput } from './event-input.ts'
import { type Unread, unread } from './line.ts'

export interface SentLine {
  readonly line: number
  readonly event: EventInput
}

export interface Sent {
  readonly accepted: number
  readonly duplicates: number
  readonly unpriced: number
  /** Those that the server took, as new or as known ones, or refused for the plan. */
  readonly sent: readonly SentLine[]
  /** Understood, but the tenant's plan stops. */
  readonly refused: readonly Unread[]
  /** Not valid; the others of the batch went in without them. */
  readonly invalid: readonly Unread[]
}

const TRIES = 6

const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null
const listOf = (value: unknown): readonly Body[] => (Array.isArray(value) ? value.filter(isBody) : [])
const countOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Index → why, of the events for which the server refused a batch; empty: it refused for another reason. */
const culprits = ({ details, message }: AppError): ReadonlyMap<number, string> => {
  if (typeof details.index === 'number') return new Map([[details.index, message.replace(/^event \d+: /, '')]])
  return new Map(
    listOf(details.errors).flatMap(({ field, message: why }) => {
      const [, index, name] = /^events\.(\d+)\.?(.*)$/.exec(String(field)) ?? []
      return index === undefined ? [] : [[Number(index), `${name} ${String(why)}`.trim()] as const]
    }),
  )
}

/** What a rate limit asks to wait for, in milliseconds: a tenant's own key has the calls a minute of its plan. */
const toldToWait = (error: unknown): number | undefined => {
  if (!(error instanceof AppError) || error.code !== 'rate_limited') return undefined
  const { retry_after: seconds } = error.details
  return typeof seconds === 'number' ? seconds * 1_000 : undefined
}

const post = async (api: Api, body: Body): Promise<Body> => {
  for (let attempt = 1; ; ) {
    try {
      return await api.call('POST', '/usage/batch', body)
    } catch (error) {
      const told = toldToWait(error)
      if (told !== undefined) {
        await sleep(told)
        continue
      }
      const passing = error instanceof AppError && error.kind === 'unavailable' && error.code !== 'server_unreachable'
      if (!passing || attempt === TRIES) throw error
      await sleep(250 * 2 ** attempt) // ids make a repetition harmless
      attempt += 1
    }
  }
}

/** Sends one batch. An event that is not valid is left out and told, and the rest is sent again. */
export const sendBatch = async (api: Api, tenantId: string | undefined, lines: readonly SentLine[]): Promise<Sent> => {
  const invalid: Unread[] = []
  const tenant = tenantId === undefined ? {} : { tenant_id: tenantId }
  let left = lines
  while (left.length > 0) {
    try {
      const reply = await post(api, { ...tenant, events: left.map(({ event }) => event) })
      const refused = listOf(reply.rejected).map(({ index, detail }) => unread(left[countOf(index)]?.line ?? 0, String(detail)))
      const { accepted, duplicates, unpriced } = reply
      const counts = { accepted: countOf(accepted), duplicates: countOf(duplicates), unpriced: countOf(unpriced) }
      return { ...counts, sent: left, refused, invalid }
    } catch (error) {
      const bad = error instanceof AppError && error.kind === 'unprocessable' ? culprits(error) : new Map<number, string>()
      if (bad.size === 0) throw error
      for (const [index, why] of bad) invalid.push(unread(left[index]?.line ?? 0, why))
      left = left.filter((_, index) => !bad.has(index))
    }
  }
  return { accepted: 0, duplicates: 0, unpriced: 0, sent: [], refused: [], invalid }
}
