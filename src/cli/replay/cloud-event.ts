import { hash } from 'node:crypto'
import { EVENT_TYPES, type EventType } from '../../modules/metering/index.ts'
import type { EventInput } from './event-input.ts'
import { type Line, unread } from './line.ts'

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Fields of `data` that go over under their own names, as POST /usage/record has them. */
const FIELDS = [
  'provider',
  'model',
  'user_id',
  'success',
  'quantity',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'duration_ms',
  'cost',
] as const
const MAX_ID = 128
const MAX_ATTRIBUTES = 20

export const isCloudEvent = (value: unknown): boolean => isJson(value) && typeof value.specversion === 'string'

/** 'com.example.llm-completion' → LLM_COMPLETION: the end of the type, whatever its case and its separators. */
export const eventType = (type: string): EventType | undefined => {
  const name = type.toUpperCase().replaceAll(/[.\-/: ]/g, '_')
  return EVENT_TYPES.find((known) => name === known || name.endsWith(`_${known}`))
}

/** CloudEvents calls source and id together unique. */
const idOf = (source: string, id: string): string => {
  const whole = `${source}#${id}`
  return whole.length <= MAX_ID ? whole : `ce-${hash('sha256', whole)}`
}

/** What `data` says besides, where an attribute can hold it. */
const attributesOf = (data: Json): Json =>
  Object.fromEntries(
    Object.entries(data)
      .filter(
        ([name, value]) =>
          !FIELDS.some((field) => field === name) && name.length <= 64 && ['string', 'number', 'boolean'].includes(typeof value),
      )
      .map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, 500) : value])
      .slice(0, MAX_ATTRIBUTES),
  )

/**
 * A CloudEvent 1.0 in JSON as a usage event: source and id make its id, the end of `type` its type, `time` when it occurred, `subject` the
 * user where `data.user_id` names none; `data` holds the fields of POST /usage/record, and what else it holds becomes attributes.
 */
export const cloudEvent = (value: unknown, line: number): Line<{ line: number; event: EventInput }> => {
  if (!isJson(value)) return unread(line, 'a line must be a JSON object: one CloudEvent')
  const { id, source, type, time, subject, data = {} } = value
  if (value.specversion !== '1.0')
    return unread(line, `specversion is ${JSON.stringify(value.specversion)}; CloudEvents 1.0 are read`)
  const [ownId, from, name] = [textOf(id), textOf(source), textOf(type)]
  if (ownId === undefined || from === undefined || name === undefined) return unread(line, 'id, source and type must be texts')
  const known = eventType(name)
  if (!known) return unread(line, `type '${name}' ends in none of ${EVENT_TYPES.join(', ')}`)
  if (!isJson(data)) return unread(line, 'data must be a JSON object with fields as POST /usage/record has them')
  const fields = Object.fromEntries(FIELDS.flatMap((field) => (data[field] === undefined ? [] : [[field, data[field]]])))
  const attributes = attributesOf(data)
  const user = textOf(subject)
  return {
    ok: true,
    line,
    event: {
      ...(user === undefined ? {} : { user_id: user }),
      ...fields,
      id: idOf(from, ownId),
      type: known,
      ...(time === undefined ? {} : { occurred_at: String(time) }),
      ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    },
  }
}
