import { STATUS_CODES } from 'node:http'
import { DecimalError } from '../../lib/decimal.ts'
import { AppError, type ErrorKind, unavailable, unprocessable } from '../errors.ts'

/** RFC 9457 problem details, with the stable code that programs read and the request's id that people quote. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly request_id: string
  readonly [extension: string]: unknown
}

/** The one place where a kind of error becomes a status. */
const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  payment_required: 402,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported: 415,
  unprocessable: 422,
  quota: 429,
  unavailable: 503,
  config: 500,
} as const satisfies Record<ErrorKind, number>

const FASTIFY_ERRORS: Readonly<Record<string, readonly [ErrorKind, string, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'body_too_large', 'the body is larger than this endpoint takes; send it in parts'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported', 'content_type_unsupported', 'send the body as application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid', 'body_empty', 'the body is empty; send a JSON object'],
  FST_ERR_BAD_URL: ['invalid', 'url_malformed', 'the path has a % that is not followed by two hexadecimal digits'],
  FST_ERR_MAX_PARAM_LENGTH: ['invalid', 'url_too_long', 'a part of the path is longer than any id'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid', 'body_incomplete', 'the body is not as long as Content-Length says'],
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** PostgreSQL gave up on a transaction for reasons of its moment: deadlock, serialisation, a lock or a statement that took too long. */
const MOMENTARY = new Set(['40001', '40P01', '55P03', '57014'])

/** What the caller is told about a thrown thing; undefined: nothing but that something went wrong. */
export const tellable = (error: unknown): AppError | undefined => {
  if (error instanceof AppError) return error.kind === 'config' ? undefined : error
  if (error instanceof DecimalError) return unprocessable(`amount_${error.code}`, error.message)
  const code = codeOf(error)
  if (MOMENTARY.has(code)) return unavailable('database_busy', 'the database is busy with this just now; retry in a second')
  const known = FASTIFY_ERRORS[code]
  return known ? new AppError(known[0], known[1], known[2]) : undefined
}

/** Codes whose problems have a type of their own elsewhere: draft-ietf-httpapi-ratelimit-headers-10, section 5.1. */
const REGISTERED: Readonly<Record<string, readonly [type: string, title: string]>> = {
  rate_limited: [
    'https://iana.org/assignments/http-problem-types#quota-exceeded',
    'Request cannot be satisfied as assigned quota has been exceeded',
  ],
}

const INTERNAL = { code: 'internal_error', detail: 'something went wrong on our side; quote the request_id when you report it' }

/** The body for an error. Anything that is not meant for the caller becomes a 500 that tells nothing. */
export const problemOf = (error: unknown, requestId: string, otherStatus?: number): Problem => {
  const told = tellable(error)
  const status = otherStatus ?? (told ? STATUS[told.kind] : 500)
  const code = told?.code ?? INTERNAL.code
  const [type, title] = REGISTERED[code] ?? [`urn:cognitionos:problem:${code}`, STATUS_CODES[status] ?? 'Error']
  return {
    ...told?.details,
    type,
    title,
    status,
    detail: told?.message ?? INTERNAL.detail,
    code,
    request_id: requestId,
  }
}

/** Seconds after which a try may succeed, for the answers that ask for one. */
export const retryAfterOf = (error: unknown): number | undefined => {
  const told = tellable(error)
  if (!told) return undefined
  const { retry_after: given } = told.details
  // Named and left open: no wait helps.
  if ('retry_after' in told.details) return typeof given === 'number' ? given : undefined
  return told.kind === 'unavailable' ? 1 : told.kind === 'quota' ? 60 : undefined
}
