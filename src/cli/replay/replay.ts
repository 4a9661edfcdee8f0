import { setTimeout as sleep } from 'node:timers/promises'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { AppError } from '../../platform/errors.ts'
import type { Api } from '../api.ts'
import type { Unread } from './line.ts'
import type { EventLine } from './read-file.ts'
import { type SentLine, sendBatch } from './send.ts'

export interface ReplayOptions {
  readonly api: Api
  /** undefined: the key is the tenant's own. */
  readonly tenantId: string | undefined
  /** Reads the file from its start, each time it is called. */
  readonly read: () => AsyncIterable<EventLine>
  /** Moves all events by the same time so that the last occurs now. */
  readonly shiftTo?: Temporal.Instant | undefined
  /** Times as fast as it happened; undefined: as fast as it goes. */
  readonly speed?: number | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  readonly nowMs: () => number
}

export interface ReplayReport {
  /** Lines that were understood and sent. */
  readonly events: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly accepted: number
  readonly duplicates: number
  readonly unpriced: number
  /** What the accepted events added to the tenant's cost, US dollars. */
  readonly cost: string | null
  readonly refused: readonly Unread[]
  readonly unread: readonly Unread[]
  readonly seconds: number
  readonly events_per_second: number
}

const BATCH = 5_000
/** At a given speed, events wait for each other up to this long. */
const TICK_MS = 250

const msOf = (text: string | undefined): number => (text === undefined ? Number.NaN : Date.parse(text))
const tokensOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

interface Survey {
  readonly lines: number
  readonly firstMs: number
  readonly lastMs: number
  readonly last: string | undefined
}

/** Goes over the file once: how much there is, and from when to when. */
const survey = async (read: ReplayOptions['read']): Promise<Survey> => {
  let [lines, firstMs, lastMs] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let last: string | undefined
  for await (const line of read()) {
    lines += 1
    const ms = line.ok ? msOf(line.event.occurred_at) : Number.NaN
    if (ms < firstMs) firstMs = ms
    if (ms > lastMs) [lastMs, last] = [ms, line.ok ? line.event.occurred_at : undefined]
  }
  return { lines, firstMs, lastMs, last }
}

/** What the tenant's use of that time costs; undefined: no such time, or the key may not look. */
const costWithin = async ({ api, tenantId }: ReplayOptions, fromMs: number, toMs: number): Promise<bigint | undefined> => {
  if (!Number.isFinite(fromMs) || tenantId === undefined) return undefined
  const hour = 3_600_000
  const from = Temporal.Instant.fromEpochMilliseconds(Math.floor(fromMs / hour) * hour)
  const to = Temporal.Instant.fromEpochMilliseconds((Math.floor(toMs / hour) + 1) * hour)
  try {
    const { cost, total } = await api.call('GET', `/usage/${encodeURIComponent(tenantId)}/summary?from=${from}&to=${to}`)
    const told = cost ?? (typeof total === 'object' && total !== null && 'cost' in total ? total.cost : undefined)
    return typeof told === 'string' ? parseDecimal(told) : undefined
  } catch (error) {
    // A key that may only write, or a file over a longer time than a summary takes.
    if (error instanceof AppError && (error.kind === 'forbidden' || error.code === 'range_invalid')) return undefined
    throw error
  }
}

const later = (text: string, by: Temporal.Duration): string => Temporal.Instant.from(text).add(by).toString()

/** Sends a file's events in batches. Sent again, its events are duplicates: nothing changes. */
export const replay = async (options: ReplayOptions): Promise<ReplayReport> => {
  const { api, tenantId, read, shiftTo, speed, onProgress, nowMs } = options
  const found = await survey(read)
  const by = shiftTo && found.last !== undefined ? Temporal.Instant.from(found.last).until(shiftTo) : undefined
  const byMs = by ? by.total('milliseconds') : 0
  const before = await costWithin(options, found.firstMs + byMs, found.lastMs + byMs)
  const tally = { events: 0, input_tokens: 0, output_tokens: 0, accepted: 0, duplicates: 0, unpriced: 0 }
  const refused: Unread[] = []
  const unread: Unread[] = []
  const started = nowMs()
  let waiting: SentLine[] = []
  let done = 0
  let flushed = started

  const flush = async (): Promise<void> => {
    const sent = await sendBatch(api, tenantId, waiting)
    waiting = []
    flushed = nowMs()
    tally.events += sent.sent.length
    for (const { event } of sent.sent) {
      tally.input_tokens += tokensOf(event.input_tokens)
      tally.output_tokens += tokensOf(event.output_tokens)
    }
    tally.accepted += sent.accepted
    tally.duplicates += sent.duplicates
    tally.unpriced += sent.unpriced
    refused.push(...sent.refused)
    unread.push(...sent.invalid)
    onProgress?.(done, found.lines)
  }

  for await (const line of read()) {
    done += 1
    if (!line.ok) {
      unread.push(line)
      continue
    }
    const { occurred_at: at } = line.event
    const event = by && at !== undefined ? { ...line.event, occurred_at: later(at, by) } : line.event
    const waitMs = speed === undefined || at === undefined ? 0 : (msOf(at) - found.firstMs) / speed - (nowMs() - started)
    const idle = speed !== undefined && nowMs() - flushed > TICK_MS
    if (waiting.length > 0 && (waitMs > TICK_MS || idle || waiting.length >= BATCH)) await flush()
    if (waitMs > 0) await sleep(waitMs)
    waiting.push({ line: line.line, event })
  }
  if (waiting.length > 0) await flush()
  const seconds = (nowMs() - started) / 1_000
  const after = await costWithin(options, found.firstMs + byMs, found.lastMs + byMs)
  const cost = before === undefined || after === undefined ? null : formatDecimal(after - before)
  return {
    ...tally,
    cost,
    refused,
    unread: unread.toSorted((a, b) => a.line - b.line),
    seconds,
    events_per_second: seconds > 0 ? Math.round(tally.events / seconds) : 0,
  }
}
