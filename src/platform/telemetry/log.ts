import pino, { type DestinationStream, type Logger } from 'pino'
import { KEY_PATTERN } from '../auth/key-format.ts'
import type { Observer } from '../http/server.ts'

const SECRET_FIELDS = ['authorization', 'cookie', 'password', 'secret', 'payment_method', 'url', 'connectionString']

const paths = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/** Structured logs, one JSON line an event. Keys and passwords never reach them: by field name, and keys by their shape anywhere. */
export const logger = (level: string, destination?: DestinationStream): Logger => {
  const stream = destination ?? pino.destination(2)
  const redacting: DestinationStream = { write: (line) => stream.write(line.replaceAll(KEY_PATTERN, '[key]')) }
  return pino({ level, redact: { paths, censor: '[redacted]' }, base: null, timestamp: pino.stdTimeFunctions.isoTime }, redacting)
}

/** One line a request: which route, for whom, how it ended. Paths with ids stay out of it; the request's id leads to the audit log. */
export const requestLog: Observer = {
  ended(request, reply, route, milliseconds) {
    const level = reply.statusCode >= 500 ? 'error' : 'info'
    request.log[level](
      {
        request_id: request.id,
        tenant_id: request.tenantId,
        route,
        method: request.method,
        status: reply.statusCode,
        ms: Math.round(milliseconds * 10) / 10,
      },
      'request',
    )
  },
}
