import { createReadStream } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { configError } from '../../platform/errors.ts'
import { cloudEvent, isCloudEvent } from './cloud-event.ts'
import type { EventInput } from './event-input.ts'
import { type Line, unread } from './line.ts'
import { providerEvent } from './provider-log.ts'
import { isTraceHeader, readTrace } from './trace-csv.ts'

export interface ModelName {
  readonly provider: string
  readonly model: string
}

export type EventLine = Line<{ readonly line: number; readonly event: EventInput }>
export type Format = 'trace' | 'cloudevents' | 'responses'

export interface ReadOptions {
  readonly path: string
  /** Told, not guessed. */
  readonly format?: Format | undefined
  /** Whose calls a trace holds: it does not say. */
  readonly traced: ModelName
}

const linesOf = (path: string) => createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const firstLine = async (path: string): Promise<string> => {
  const lines = linesOf(path)
  try {
    for await (const line of lines) if (line.trim() !== '') return line
    return ''
  } finally {
    lines.close()
  }
}

const empty = (path: string) => configError('file_empty', `${path} is empty; check that it was written to its end`)

/** Throws `file_not_readable` or `file_empty`. */
export const insistReadable = async (path: string): Promise<void> => {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw configError('file_not_readable', `cannot read ${path}; check the path`, {}, { cause: error })
  })
  const found = await stat(path)
  if (found.isDirectory()) throw configError('file_not_readable', `${path} is a folder; name a file in it`)
  if (found.isFile() && found.size === 0) throw empty(path)
}

/** Tells by its first line what a file holds. Throws `file_format_unknown`, which says what can be read, or as `insistReadable`. */
export const formatOf = async (path: string): Promise<Format> => {
  await insistReadable(path)
  const first = await firstLine(path)
  if (first === '') throw empty(path)
  if (isTraceHeader(first)) return 'trace'
  const value = parse(first.replace(/^\uFEFF/, ''))
  if (isCloudEvent(value)) return 'cloudevents'
  if (typeof value === 'object' && value !== null) return 'responses'
  throw configError(
    'file_format_unknown',
    `${path} begins with none of: the CSV header TIMESTAMP,ContextTokens,GeneratedTokens; a CloudEvent; a provider's response as JSON (one a line)`,
  )
}

/** Every line of a file as an event, or why it is none. Ids stay the same when the file is read again. */
export async function* readEvents({ path, format, traced }: ReadOptions): AsyncGenerator<EventLine, void, void> {
  const source = basename(path)
  const read = format ?? (await formatOf(path))
  if (read === 'trace') {
    for await (const call of readTrace(path)) {
      if (!call.ok) yield call
      else {
        const { line, at, inputTokens, outputTokens } = call
        const tokens = { input_tokens: inputTokens, output_tokens: outputTokens }
        yield {
          ok: true,
          line,
          event: { id: `${source}:${line}`, type: 'LLM_COMPLETION', occurred_at: at, ...traced, ...tokens },
        }
      }
    }
    return
  }
  let line = 0
  for await (const text of linesOf(path)) {
    line += 1
    if (text.trim() === '') continue
    const value = parse(line === 1 ? text.replace(/^\uFEFF/, '') : text)
    if (value === undefined) yield unread(line, 'not JSON')
    else yield read === 'cloudevents' ? cloudEvent(value, line) : providerEvent(value, line, source)
  }
}
