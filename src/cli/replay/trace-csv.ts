import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'
import { type Line, unread } from './line.ts'

export interface TraceCall {
  readonly line: number
  /** RFC 3339, with the fraction digits of the file. */
  readonly at: string
  readonly inputTokens: number
  readonly outputTokens: number
}

const COLUMNS = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const
/** UTC without saying so: '2023-11-16 18:17:03.9799600'; an offset is taken where there is one. */
const TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?$/

/** undefined: not a time. */
export const traceTime = (text: string): string | undefined => {
  const [, date, time, offset = 'Z'] = TIME.exec(text.trim()) ?? []
  if (!date || !time) return undefined
  try {
    return offset === 'Z'
      ? Temporal.Instant.from(`${date}T${time}Z`) && `${date}T${time}Z`
      : Temporal.Instant.from(`${date}T${time}${offset}`).toString()
  } catch {
    return undefined
  }
}

const tokens = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined

const callOf = (row: Readonly<Record<string, string>>, line: number): Line<TraceCall> => {
  const at = traceTime(row.TIMESTAMP ?? '')
  if (at === undefined) return unread(line, `TIMESTAMP '${row.TIMESTAMP ?? ''}' is no time such as 2023-11-16 18:17:03.9799600`)
  const [inputTokens, outputTokens] = [tokens(row.ContextTokens), tokens(row.GeneratedTokens)]
  if (inputTokens === undefined) return unread(line, `ContextTokens '${row.ContextTokens ?? ''}' is no whole number`)
  if (outputTokens === undefined) return unread(line, `GeneratedTokens '${row.GeneratedTokens ?? ''}' is no whole number`)
  return { ok: true, line, at, inputTokens, outputTokens }
}

export const isTraceHeader = (line: string): boolean => {
  const names = line
    .replace(/^\uFEFF/, '')
    .trim()
    .split(',')
  return COLUMNS.every((name) => names.includes(name))
}

/** Calls of a trace with the columns TIMESTAMP, ContextTokens and GeneratedTokens, as they stream in. */
export async function* readTrace(path: string): AsyncGenerator<Line<TraceCall>, void, void> {
  const rows = createReadStream(path).pipe(
    parse({ columns: true, bom: true, info: true, skip_empty_lines: true, relax_column_count: true, trim: true }),
  )
  for await (const { record, info } of rows) yield callOf(record, info.lines)
}
