import { AppError } from '../../platform/errors.ts'
import type { Api, Body } from '../api.ts'
import type { Progress } from '../progress.ts'
import { field, rowsIn } from '../reply.ts'
import { grouped, type Paint } from '../table.ts'
import { type DemoClock, daysOf, minuteName } from './month.ts'
import type { Actor } from './set-up.ts'
import { type Month, timeText, type Use } from './traffic.ts'

export interface Scene {
  readonly actor: Actor
  /** In order of time. */
  readonly events: readonly Use[]
}

export interface Metered {
  readonly events: number
  readonly seconds: number
  /** Calls refused, by tenant. */
  readonly refused: ReadonlyMap<string, number>
}

export interface MeterOptions {
  readonly api: Api
  readonly clock: DemoClock
  readonly month: Month
  readonly scenes: readonly Scene[]
  readonly progress: Progress
  readonly paint: Paint
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

const BATCH = 5_000
const isCall = ({ type }: Use): boolean => type === 'LLM_COMPLETION'
const numberIn = (body: Body, name: string): number => Number(body[name] ?? 0)

/** Sends one call that the plan stops, on its own, to hear what a caller hears. */
const answerTo = async (api: Api, tenantId: string, event: Use): Promise<string> => {
  try {
    await api.call('POST', '/usage/record', { ...event, tenant_id: tenantId })
    return 'accepted'
  } catch (error) {
    if (error instanceof AppError) return `${field(error.details, 'status')} ${error.code}`
    throw error
  }
}

/** Meters the month day by day for all tenants at once; the clock goes along. Tells the first stop and the first overage as they happen. */
export const meterMonth = async (options: MeterOptions): Promise<Metered> => {
  const { api, clock, month, scenes, progress, paint, signal, nowMs } = options
  const total = scenes.reduce((sum, { events }) => sum + events.length, 0)
  const refused = new Map<string, number>()
  const calls = new Map<string, number>()
  const sent = new Map<string, number>()
  const started = nowMs()
  let done = 0

  const tellOverage = ({ role, planName, includedCalls, overagePrice }: Actor, at: Use): void => {
    const when = minuteName(Temporal.Instant.from(at.occurred_at))
    progress.say(
      `  ${paint.warn('▲')} ${when}  ${role.name} (${planName}) makes call ${grouped(includedCalls + 1)} of ${grouped(includedCalls)}: overage from here, ${overagePrice ?? '0'} USD per 1,000`,
    )
  }
  const tellStop = async ({ role, planName, tenantId, includedCalls }: Actor, event: Use): Promise<void> => {
    const when = minuteName(Temporal.Instant.from(event.occurred_at))
    const answer = await answerTo(api, tenantId, event)
    progress.say(
      `  ${paint.bad('■')} ${when}  ${role.name} (${planName}) makes call ${grouped(includedCalls + 1)} of ${grouped(includedCalls)}: ${answer}, the plan stops here`,
    )
  }

  const send = async ({ actor }: Scene, events: readonly Use[]): Promise<void> => {
    const { tenantId, includedCalls, overagePrice } = actor
    const reply = await api.call('POST', '/usage/batch', { tenant_id: tenantId, events })
    const rejected = rowsIn(reply, 'rejected')
    const before = calls.get(tenantId) ?? 0
    const made = events.filter(isCall)
    calls.set(tenantId, before + made.length - rejected.length)
    const first = rejected[0]
    const stopped = first && events[numberIn(first, 'index')]
    const over = overagePrice === undefined ? undefined : made[includedCalls - before]
    if (over && before <= includedCalls) tellOverage(actor, over)
    if (stopped && !refused.has(tenantId)) await tellStop(actor, stopped)
    if (rejected.length > 0) refused.set(tenantId, (refused.get(tenantId) ?? 0) + rejected.length)
    done += events.length
    progress.show(done, total)
  }

  const day = async (scene: Scene, until: string): Promise<void> => {
    const from = sent.get(scene.actor.tenantId) ?? 0
    const next = scene.events.findIndex(({ occurred_at }, index) => index >= from && occurred_at > until)
    const to = next === -1 ? scene.events.length : next
    sent.set(scene.actor.tenantId, to)
    for (let at = from; at < to; at += BATCH) await send(scene, scene.events.slice(at, Math.min(to, at + BATCH)))
  }

  const days = daysOf(month)
  for (const until of days) {
    signal.throwIfAborted()
    clock.set(until)
    // The clock stops short of the month's end, where the next period would begin; the last day's events all belong to it.
    const ends = until === days.at(-1) ? month.end : until
    await Promise.all(scenes.map((scene) => day(scene, timeText(ends))))
  }
  progress.end()
  return { events: done, seconds: (nowMs() - started) / 1_000, refused }
}
