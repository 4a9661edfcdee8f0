import { basename } from 'node:path'
import { configError } from '../../platform/errors.ts'
import { readTrace, type TraceCall } from '../replay/trace-csv.ts'
import { grouped } from '../table.ts'
import type { Scene } from './meter.ts'
import type { Actor } from './set-up.ts'
import { type Month, pick, seeded, timeText, trafficOf, type Use } from './traffic.ts'

export interface Script {
  readonly scenes: readonly Scene[]
  /** What is metered, for the screen. */
  readonly source: readonly string[]
}

const SEED = 20_231_116

const generated = (actors: readonly Actor[], month: Month): Script => ({
  scenes: actors.map((actor, index) => ({ actor, events: trafficOf(actor.role, month, SEED + index) })),
  source: [
    `Generated traffic (seed ${SEED}), not real calls: token lengths follow the quantiles of the`,
    'Azure LLM inference traces 2023 (Patel et al., Splitwise, ISCA 2024, CC-BY-4.0).',
  ],
})

const readCalls = async (path: string): Promise<TraceCall[]> => {
  const calls: TraceCall[] = []
  let [broken, why] = [0, '']
  for await (const line of readTrace(path)) {
    if (line.ok) calls.push(line)
    else {
      broken += 1
      why ||= `line ${line.line}: ${line.why}`
    }
  }
  if (broken > 0) throw configError('trace_not_readable', `${path}: ${broken} lines are no calls; ${why}`)
  if (calls.length === 0)
    throw configError('trace_empty', `${path} holds no calls; it needs TIMESTAMP, ContextTokens and GeneratedTokens`)
  return calls.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

/** Each call goes to one of the cast, by its share; models and tenants are ours, tokens and the rhythm the trace's. */
const traced = async (actors: readonly Actor[], month: Month, path: string): Promise<Script> => {
  const calls = await readCalls(path)
  const [first, last] = [Date.parse(calls[0]?.at ?? ''), Date.parse(calls.at(-1)?.at ?? '')]
  const span = Math.max(1, last - first)
  const [from, length] = [month.start.epochMilliseconds, month.end.epochMilliseconds - month.start.epochMilliseconds - 1]
  const random = seeded(SEED)
  const weighted = actors.map((actor) => ({ actor, weight: actor.role.traceShare }))
  const events = new Map<Actor, Use[]>(actors.map((actor) => [actor, []]))
  for (const { line, at, inputTokens, outputTokens } of calls) {
    const { actor } = pick(weighted, random)
    const { provider, model } = pick(actor.role.models, random)
    const when = from + Math.floor(((Date.parse(at) - first) / span) * length)
    events.get(actor)?.push({
      id: `${basename(path)}:${line}`,
      type: 'LLM_COMPLETION',
      occurred_at: timeText(Temporal.Instant.fromEpochMilliseconds(when)),
      provider,
      model,
      input_tokens: inputTokens,
      output_tokens: outputTokens,
    })
  }
  const minutes = grouped(Math.round(span / 60_000))
  return {
    scenes: actors.map((actor) => ({ actor, events: events.get(actor) ?? [] })),
    source: [
      `${basename(path)}: ${grouped(calls.length)} recorded calls with their own token counts; their`,
      `${minutes} minutes are stretched over the month and dealt out to the four tenants and their models.`,
    ],
  }
}

export const scenesOf = (actors: readonly Actor[], month: Month, trace: string | undefined): Promise<Script> =>
  trace === undefined ? Promise.resolve(generated(actors, month)) : traced(actors, month, trace)
