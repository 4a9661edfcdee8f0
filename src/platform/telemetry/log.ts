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

/**
 * A finished line without secrets: nothing nested or quoted in a message escapes it. The plain searches come first since nearly all lines
 * hold none.
 */
const redact = (line: string): string => {
  let text = line.includes('cog_') ? line.replace(KEY_PATTERN, '[key]') : line
  if (SECRET_NAMES.some((name) => text.includes(name))) text = text.replace(SECRET_FIELD, '"$1":"[redacted]"')
  return text.includes('://') ? text.replace(URL_PASSWORD, '$1[redacted]@') : text
}

/** Structured logs, one JSON line an event. */
export const logger = (level: string, destination?: DestinationStream): Logger => {
  const stream = destination ?? pino.destination(2)
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line) => stream.write(redact(line)) })
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
    if (status >= 500) request.log.error(line, 'request')
    else request.log.info(line, 'request')
  },
}
