import pino, { type DestinationStream, type Logger } from 'pino'
import { KEY_PATTERN } from '../auth/key-format.ts'
import type { Observer } from '../http/server.ts'

const SECRET_NAMES = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'payment_method',
  'payment_token',
  'api_key',
  'connectionString',
]
/** Fields whose text is never logged, at any depth, also under a longer name. */
const SECRET_FIELD = new RegExp(String.raw`"([\w-]*(?:${SECRET_NAMES.join('|')}))":"(?:[^"\\]|\\.)*"`, 'g')
/** A password within a URL, in a message of a database driver for instance. */
const URL_PASSWORD = /(:\/\/[^\s:/@"]*:)[^\s/@"]+@/g

const REQUEST = 'request'
const REQUEST_END = `"msg":"${REQUEST}"}\n`

/**
 * A finished line without secrets: nothing nested or quoted in a message escapes it. The plain searches come first since nearly all lines
 * hold none; in a request's line, one of thousands a second, only its id is a caller's text, and that has no room for more than a key.
 */
const redact = (line: string): string => {
  let text = line.includes('cog_') ? line.replace(KEY_PATTERN, '[key]') : line
  if (text.endsWith(REQUEST_END)) return text
  if (SECRET_NAMES.some((name) => text.includes(name))) text = text.replace(SECRET_FIELD, '"$1":"[redacted]"')
  return text.includes('://') ? text.replace(URL_PASSWORD, '$1[redacted]@') : text
}

/** One write for the lines of one turn of the event loop; what a turn that ends the process wrote is written too. */
const everyTurn = (stream: DestinationStream): DestinationStream => {
  let lines = ''
  const flush = (): void => {
    const text = lines
    lines = ''
    if (text !== '') stream.write(text)
  }
  process.once('exit', flush)
  return {
    write(line) {
      if (lines === '') setImmediate(flush)
      lines += line
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

/** Structured logs, one JSON line an event. */
export const logger = (level: string, destination?: DestinationStream): Logger => {
  const stream = destination ?? everyTurn(pino.destination(2))
  return pino({ level, base: null, timestamp: timestamps() }, { write: (line) => stream.write(redact(line)) })
}

/** One line a request: which route, for whom, how it ended. Paths with ids stay out of it; the request's id leads to the audit log. */
export const requestLog: Observer = {
  ended(request, _reply, route, milliseconds, status) {
    const line = {
      request_id: request.id,
      trace_id: request.traceId,
      tenant_id: request.tenantId,
      key_id: request.caller?.keyId,
      route,
      method: request.method,
      status,
      ms: Math.round(milliseconds * 10) / 10,
    }
    if (status >= 500) request.log.error(line, REQUEST)
    else request.log.info(line, REQUEST)
  },
}
