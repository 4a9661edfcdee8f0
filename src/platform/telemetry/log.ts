import pino, { type DestinationStream, type Logger } from 'pino'
import { withoutKeys } from '../auth/key-format.ts'
import type { Observer } from '../http/server.ts'

const SECRET_NAMES = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'payment_method',
  'paymentMethod',
  'token',
  'Token',
  'api_key',
  'apiKey',
  'connectionString',
]
/** Fields whose text is never logged, at any depth, also under a longer name. */
const SECRET_FIELD = new RegExp(String.raw`"([\w-]*(?:${SECRET_NAMES.join('|')}))":"(?:[^"\\]|\\.)*"`, 'g')
/** PostgreSQL's words for a row that broke a rule hold all of the row. */
const FAILING_ROW = /(Failing row contains) \((?:[^"\\]|\\.)*/g
/** A password within a URL, in a message of a database driver for instance. */
const URL_PASSWORD = /(:\/\/[^\s:/@"]*:)[^\s/@"]+@/g

/**
 * A finished line without secrets: nothing nested or quoted in a message escapes it. The plain searches come first since nearly all lines
 * hold none.
 */
const redact = (line: string): string => {
  let text = withoutKeys(line)
  if (SECRET_NAMES.some((name) => text.includes(name))) text = text.replace(SECRET_FIELD, '"$1":"[redacted]"')
  if (text.includes('Failing row contains')) text = text.replace(FAILING_ROW, '$1 [redacted]')
  return text.includes('://') ? text.replace(URL_PASSWORD, '$1[redacted]@') : text
}

const TOGETHER_MS = 10
const MOST_TOGETHER = 65_536

/** One write for the lines of some milliseconds, since a write costs more than a line; what a process that ends has not written is written. */
const together = (stream: DestinationStream): DestinationStream => {
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const text = lines
    lines = ''
    if (text !== '') stream.write(text)
  }
  process.once('exit', flush)
  return {
    write(line) {
      lines += line
      if (lines.length >= MOST_TOGETHER) flush()
      else timer ??= setTimeout(flush, TOGETHER_MS).unref()
    },
  }
}

/** The time of a line; thousands of lines a second share a millisecond, and its text. */
const timestamps = (): (() => string) => {
  let lastMs = -1
  let text = ''
  return () => {
    const ms = Date.now()
    if (ms !== lastMs) {
      lastMs = ms
      text = `,"time":"${new Date(ms).toISOString()}"`
    }
    return text
  }
}

/** Where the lines of requests go, past pino: thousands a second, whose fields are known and flat. */
interface Direct {
  readonly stream: DestinationStream
  readonly timestamp: () => string
}
const directs = new WeakMap<object, Direct>()

/** Structured logs, one JSON line an event. */
export const logger = (level: string, destination?: DestinationStream): Logger => {
  const stream = destination ?? together(pino.destination(2))
  const timestamp = timestamps()
  const log = pino({ level, base: null, timestamp }, { write: (line) => stream.write(redact(line)) })
  directs.set(log, { stream, timestamp })
  return log
}

/** One line a request: which route, for whom, how it ended. Paths with ids stay out of it; the request's id leads to the audit log. */
export const requestLog = (log: Logger): Observer => {
  const direct = directs.get(log)
  if (!direct) throw new Error('requests are logged where `logger` opened the log')
  const { stream, timestamp } = direct
  return {
    ended({ id, traceId, tenantId, caller, method }, _reply, route, milliseconds, status) {
      const level = status >= 500 ? 'error' : 'info'
      if (!log.isLevelEnabled(level)) return
      const line = JSON.stringify({
        request_id: withoutKeys(id), // a caller's text, the only one
        trace_id: traceId,
        tenant_id: tenantId,
        key_id: caller?.keyId,
        route,
        method,
        status,
        ms: Math.round(milliseconds * 10) / 10,
        msg: 'request',
      })
      stream.write(`{"level":${pino.levels.values[level]}${timestamp()},${line.slice(1)}\n`)
    },
  }
}
